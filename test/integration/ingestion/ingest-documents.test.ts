import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acceptDocuments } from '../../../shared/ingestion/accept-documents.ts';
import { deadlyWords } from '../../../shared/ingestion/deadly-text.ts';
import { giveUpIngestion } from '../../../shared/ingestion/give-up.ts';
import { endIdleChild } from '../../../shared/ingestion/kept-child.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { findDatabaseFaults } from '../../support/invariants.ts';
import { IngestionWorld } from './ingestion-world.ts';

let test: TestDatabase;
let models: FakeModelServer;
let world: IngestionWorld;
let workspaceId: string;
let collectionId: string;

beforeAll(async () => {
  test = await createTestDatabase();
  models = await startFakeModelServer();
});
afterAll(async () => {
  await models.close();
  await test.close();
});
beforeEach(async () => {
  models.ledger.reset();
  world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});

const textOf = (topic: string): string =>
  [1, 2].map((part) => `## ${topic} ${part}\n\n${`What is known of ${topic} stands here. `.repeat(40)}\n\n`).join('');

interface Posted {
  readonly documentId: string;
  readonly version: number;
}
const post = (text: string | Uint8Array, document: { sourceUri?: string; name?: string; contentType?: string } = {}) =>
  world.post(workspaceId, collectionId, text, { ...document, nudge: false });
const messageOf = ({ documentId, version }: Posted, workspace = workspaceId) => ({
  v: 1,
  workspace_id: workspace,
  document_id: documentId,
  version,
  attempt: 1,
});
const outcomesOf = async (posted: readonly Posted[]): Promise<string[]> => {
  const ended = await world.ingestBatch(posted.map((one) => messageOf(one)));
  return ended.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message));
};
const versionsOf = async (posted: readonly Posted[]): Promise<string[]> => {
  const { rows } = await test.admin.query<{ said: string }>(
    `SELECT v.status || coalesce(' ' || (v.error->>'code'), '') || ' ' || v.claims AS said
     FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS a (id, version, n)
     JOIN dbrag.document_versions v ON v.document_id = a.id AND v.version = a.version ORDER BY n`,
    [posted.map((one) => one.documentId), posted.map((one) => one.version)],
  );
  return rows.map((row) => row.said);
};
const faults = () => findDatabaseFaults(test.admin, { workspaceId });

/** Ends the worker whenever it gets to this document, as a text would that no process survives. */
function killAt(place: string, documentId: string): void {
  world.failpoint = {
    reach: async (name, about) => {
      if (name === place && about === documentId) throw new Error('killed');
    },
  };
}

