import { InvokeCommand } from '@aws-sdk/client-lambda';
import type { Clients } from './clients.ts';
import { CommandError } from './finding.ts';
import { stackResources } from './leftovers.ts';
import { findStack, stackNames } from './stacks.ts';

/** The function's result for one part of the work, and the sum of all parts. */
export interface CopyReport {
  readonly workspaces: number;
  readonly documents: { readonly same: number; readonly changed: number; readonly deleted: number };
  readonly tables: Readonly<Record<string, { readonly source: number; readonly copy: number }>>;
  readonly faults: readonly string[];
  readonly next: object | null;
}

/**
 * Has the copy of a drill compared with the database by the function that migrates it, which is in their network.
 * @throws CommandError where that cannot be done
 */
export async function compareCopy(
  clients: Clients,
  stage: string,
  moment: Date,
  tell: (line: string) => void,
): Promise<CopyReport> {
  const FunctionName = await migratingFunction(clients, stage);
  let total: CopyReport = {
    workspaces: 0,
    documents: { same: 0, changed: 0, deleted: 0 },
    tables: {},
    faults: [],
    next: null,
  };
  do {
    const question = { compare: 'drill', moment: moment.toISOString(), place: total.next };
    const { FunctionError, Payload } = await clients.functions.send(
      new InvokeCommand({ FunctionName, Payload: JSON.stringify(question) }),
    );
    const answer = JSON.parse(Buffer.from(Payload ?? []).toString() || 'null');
    if (FunctionError !== undefined || answer === null)
      throw new CommandError(
        `The copy could not be compared: ${answer?.errorMessage ?? 'no answer'} If it was the password, that has changed since the moment: name a later one.`,
      );
    total = sumOf(total, answer as CopyReport);
    tell(
      `${total.workspaces} workspaces compared, ${total.documents.same} documents alike, ${total.faults.length} faults`,
    );
  } while (total.next !== null);
  return total;
}

async function migratingFunction(clients: Clients, stage: string): Promise<string> {
  const service = await findStack(clients, stackNames(stage).service);
  const found = service?.StackId
    ? (await stackResources(clients, service.StackId)).find(
        ({ ResourceType, LogicalResourceId }) =>
          ResourceType === 'AWS::Lambda::Function' && LogicalResourceId?.startsWith('FunctionsMigrateDatabase'),
      )
    : undefined;
  if (found?.PhysicalResourceId === undefined)
    throw new CommandError(
      `There is no function of dbrag-${stage} that could compare the copy: npm run deploy -- ${stage}.`,
    );
  return found.PhysicalResourceId;
}

function sumOf(left: CopyReport, right: CopyReport): CopyReport {
  const names = [...new Set([...Object.keys(left.tables), ...Object.keys(right.tables)])].sort();
  const of = (report: CopyReport, name: string) => report.tables[name] ?? { source: 0, copy: 0 };
  return {
    workspaces: left.workspaces + right.workspaces,
    documents: {
      same: left.documents.same + right.documents.same,
      changed: left.documents.changed + right.documents.changed,
      deleted: left.documents.deleted + right.documents.deleted,
    },
    tables: Object.fromEntries(
      names.map((name) => [
        name,
        {
          source: of(left, name).source + of(right, name).source,
          copy: of(left, name).copy + of(right, name).copy,
        },
      ]),
    ),
    faults: [...left.faults, ...right.faults],
    next: right.next,
  };
}
