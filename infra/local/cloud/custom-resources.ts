import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { CustomResource } from '../assembly/model.ts';
import { localAccount, localRegion } from '../assembly/names.ts';
import type { FunctionRunner } from '../lambda/function-runner.ts';
import type { CustomResourceState } from './data-directory.ts';
import { closeServer, listen } from './listen.ts';

export type CustomResourceStates = Readonly<Record<string, CustomResourceState>>;

interface Answer {
  readonly Status?: string;
  readonly Reason?: string;
  readonly PhysicalResourceId?: string;
}

/**
 * Deploys custom resources as CloudFormation does: `Create` the first time, `Update` afterwards, with the answer by a PUT
 * to the event's `ResponseURL`. An unchanged resource is updated all the same, since the database may be another one.
 * Rejects with the function's own reason when one fails.
 */
export async function deployCustomResources(
  resources: readonly CustomResource[],
  known: CustomResourceStates,
  runner: (functionName: string) => FunctionRunner,
): Promise<CustomResourceStates> {
  const states: Record<string, CustomResourceState> = {};
  for (const resource of resources) {
    const id = `${resource.stack}/${resource.logicalId}`;
    states[id] = await deploy(resource, known[id], runner(resource.functionName));
  }
  return states;
}

async function deploy(
  resource: CustomResource,
  known: CustomResourceState | undefined,
  runner: FunctionRunner,
): Promise<CustomResourceState> {
  const properties = asText(resource.properties) as Record<string, unknown>;
  const { answer, reason } = await request(resource, properties, known, runner);
  if (answer?.Status !== 'SUCCESS') {
    throw new Error(`${resource.stack}/${resource.logicalId} was not deployed: ${answer?.Reason ?? reason}`);
  }
  return { physicalId: answer.PhysicalResourceId ?? resource.logicalId, properties };
}

async function request(
  resource: CustomResource,
  properties: Record<string, unknown>,
  known: CustomResourceState | undefined,
  runner: FunctionRunner,
): Promise<{ answer: Answer | undefined; reason: string }> {
  let answer: Answer | undefined;
  const server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      answer = JSON.parse(Buffer.concat(chunks).toString()) as Answer;
      response.end();
    });
  });
  const port = await listen(server, 0);
  try {
    const event = {
      RequestType: known ? 'Update' : 'Create',
      RequestId: randomUUID(),
      StackId: `arn:aws:cloudformation:${localRegion}:${localAccount}:stack/${resource.stack}/local`,
      ResponseURL: `http://127.0.0.1:${port}/`,
      ResourceType: resource.type,
      LogicalResourceId: resource.logicalId,
      ResourceProperties: properties,
      ...(known ? { PhysicalResourceId: known.physicalId, OldResourceProperties: known.properties } : {}),
    };
    const result = await runner.invoke(JSON.stringify(event), { waitMilliseconds: 60_000 });
    const reason = result.succeeded ? 'its function has not answered' : result.error.errorMessage;
    return { answer, reason };
  } finally {
    await closeServer(server, 0);
  }
}

/** CloudFormation gives numbers and booleans as text. */
function asText(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asText);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asText(member)]));
  }
  return String(value);
}
