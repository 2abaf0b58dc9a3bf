import type pg from 'pg';
import type { FakeVectors } from '../support/fake-model-server/vectors.ts';
import { findCacheFaults, findDatabaseFaults, findObjectFaults } from '../support/invariants.ts';
import { objectListing } from './object-listing.ts';
import { splitAnew } from './split-anew.ts';
import type { Accepted, Traffic } from './traffic.ts';
import type { World } from './world.ts';

/** What broke, in one line each; none is a pass. */
export async function findFaults(world: World, traffic: Traffic, givenUp: readonly string[]): Promise<string[]> {
  const { admin } = world;
  const { workspaceId } = traffic;
  const found = [
    ...(await findDatabaseFaults(admin, { workspaceId })),
    ...(await findCacheFaults(admin, {
      scan: (cursor, ...options) => world.cache.call('SCAN', cursor, ...options) as Promise<[string, string[]]>,
      ttl: (key) => world.cache.ttl(key),
    })),
  ].map(({ invariant, subject }) => `${invariant}: ${subject}`);
  return [
    ...found,
    ...(await findObjects(world, traffic)),
    ...(await findWrongVectors(admin, workspaceId, world.models.vectors)),
    ...(await findLost(admin, workspaceId, [...traffic.accepted.values()])),
    ...(await findWrongDeadLetters(admin, workspaceId, givenUp)),
  ];
}

/**
 * I8 of the bucket. A post stores its bytes before its row: each that had to be repeated may have left an object, which goes by the
 * nightly pass when it is a day old.
 */
async function findObjects(world: World, { publicWorkspaceId, repeated }: Traffic): Promise<string[]> {
  const all = await findObjectFaults(world.admin, objectListing(world));
  const own = all.filter(({ subject }) => subject.includes(publicWorkspaceId));
  const left = own.filter(({ subject }) => subject.startsWith('content/'));
  const shown = left.length <= repeated ? own.filter((each) => !left.includes(each)) : own;
  return shown.map(({ invariant, subject }) => `${invariant}: ${subject}`);
}

interface Held {
  readonly id: string;
  readonly source_uri: string;
  readonly status: string;
  readonly live_version: number | null;
  readonly version: number;
  readonly failed_with: string | null;
  readonly placed: readonly string[] | null;
}

/** I1 and I2 from the client's side: everything that was accepted ended as it must, and its chunks are those of a fresh split. */
export async function findLost(
  admin: Pick<pg.Client, 'query'>,
  workspaceId: string,
  accepted: readonly Accepted[],
): Promise<string[]> {
  const { rows } = await admin.query<Held>(
    `SELECT d.id, d.source_uri, d.status, d.version, d.live_version,
       (SELECT v.error ->> 'code' FROM dbrag.document_versions v
        WHERE v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.version AND v.status = 'failed') AS failed_with,
       (SELECT array_agg(encode(p.content_hash, 'hex') ORDER BY p.ordinal) FROM dbrag.placements p
        WHERE p.workspace_id = d.workspace_id AND p.document_id = d.id AND p.version = d.live_version) AS placed
     FROM dbrag.documents d WHERE d.workspace_id = $1`,
    [workspaceId],
  );
  const held = Map.groupBy(rows, (row) => row.source_uri);
  const faults: string[] = [];
  for (const each of accepted) {
    const [document, ...doubles] = held.get(each.source) ?? [];
    held.delete(each.source);
    if (doubles.length > 0) faults.push(`I2 a source is one document: ${each.source} ${doubles.length + 1}`);
    const wrong = await faultOf(each, document);
    if (wrong !== undefined) faults.push(`${wrong}: ${each.source} ${document?.id ?? ''}`);
  }
  for (const source of held.keys()) faults.push(`I2 nothing is there that nobody accepted: ${source}`);
  return faults;
}

async function faultOf(accepted: Accepted, document: Held | undefined): Promise<string | undefined> {
  const { fate } = accepted;
  if (fate === 'deleted') return document === undefined ? undefined : 'I10 what was deleted is gone';
  if (document === undefined) return 'I1 what was accepted is there';
  if (fate !== undefined) {
    return document.failed_with === fate
      ? undefined
      : `I1 ends failed with ${fate}, not ${document.failed_with ?? document.status}`;
  }
  if (document.live_version === null || document.live_version !== document.version)
    return `I1 ends ready, not ${document.failed_with ?? document.status} (live ${document.live_version} of ${document.version})`;
  const expected = await splitAnew(accepted);
  const placed = document.placed ?? [];
  const same = expected.length === placed.length && expected.every((hash, at) => hash === placed[at]);
  return same ? undefined : `I2 chunks are those of a fresh split (${placed.length} for ${expected.length})`;
}

/** Vectors looked at of one workspace: each costs the parsing of its numbers. */
const vectorsLookedAt = 400;
/** Half-precision floats keep three digits. */
const alike = 0.999;

/** I2 of the vectors: each is what the provider gives for its text, wherever it came from. */
export async function findWrongVectors(
  admin: Pick<pg.Client, 'query'>,
  workspaceId: string,
  vectors: FakeVectors,
): Promise<string[]> {
  const { rows } = await admin.query<{ document_id: string; text: string; embedding: string }>(
    `SELECT e.document_id, c.text, e.embedding::text FROM dbrag.embeddings e
     JOIN dbrag.chunks c ON c.workspace_id = e.workspace_id AND c.document_id = e.document_id AND c.content_hash = e.content_hash
     WHERE e.workspace_id = $1 ORDER BY e.content_hash LIMIT $2`,
    [workspaceId, vectorsLookedAt],
  );
  return rows.flatMap(({ document_id, text, embedding }) => {
    const stored = JSON.parse(embedding) as number[];
    const expected = vectors.vector(text, stored.length);
    const cosine = stored.reduce((sum, value, at) => sum + value * (expected[at] as number), 0);
    return cosine > alike ? [] : [`I2 a vector is that of its text: ${document_id} ${cosine.toFixed(3)}`];
  });
}

interface Named {
  readonly document_id?: string;
  readonly version?: number;
}

/**
 * I5: what failed as `retries_exhausted` is what the dead-letter function acknowledged, and what it acknowledged has ended. (A version
 * may have ended another way before its last message came.)
 */
export async function findWrongDeadLetters(
  admin: Pick<pg.Client, 'query'>,
  workspaceId: string,
  givenUp: readonly string[],
): Promise<string[]> {
  const { rows } = await admin.query<{ document_id: string; version: number; status: string; code: string | null }>(
    `SELECT document_id, version, status, error ->> 'code' AS code FROM dbrag.document_versions WHERE workspace_id = $1`,
    [workspaceId],
  );
  // A message to embed names the document; which version its worker took does not stand in it.
  const acknowledged = new Set(givenUp.map((body) => (parse(body) as Named).document_id));
  const faults = rows
    .filter(({ code, document_id }) => code === 'retries_exhausted' && !acknowledged.has(document_id))
    .map(({ document_id, version }) => `I5 a given-up version had a dead letter: ${document_id} v${version}`);
  for (const { document_id, version, status } of rows) {
    const ended = ['ready', 'failed', 'cancelled'].includes(status);
    if (acknowledged.has(document_id) && !ended)
      faults.push(`I5 a dead letter ended its version: ${document_id} v${version}`);
  }
  return faults;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}
