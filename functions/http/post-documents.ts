import type { z } from 'zod/mini';
import type { Caller } from '../../shared/core/caller.ts';
import { DbragError } from '../../shared/core/errors.ts';
import { sendNudges } from '../../shared/core/work-queue.ts';
import { type Acceptance, acceptDocuments } from '../../shared/ingestion/accept-documents.ts';
import type { AcceptedDocument, NewDocument } from '../../shared/ingestion/accepted-document.ts';
import { ingestionNudge } from '../../shared/ingestion/nudge-ingestion.ts';
import type { Services } from '../runtime/services.ts';
import { changeReply, replayReply } from './change-reply.ts';
import { createDocument } from './contract/documents.ts';
import { check, refuseUnstorable } from './request-body.ts';
import type { Reply, RouteContext } from './route.ts';
import { firstNudge, logAccepted, postedAudit, storeDocument } from './store-document.ts';
import { documentView } from './views/document-view.ts';
import { jobView } from './views/job-view.ts';

type Body = z.output<typeof createDocument>;

/** Each is a round trip to the bucket: as many at once as the client keeps connections. */
const putsAtOnce = 32;

/**
 * Accepts documents whose texts came in one request, each on its own: an invalid one does not keep the others out. The objects are
 * stored first; then one transaction writes all rows, their audit rows and the answer under the `Idempotency-Key`. A process that dies
 * before its COMMIT has accepted nothing, and leaves objects without rows, which the nightly pass removes. One that dies after it has
 * accepted all, and the sweeper sends the nudges that are missing.
 */
export async function postDocuments(
  context: Omit<RouteContext<unknown, unknown, Caller>, 'query'>,
  items: readonly unknown[],
): Promise<Reply> {
  const { caller, services } = context;
  const { workspaceId } = caller;
  const replay = await replayReply(context);
  if (replay) return replay;
  const checked = await Promise.all(items.map(checkItem));
  const bodies = checked.filter((item) => !(item instanceof DbragError)) as Body[];
  const [documents, quotas] = await Promise.all([
    storeAll(services, workspaceId, bodies),
    services.quotas.of(workspaceId),
    services.sweep.arm(),
  ]);
  await services.failpoint.reach('s3.after_put');
  let accepted: readonly AcceptedDocument[] = [];
  const reply = await changeReply(context, async (db) => {
    const about = { workspaceId, createdBy: caller.actor, now: services.clock.now(), status: 'queued' } as const;
    const outcomes = (await acceptDocuments(db, { ...about, documents, quotas })).values();
    const all = checked.map((item) => (item instanceof DbragError ? item : (outcomes.next().value as Acceptance)));
    accepted = all.filter((item) => !(item instanceof DbragError)) as AcceptedDocument[];
    return {
      status: 202,
      body: { object: 'accepted_documents', data: all.map(itemView) },
      audit: accepted.map(postedAudit),
    };
  });
  await services.failpoint.reach('api.after_row_commit');
  await sendNudges(
    services.queue,
    newestOf(accepted).map((item) => ingestionNudge(firstNudge(workspaceId, item))),
  );
  await services.failpoint.reach('api.after_send');
  for (const item of accepted) logAccepted(services, workspaceId, item);
  await services.failpoint.reach('api.before_response');
  return reply;
}

async function checkItem(item: unknown): Promise<Body | DbragError> {
  try {
    refuseUnstorable(item);
    return await check(createDocument, item);
  } catch (error) {
    if (error instanceof DbragError) return error;
    throw error;
  }
}

/** @throws what the bucket throws: no single document is to blame, so none is accepted */
async function storeAll(services: Services, workspaceId: string, bodies: readonly Body[]): Promise<NewDocument[]> {
  const documents = new Array<NewDocument>(bodies.length);
  const waiting = bodies.entries();
  const storeSome = async () => {
    for (const [at, body] of waiting) documents[at] = await storeDocument(services, workspaceId, body);
  };
  await Promise.all(Array.from({ length: Math.min(putsAtOnce, bodies.length) }, storeSome));
  return documents;
}

function itemView(item: Acceptance) {
  if (!(item instanceof DbragError)) return { document: documentView(item.document), job: jobView(item.job) };
  const { code, message, errors } = item;
  return { error: { code, message, ...(errors.length > 0 ? { errors } : {}) } };
}

/** If a source occurs several times in the list, only its last version is ingested. */
function newestOf(accepted: readonly AcceptedDocument[]): AcceptedDocument[] {
  return [...new Map(accepted.map((item) => [item.document.id, item])).values()];
}
