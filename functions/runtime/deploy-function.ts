import middy from '@middy/core';
import type { CloudFormationCustomResourceEvent, CloudFormationCustomResourceResponse, Context } from 'aws-lambda';
import { createTelemetry } from './telemetry/telemetry.ts';

/** CloudFormation gives up on a reason that is longer than 4 kB in all. */
const longestReason = 1_000;

/**
 * The Lambda handler of a custom resource. CloudFormation waits for a PUT to the event's URL and not for the function's answer, so
 * a failure is reported there as well: without it a deploy would hang until its time-out.
 * @param answerOperator for an event that is not CloudFormation's: its answer is the function's, and so is its failure
 */
export function deployFunction(
  work: (event: CloudFormationCustomResourceEvent) => Promise<Record<string, string>>,
  answerOperator: (event: unknown) => Promise<unknown>,
) {
  const log = createTelemetry();
  return middy<CloudFormationCustomResourceEvent, unknown>({
    requestEnd: () => log.flush(),
  }).handler(async (event, context) => {
    log.begin(context);
    if (event.RequestType === undefined) return answerOperator(event);
    const answer = await answerFor(event, context, work);
    if (answer.Status === 'FAILED')
      log.recordFailed(new Error(answer.Reason), { source: event.LogicalResourceId, messageId: event.RequestId });
    await tellCloudFormation(event.ResponseURL, answer);
    return answer;
  });
}

async function answerFor(
  event: CloudFormationCustomResourceEvent,
  context: Context,
  work: (event: CloudFormationCustomResourceEvent) => Promise<Record<string, string>>,
): Promise<CloudFormationCustomResourceResponse> {
  const about = {
    // The same id for every version of the resource: a new one would make CloudFormation delete the "old".
    PhysicalResourceId: 'PhysicalResourceId' in event ? event.PhysicalResourceId : event.LogicalResourceId,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
  };
  try {
    return { ...about, Status: 'SUCCESS', Data: await work(event) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      ...about,
      Status: 'FAILED',
      Reason: `${reason.slice(0, longestReason)} (log stream ${context.logStreamName})`,
    };
  }
}

async function tellCloudFormation(
  url: string | undefined,
  answer: CloudFormationCustomResourceResponse,
): Promise<void> {
  if (!url) return;
  const response = await fetch(url, { method: 'PUT', body: JSON.stringify(answer), headers: { 'content-type': '' } });
  if (!response.ok) throw new Error(`CloudFormation did not take the answer: ${response.status}`);
}