describe('a batch of messages', () => {
  it('makes all of its small texts ready in the fewest transactions, and buys what they lack in one request', async () => {
    const posted = await Promise.all(Array.from({ length: 10 }, (_, i) => post(textOf(`subject ${i}`))));
    let transactions = 0;
    world.failpoint = {
      reach: async (name) => {
        if (name === 'worker.mid_chunk_insert') transactions += 1;
      },
    };
    expect(await outcomesOf(posted)).toEqual(posted.map(() => 'to_embed'));
    expect(transactions).toBe(1);
    expect(world.queue.sent).toHaveLength(1);
    await world.drain();
    expect(await versionsOf(posted)).toEqual(posted.map(() => 'ready 1'));
    expect(models.ledger.snapshot()).toMatchObject({ requests: { embeddings: 1 }, repeatedTexts: 0 });
    expect(await faults()).toEqual([]);
    // The same texts again: nothing is bought, and all are ready at once.
    const texts = await Promise.all(posted.map((_, i) => post(textOf(`subject ${i}`), { sourceUri: `s${i}` })));
    await outcomesOf(texts);
    await world.drain();
    const again = await Promise.all(posted.map((_, i) => post(textOf(`subject ${i}`), { sourceUri: `s${i}` })));
    expect(again.map((one) => one.version)).toEqual(again.map(() => 2));
    expect(await outcomesOf(again)).toEqual(again.map(() => 'ready'));
    expect(await faults()).toEqual([]);
  });

  it('tells of each document what became of it, whatever its neighbours are', async () => {
    const text = await post(textOf('rivers'));
    const spaces = await post('   \n\n ');
    const broken = await post(Buffer.from('%PDF-1.7 and nothing of a PDF'), {
      name: 'b.pdf',
      contentType: 'application/pdf',
    });
    const picture = await post(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), { name: 'p.png' });
    const gone = await post(textOf('gone'));
    for (const key of world.objects.bodies.keys())
      if (Buffer.from(world.objects.bodies.get(key) as Uint8Array).includes('gone')) world.objects.bodies.delete(key);
    const page = await post('<html><body><h1>Lakes</h1><p>Deep ones.</p></body></html>', {
      name: 'l.html',
      contentType: 'text/html',
    });
    const large = await post(Array.from({ length: 90 }, (_, i) => textOf(`part ${i}`)).join(''));
    const first = await post(textOf('first'), { sourceUri: 'x' });
    const second = await post(textOf('second'), { sourceUri: 'x' });
    const posted = [spaces, broken, picture, gone, large, page, first, second, text, text];
    expect(await outcomesOf(posted)).toEqual([
      'failed',
      'failed',
      'failed',
      'failed',
      'to_embed',
      'to_embed',
      'nothing_to_do',
      'to_embed',
      'to_embed',
      'nothing_to_do',
    ]);
    await world.drain();
    expect(await versionsOf([spaces, broken, picture, gone, text, page, large, second])).toEqual([
      'failed no_text_found 1',
      'failed corrupt_file 1',
      'failed unsupported_media_type 1',
      'failed object_missing 1',
      'ready 1',
      'ready 1',
      'ready 1',
      'ready 1',
    ]);
    expect(await faults()).toEqual([]);
  });

  it('of several workspaces is worked on in each by itself', async () => {
    const other = (await createWorkspace(test.application)).id;
    const otherCollection = await createCollection(test.application, other);
    const mine = await post(textOf('mine'));
    const theirs = await world.post(other, otherCollection, textOf('theirs'), { nudge: false });
    const ended = await world.ingestBatch([
      messageOf(mine),
      messageOf(theirs, other),
      // Names the document of another workspace.
      messageOf(theirs),
    ]);
    expect(ended.map((one) => one.status === 'fulfilled' && one.value)).toEqual([
      'to_embed',
      'to_embed',
      'nothing_to_do',
    ]);
    await world.drain();
    expect(await versionsOf([mine, theirs])).toEqual(['ready 1', 'ready 1']);
  });

  it('that cannot be stored together is stored one by one, and only the one at fault comes again', async () => {
    const posted = await Promise.all(Array.from({ length: 4 }, (_, i) => post(textOf(`subject ${i}`))));
    killAt('worker.before_commit', posted[1]?.documentId ?? '');
    // Alone, this place does not say which document it is about.
    expect(await outcomesOf(posted)).toEqual(posted.map(() => 'to_embed'));
    await test.admin.query(
      `CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF NEW.text LIKE '%poison%' THEN RAISE 'refused'; END IF; RETURN NEW; END $$`,
    );
    await test.admin.query(
      'CREATE TRIGGER refuse_poison BEFORE INSERT ON dbrag.chunks FOR EACH ROW EXECUTE FUNCTION refuse_poison()',
    );
    try {
      world.failpoint = { reach: async () => {} };
      const more = await Promise.all(['one', 'poison', 'three'].map((topic) => post(textOf(topic))));
      const outcomes = await outcomesOf(more);
      expect([outcomes[0], outcomes[2]]).toEqual(['to_embed', 'to_embed']);
      expect(outcomes[1]).not.toBe('to_embed');
      expect(await versionsOf(more)).toEqual(['processing 1', 'processing 1', 'processing 1']);
    } finally {
      await test.admin.query('DROP TRIGGER refuse_poison ON dbrag.chunks');
      await test.admin.query('DROP FUNCTION refuse_poison');
    }
  });
});

describe('a bulk load that comes again', () => {
  const load = async (sources: readonly string[]): Promise<number> => {
    let statements = 0;
    await test.application.inWorkspace({ workspaceId }, (db) => {
      const query: typeof db.query = (text, values) => {
        statements += 1;
        return db.query(text, values);
      };
      const documents = sources.map((sourceUri) => ({
        collectionId,
        name: sourceUri,
        contentType: 'text/markdown',
        bytes: 100,
        sourceUri,
        priority: 'default' as const,
        object: { key: `content/${randomUUID()}`, versionId: null },
      }));
      return acceptDocuments(
        { query },
        { workspaceId, createdBy: 'test', now: new Date(), status: 'queued', documents },
      );
    });
    return statements;
  };

  it('overtakes what is under way, and asks the database as often for ten documents as for two', async () => {
    const sources = Array.from({ length: 10 }, (_, i) => `source-${i}`);
    await load(sources);
    const { rows } = await test.admin.query('SELECT id FROM dbrag.documents WHERE workspace_id = $1', [workspaceId]);
    // Of the others nothing is under way any more.
    const ended = rows.slice(2).map((row) => row.id);
    await test.admin.query(
      `UPDATE dbrag.document_versions SET status = 'failed', finished_at = now(), retired_at = now(), removed_at = now(),
         error = '{"code": "corrupt_file", "message": "x"}' WHERE document_id = ANY($1)`,
      [ended],
    );
    await load(sources);
    const states = await test.admin.query(
      `SELECT version, status, error->>'code' AS code, error->>'message' AS message, removed_at IS NULL AS waits, count(*)::int
       FROM dbrag.document_versions WHERE workspace_id = $1 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2`,
      [workspaceId],
    );
    expect(states.rows).toEqual([
      {
        version: 1,
        status: 'cancelled',
        code: 'superseded',
        message: 'Overtaken by version 2.',
        waits: true,
        count: 2,
      },
      { version: 1, status: 'failed', code: 'corrupt_file', message: 'x', waits: true, count: 8 },
      { version: 2, status: 'queued', code: null, message: null, waits: true, count: 10 },
    ]);
    const settle = () =>
      test.admin.query(`UPDATE dbrag.document_versions SET status = 'ready' WHERE workspace_id = $1`, [workspaceId]);
    await settle();
    const forTen = await load(sources);
    await settle();
    expect(await load(sources.slice(0, 2))).toBe(forTen);
  });
});

