import { describe, expect, it } from 'vitest';
import { pruneVersions, versionsLedTo } from '../../../infra/deploy/prune-versions.ts';
import { awsError, stubAccount } from '../../support/stub-account.ts';

interface StubFunction {
  versions: string[];
  live: string;
  /** Of a rollout that is under way. */
  shiftsTo?: string;
  /** One version comes without its number. */
  unnumbered?: boolean;
  /** Versions that cannot be deleted. */
  held?: string[];
  /** Its versions cannot be listed. */
  hidden?: boolean;
}

/** A stack of functions; lists come in pages of two. */
function account(functions: Record<string, StubFunction>) {
  const page = <Row>(rows: Row[], marker: string | undefined) => {
    const at = Number(marker ?? 0);
    return { rows: rows.slice(at, at + 2), ...(at + 2 < rows.length ? { NextMarker: String(at + 2) } : {}) };
  };
  const { clients } = stubAccount({
    ListStackResources: () => ({
      StackResourceSummaries: [
        ...Object.keys(functions).map((id) => ({ ResourceType: 'AWS::Lambda::Function', PhysicalResourceId: id })),
        { ResourceType: 'AWS::SQS::Queue', PhysicalResourceId: 'queue' },
      ],
    }),
    ListVersionsByFunction: ({ FunctionName, Marker }) => {
      const { versions, unnumbered, hidden } = functions[FunctionName] as StubFunction;
      if (hidden) return awsError('TooManyRequestsException');
      const listed = ['$LATEST', ...(unnumbered ? [undefined] : []), ...versions];
      const { rows, ...more } = page(listed, Marker);
      return { Versions: rows.map((Version) => ({ Version })), ...more };
    },
    ListAliases: ({ FunctionName }) => {
      const { live, shiftsTo } = functions[FunctionName] as StubFunction;
      const RoutingConfig = shiftsTo && { AdditionalVersionWeights: { [shiftsTo]: 0.1 } };
      return { Aliases: live ? [{ Name: 'live', FunctionVersion: live, RoutingConfig }] : [] };
    },
    DeleteFunction: ({ FunctionName, Qualifier }) => {
      const of = functions[FunctionName] as StubFunction;
      // Without one, it is the function that goes.
      if (of.held?.includes(Qualifier)) return awsError('ResourceConflictException');
      if (!of.versions.includes(Qualifier)) throw new Error(`There is no version ${Qualifier}.`);
      of.versions = of.versions.filter((version) => version !== Qualifier);
      return {};
    },
  });
  return clients;
}

const upTo = (last: number) => Array.from({ length: last }, (_, at) => String(at + 1));

describe('old versions of functions', () => {
  it('go, but for the newest, those that an alias leads to, and the one that a rollback goes to', async () => {
    const functions: Record<string, StubFunction> = {
      api: { versions: upTo(12), live: '4', shiftsTo: '5' },
      maintain: { versions: [], live: '' },
    };
    const clients = account(functions);
    const before = await versionsLedTo(clients, 'stack');
    Object.assign(functions.api as StubFunction, { live: '12', shiftsTo: undefined });
    expect(await pruneVersions(clients, 'stack', before)).toEqual({ deleted: 7, failures: [] });
    expect(functions.api?.versions).toEqual(['4', '5', '10', '11', '12']);
    expect(await pruneVersions(clients, 'stack', before)).toEqual({ deleted: 0, failures: [] });
  });

  it('stay while an alias leads to them, however old, by their number and not their text', async () => {
    const functions = { api: { versions: upTo(10), live: '2' } };
    await pruneVersions(account(functions), 'stack', new Map());
    expect(functions.api.versions).toEqual(['2', '8', '9', '10']);
  });

  it('do not include what comes without a number', async () => {
    const functions = { api: { versions: upTo(4), live: '', unnumbered: true } };
    expect(await pruneVersions(account(functions), 'stack', new Map())).toEqual({ deleted: 1, failures: [] });
    expect(functions.api.versions).toEqual(['2', '3', '4']);
  });

  it('go although one cannot be deleted, or a function not be looked at, and that is told', async () => {
    const functions: Record<string, StubFunction> = {
      api: { versions: upTo(6), live: '6', held: ['2'] },
      hidden: { versions: upTo(5), live: '5', hidden: true },
      worker: { versions: upTo(4), live: '4' },
    };
    expect(await pruneVersions(account(functions), 'stack', new Map())).toEqual({
      deleted: 3,
      failures: [
        expect.stringMatching(/^api:2: .*ResourceConflictException/),
        expect.stringMatching(/^hidden: .*TooManyRequestsException/),
      ],
    });
    expect(functions.api?.versions).toEqual(['2', '4', '5', '6']);
    expect(functions.worker?.versions).toEqual(['2', '3', '4']);
  });
});
