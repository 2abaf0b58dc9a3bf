export interface Advisory {
  /** Of the package. */
  readonly name: string;
  readonly severity: 'info' | 'low' | 'moderate' | 'high' | 'critical';
  /** What is known of it; a package that only depends on a vulnerable one names that one. */
  readonly titles: readonly string[];
}

export type Advisories =
  | { readonly packages: number; readonly advisories: readonly Advisory[] }
  | { readonly unanswered: string };

/** What `npm audit --json` writes to standard output, in both its forms. */
interface AuditOutput {
  readonly message?: string;
  readonly metadata?: { readonly dependencies: { readonly total: number } };
  readonly vulnerabilities?: Readonly<
    Record<
      string,
      Pick<Advisory, 'name' | 'severity'> & { readonly via: readonly (string | { readonly title: string })[] }
    >
  >;
}

/** @returns the most severe first, or why there is no answer; anything that is not the report of an audit is none */
export function readAdvisories(output: string): Advisories {
  const parsed = parse(output);
  const { metadata, vulnerabilities } = parsed ?? {};
  if (metadata === undefined || vulnerabilities === undefined)
    return { unanswered: parsed?.message ?? 'npm audit wrote no report' };
  const severities: readonly Advisory['severity'][] = ['critical', 'high', 'moderate', 'low', 'info'];
  const advisories = Object.values(vulnerabilities).map(({ name, severity, via }) => ({
    ...{ name, severity },
    titles: via.map((each) => (typeof each === 'string' ? `by ${each}` : each.title)),
  }));
  advisories.sort((left, right) => severities.indexOf(left.severity) - severities.indexOf(right.severity));
  return { packages: metadata.dependencies.total, advisories };
}

function parse(output: string): AuditOutput | undefined {
  try {
    return JSON.parse(output) as AuditOutput;
  } catch {
    return undefined;
  }
}