describe('a text that ends the process it is split in', () => {
  it('comes again by itself; its neighbours are ready on the first receive', async () => {
    const options = process.env.NODE_OPTIONS;
    process.env.NODE_OPTIONS = `${options ?? ''} --import data:text/javascript,globalThis.ACTING_FAILPOINTS=true`;
    endIdleChild();
    try {
      const texts = Array.from({ length: 10 }, (_, i) => textOf(i === 1 ? deadlyWords : `subject ${i}`));
      const posted = await Promise.all(texts.map((text) => post(text)));
      const outcomes = await outcomesOf(posted);
      expect(outcomes.toSpliced(1, 1)).toEqual(Array(9).fill('to_embed'));
      expect(outcomes[1]).toMatch(/ended the process/);
      await world.drain();
      expect(await versionsOf(posted)).toEqual(posted.map((_, i) => (i === 1 ? 'processing 1' : 'ready 1')));
    } finally {
      endIdleChild();
      if (options === undefined) delete process.env.NODE_OPTIONS;
      else process.env.NODE_OPTIONS = options;
    }
  });
});

/** A queue whose messages come again when their worker dies, five times, as the event source gives them: up to ten at once. */
async function playReceives(posted: readonly Posted[], giveUp: (one: Posted) => Promise<unknown>): Promise<number> {
  let waiting = posted.map((one) => ({ one, receives: 0 }));
  let deaths = 0;
  while (waiting.length > 0) {
    const batch = waiting.splice(0, 10).map(({ one, receives }) => ({ one, receives: receives + 1 }));
    let died = (): void => {};
    const death = new Promise<'died'>((resolve) => {
      died = () => resolve('died');
    });
    onDeath = died;
    const ended = await Promise.race([outcomesOf(batch.map(({ one }) => one)), death]);
    const fresh = world.queue.take('ingest', 100)?.bodies ?? [];
    waiting.push(
      ...posted.filter((one) => fresh.some((body) => isAbout(body, one))).map((one) => ({ one, receives: 0 })),
    );
    if (ended !== 'died') continue;
    deaths += 1;
    waiting = [...waiting, ...batch.filter(({ receives }) => receives < 5)];
    for (const { one, receives } of batch) if (receives === 5) await giveUp(one);
  }
  return deaths;
}
const isAbout = (body: unknown, { documentId }: Posted) => (body as { document_id: string }).document_id === documentId;
let onDeath = (): void => {};

describe('a document that no worker survives', () => {
  it('is given up; its neighbours are ready, and none spends a receive more than it did', async () => {
    const posted = await Promise.all(Array.from({ length: 6 }, (_, i) => post(textOf(`subject ${i}`))));
    const [poison, ...innocent] = posted as [Posted, ...Posted[]];
    const failure = { code: 'retries_exhausted', message: 'It was tried five times.' };
    // A dead worker goes on with nothing, and is not waited for.
    world.failpoint = {
      reach: async (name, about) => {
        if (name !== 'worker.after_claim' || about !== poison.documentId) return;
        onDeath();
        await new Promise(() => {});
      },
    };
    const ended: string[] = [];
    const deaths = await playReceives(posted, async ({ documentId }) => {
      ended.push(
        `${documentId} ${await giveUpIngestion(test.application, { workspaceId, documentId, version: 1, attempt: 1 }, failure)}`,
      );
    });
    world.failpoint = { reach: async () => {} };
    await world.drain();
    expect(deaths).toBeLessThanOrEqual(10);
    expect(ended).toContain(`${poison.documentId} ended`);
    for (const said of await versionsOf(innocent)) expect(said).toMatch(/^ready [12]$/);
    expect(await versionsOf([poison])).toEqual([expect.stringMatching(/^failed retries_exhausted/)]);
    expect(await faults()).toEqual([]);
  });
});
