/** The result of one check: in order, to be noted, or to be fixed before anything else. */
export interface Finding {
  readonly subject: string;
  readonly state: 'ok' | 'warning' | 'problem';
  /** One sentence; of a problem it says what to do. */
  readonly message: string;
}

export const fine = (subject: string, message: string): Finding => ({ subject, state: 'ok', message });
export const warning = (subject: string, message: string): Finding => ({ subject, state: 'warning', message });
export const problem = (subject: string, message: string): Finding => ({ subject, state: 'problem', message });

const marks = { ok: 'ok     ', warning: 'warning', problem: 'PROBLEM' } as const;

export function findingLine({ subject, state, message }: Finding): string {
  return `${marks[state]}  ${subject}: ${message}`;
}

export function hasProblem(findings: readonly Finding[]): boolean {
  return findings.some(({ state }) => state === 'problem');
}

/** A problem that the user can fix; only its message is shown. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The name that AWS gave an error, or Node's code of it. */
export function errorName(error: unknown): string {
  const { name, code } = error as { name?: string; code?: string };
  return code ?? name ?? 'Error';
}
