import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyAuditChains, verifyAuditRoots } from '../../functions/queue/keep-audit.ts';
import { expireSystem } from '../../functions/queue/keep-privacy.ts';
import type { Services } from '../../functions/runtime/services.ts';
import { recordAudit, systemChain } from '../../shared/access/audit.ts';
import { listAuditEvents } from '../../shared/access/audit-events.ts';
import { expireTrail } from '../../shared/access/expire-trail.ts';
import { sealTrail, type TrailRoot } from '../../shared/access/seal-trail.ts';
import { subjectIdOf } from '../../shared/access/subjects.ts';
import { close, open, TrailKeys } from '../../shared/access/trail-keys.ts';
import { openOrigin, sealOrigin } from '../../shared/access/trail-origin.ts';
import { verifyRoots } from '../../shared/access/verify-roots.ts';
import { type TrailPlace, type TrailReport, verifyTrail } from '../../shared/access/verify-trail.ts';
import type { RequestOrigin } from '../../shared/core/caller.ts';
import { systemClock } from '../../shared/core/clock.ts';
import type { Db } from '../../shared/core/database.ts';
import type { KeyService } from '../../shared/core/key-service.ts';
import { Outage } from '../../shared/core/outage.ts';
import { beginSubjectErasure, remainingOfSubject } from '../../shared/privacy/erase-subject.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createWorkspace } from '../support/database-content.ts';
import { LockedRoots } from '../support/locked-roots.ts';

const origin: RequestOrigin = { requestId: 'request', ip: '203.0.113.7', userAgent: 'curl' };

/** A key service in this process: what a test needs of KMS. */
function keyService(): KeyService {
  const key = randomBytes(32);
  return {
    async generate(context) {
      const plain = randomBytes(32);
      return { plain, wrapped: close(key, plain, JSON.stringify(context)) };
    },
    unwrap: async (wrapped, context) => open(key, wrapped, JSON.stringify(context)),
  };
}

describe('the audit trail', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  }, 60_000);
  afterAll(() => test?.close());

  /** Some sealed minutes of a workspace, with their roots; what belongs to others is sealed too. */
  async function sealedTrail(minutes = 3) {
    const { id: workspaceId } = await createWorkspace(test.application);
    const roots = new LockedRoots();
    const ports = { database: test.maintainer, roots, clock: systemClock };
    const write = (actions: readonly string[]) =>
      test.application.inWorkspace({ workspaceId }, (db) =>
        recordAudit(
          db,
          workspaceId,
          'key_1',
          origin,
          actions.map((action) => ({ action, resourceType: 'document', resourceId: `doc_${action}` })),
        ),
      );
    for (let minute = 0; minute < minutes; minute++) {
      await write([`a${minute}`, `b${minute}`, `c${minute}`]);
      await sealTrail(ports);
    }
    const faults = async (withRoots = true) =>
      (await verifyTrail({ database: test.maintainer, roots: withRoots ? roots : null })).faults
        .filter((fault) => fault.workspaceId === workspaceId)
        .map(({ seal, message }) => `${seal}: ${message}`);
    return { workspaceId, roots, ports, write, faults };
  }

  /** As somebody who owns the server, and whom no trigger and no right keeps back. */
  async function tamper(text: string, values: unknown[]) {
    await test.admin.query(`BEGIN; SET LOCAL session_replication_role = replica`);
    const { rowCount } = await test.admin.query(text, values);
    await test.admin.query('COMMIT');
    expect(rowCount).toBeGreaterThan(0);
  }

  it('agrees while nobody touches it, with events that are not sealed yet and with none', async () => {
    const { faults, write, ports, roots } = await sealedTrail();
    expect(await faults()).toEqual([]);
    expect(roots.bodies.size).toBeGreaterThanOrEqual(3);
    await write(['later']);
    expect(await faults()).toEqual([]);
    expect(await sealTrail(ports)).toBe(1);
    expect(await sealTrail(ports)).toBe(0);
    expect(await faults()).toEqual([]);
  });

  it.each([
    [
      'an event that was edited',
      `UPDATE dbrag.audit_events SET actor = 'key_2' WHERE workspace_id = $1 AND action = 'b1'`,
    ],
    [
      'a detail that was edited',
      `UPDATE dbrag.audit_events SET detail = '{"x": 1}' WHERE workspace_id = $1 AND action = 'a0'`,
    ],
    ['an event that was dropped', `DELETE FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'c2'`],
    [
      'an event that was slipped into a seal',
      `INSERT INTO dbrag.audit_events (workspace_id, actor, action, resource_type, access_type, outcome, seal)
       VALUES ($1, 'key_1', 'd1', 'document', 'write', 'success', 2)`,
    ],
    [
      'an event that was slipped in behind the chain',
      `INSERT INTO dbrag.audit_events (workspace_id, actor, action, resource_type, access_type, outcome, recorded_at)
       VALUES ($1, 'key_1', 'd1', 'document', 'write', 'success', now() - interval '1 day')`,
    ],
    [
      'an event of a seal that is not there',
      `INSERT INTO dbrag.audit_events (workspace_id, actor, action, resource_type, access_type, outcome, seal)
       VALUES ($1, 'key_1', 'd1', 'document', 'write', 'success', 99)`,
    ],
    ['an event that was moved', `UPDATE dbrag.audit_events SET seal = 1 WHERE workspace_id = $1 AND action = 'a1'`],
    ['a seal that was dropped', `DELETE FROM dbrag.audit_seals WHERE workspace_id = $1 AND number = 2`],
    [
      'a checkpoint that nobody told of',
      `UPDATE dbrag.audit_chains c SET checkpoint_number = 1, checkpoint_hash = s.hash FROM dbrag.audit_seals s
       WHERE c.workspace_id = $1 AND s.workspace_id = $1 AND s.number = 1`,
    ],
  ])('tells of %s, without its roots', async (_what, text) => {
    const { workspaceId, faults } = await sealedTrail();
    await tamper(text, [workspaceId]);
    expect(await faults(false)).not.toEqual([]);
  });

  it('tells of an end that was cut off, and of a chain that was written anew, by the roots', async () => {
    const cut = await sealedTrail();
    await tamper('DELETE FROM dbrag.audit_events WHERE workspace_id = $1 AND seal = 3', [cut.workspaceId]);
    await tamper('DELETE FROM dbrag.audit_seals WHERE workspace_id = $1 AND number = 3', [cut.workspaceId]);
    await tamper(
      `UPDATE dbrag.audit_chains c SET number = 2, hash = s.hash FROM dbrag.audit_seals s
       WHERE c.workspace_id = $1 AND s.workspace_id = $1 AND s.number = 2`,
      [cut.workspaceId],
    );
    expect(await cut.faults(false)).toEqual([]);
    expect(await cut.faults()).toEqual(['3: Its root was written, and it is gone.']);

    const anew = await sealedTrail();
    const { workspaceId } = anew;
    await tamper(`UPDATE dbrag.audit_events SET actor = 'nobody', seal = NULL WHERE workspace_id = $1`, [workspaceId]);
    await tamper('DELETE FROM dbrag.audit_seals WHERE workspace_id = $1', [workspaceId]);
    await tamper(
      `UPDATE dbrag.audit_chains SET number = 0, hash = checkpoint_hash, sealed_at = NULL WHERE workspace_id = $1`,
      [workspaceId],
    );
    await sealTrail({ ...anew.ports, roots: null });
    expect(await anew.faults(false)).toEqual([]);
    expect(await anew.faults()).toContain('1: It is not what was written to its root.');
  });

  /** All findings of calls that have no time for more than one step each. */
  async function verifyStepwise(roots: LockedRoots, between?: (next: TrailPlace) => Promise<unknown>) {
    const reports: TrailReport[] = [];
    let place: TrailPlace | null = null;
    do {
      const report: TrailReport = await verifyTrail({ database: test.maintainer, roots, hasTime: () => false }, place);
      reports.push(report);
      place = JSON.parse(JSON.stringify(report.next)) as TrailPlace | null;
      if (place) await between?.(place);
    } while (place !== null);
    const sum = (of: 'chains' | 'seals' | 'events' | 'unsealed' | 'roots') =>
      reports.reduce((total, report) => total + report[of], 0);
    return {
      calls: reports.length,
      mostSeals: Math.max(...reports.map(({ seals }) => seals)),
      found: { chains: sum('chains'), seals: sum('seals'), events: sum('events'), roots: sum('roots') },
      faults: reports.flatMap(({ faults }) => faults),
    };
  }

  it('is verified seal by seal over many calls, which together find what one does', async () => {
    const { workspaceId, roots } = await sealedTrail(4);
    await tamper(`UPDATE dbrag.audit_events SET actor = 'key_2' WHERE workspace_id = $1 AND action = 'b3'`, [
      workspaceId,
    ]);
    const { seals, events, chains, roots: read, faults } = await verifyTrail({ database: test.maintainer, roots });
    const stepwise = await verifyStepwise(roots);
    expect(stepwise.found).toEqual({ chains, seals, events, roots: read });
    expect(stepwise.faults).toEqual(faults);
    expect(faults).toContainEqual(expect.objectContaining({ workspaceId, seal: 4 }));
    expect(stepwise.mostSeals).toBe(1);
    expect(stepwise.calls).toBeGreaterThanOrEqual(seals);
  });

  it('agrees although it grows, loses its beginning and is sealed while it is verified', async () => {
    const { workspaceId, roots, ports, write } = await sealedTrail(4);
    const places: string[] = [];
    const { faults } = await verifyStepwise(roots, async (next) => {
      if (next.of === 'chain' && next.workspaceId !== workspaceId) return;
      places.push(next.of);
      if (places.length === 1) {
        await tamper(
          `UPDATE dbrag.audit_seals SET last_at = now() - interval '40 days' WHERE workspace_id = $1 AND number <= 2`,
          [workspaceId],
        );
        expect(await expireTrail(test.maintainer, workspaceId, 30)).toBe(6);
      }
      // In the middle of the chain, and after it, when only the roots are left.
      if (places.length > 3 && next.of === 'chain') return;
      if (places.length > 20) return;
      await write([`step${places.length}`]);
      await sealTrail(ports);
    });
    expect(places).toEqual(expect.arrayContaining(['chain', 'roots']));
    expect(faults.filter((fault) => fault.workspaceId === workspaceId)).toEqual([]);
  });

  /** Nights with little or much time; what they tell. */
  function nights(roots: LockedRoots) {
    const found: { workspaceId: string; seal: number | null; message: string }[] = [];
    const verified: { walk: string; rounds: number; days: number }[] = [];
    const log = {
      trailBroken: ({ faults }: { faults: typeof found }) => found.push(...faults),
      trailVerified: (event: (typeof verified)[number]) => verified.push(event),
    };
    const services = { database: test.maintainer, auditRoots: roots, clock: systemClock, log } as unknown as Services;
    return { found, verified, services };
  }

  it('is looked at to its end over several nights, however little time each has', async () => {
    const { workspaceId, roots } = await sealedTrail(4);
    await tamper(`UPDATE dbrag.audit_events SET actor = 'key_2' WHERE workspace_id = $1 AND action = 'b3'`, [
      workspaceId,
    ]);
    await tamper(
      `UPDATE dbrag.trail_rounds SET place = NULL, verified_at = now() - interval '9 days' WHERE walk = $1`,
      ['chains'],
    );
    const { found, verified, services } = nights(roots);
    const of = { workspaceId, seal: 4, message: 'An event of it was changed, dropped or slipped in.' };
    let count = 0;
    for (; count < 500 && !found.some((fault) => isDeepStrictEqual(fault, of)); count++)
      await verifyAuditChains(services, () => false);
    expect(found).toContainEqual(of);
    expect(count).toBeGreaterThan(3);
    expect(verified[0]).toMatchObject({ walk: 'chains', rounds: 0 });
    expect(verified[0]?.days).toBeCloseTo(9, 2);
    // The next night that has time for all ends the round, and does one of its own.
    found.length = 0;
    await verifyAuditChains(services, () => true);
    expect(found).toContainEqual(of);
    expect(verified.at(-1)).toMatchObject({ rounds: 2 });
    expect(verified.at(-1)?.days).toBeLessThan(0.01);
  });

  it('has its chains verified although the roots take all the time that they have, every night', async () => {
    const { workspaceId, roots, ports, write } = await sealedTrail(1);
    const { found, verified, services } = nights(endless(roots));
    await verifyAuditRoots(services, () => false);
    expect(verified).toEqual([expect.objectContaining({ walk: 'roots', rounds: 0 })]);
    await write(['later']);
    await sealTrail(ports);
    await tamper(`UPDATE dbrag.audit_events SET actor = 'key_2' WHERE workspace_id = $1 AND action = 'later'`, [
      workspaceId,
    ]);
    await verifyAuditChains(services, () => true);
    expect(found).toContainEqual(expect.objectContaining({ workspaceId, seal: 2 }));
  });

  /** A bucket in which behind each page there is another, of old roots. */
  function endless(roots: LockedRoots): LockedRoots {
    return Object.assign(Object.create(roots) as LockedRoots, {
      list: async (_prefix: string, after = '') => [{ key: `${after}0`, bytes: 0, modifiedAt: new Date() }],
    });
  }

  /** The same roots, written long ago. */
  async function yearsAgo(roots: LockedRoots): Promise<LockedRoots> {
    const old = new LockedRoots();
    for (const [key, body] of roots.bodies) await old.put(key.replace(/^roots\/\d{4}/, 'roots/2020'), body);
    return old;
  }

  it('is compared with its newest roots every night, wherever the round over all of them is', async () => {
    const { workspaceId, roots } = await sealedTrail(2);
    const { found, services } = nights(roots);
    // What was looked at already this round.
    await tamper(`UPDATE dbrag.trail_rounds SET place = '"roots/9"' WHERE walk = $1`, ['roots']);
    await tamper(`UPDATE dbrag.audit_seals SET hash = sha256('x') WHERE workspace_id = $1 AND number = 2`, [
      workspaceId,
    ]);
    const of = { workspaceId, seal: 2, message: 'It is not what was written to its root.' };
    await verifyAuditRoots(services, () => false);
    expect(found).toContainEqual(of);
    // Old ones wait for their turn.
    const ofOld = nights(await yearsAgo(roots));
    await tamper(`UPDATE dbrag.trail_rounds SET place = '"roots/9"' WHERE walk = $1`, ['roots']);
    await verifyAuditRoots(ofOld.services, () => false);
    expect(ofOld.found).toEqual([]);
    await verifyAuditRoots(ofOld.services, () => false);
    expect(ofOld.found).toContainEqual(of);
  });

  it('is compared with many roots by few statements, and roots are read beside each other', async () => {
    const { roots } = await sealedTrail(40);
    let statements = 0;
    let [reading, most] = [0, 0];
    const database: typeof test.maintainer = {
      ...test.maintainer,
      inWorkspace: (scope, work) => {
        statements++;
        return test.maintainer.inWorkspace(scope, work);
      },
    };
    const counting: Pick<LockedRoots, 'list' | 'get'> = {
      list: (prefix, after) => roots.list(prefix, after),
      get: async (key) => {
        most = Math.max(most, ++reading);
        await new Promise(setImmediate);
        reading--;
        return roots.get(key);
      },
    };
    const workspaces = new Set(
      [...roots.bodies.values()].flatMap((body) =>
        (JSON.parse(Buffer.from(body).toString()) as TrailRoot).seals.map((seal) => seal.workspace_id),
      ),
    );
    const { read, faults, next } = await verifyRoots({ database, roots: counting, hasTime: () => true }, null);
    expect({ read, faults, next }).toEqual({ read: roots.bodies.size, faults: [], next: null });
    expect(read).toBeGreaterThanOrEqual(40);
    expect(statements).toBe(workspaces.size);
    expect(most).toBe(10);
  });

  it.each([
    ['that is no JSON', '{'],
    ['that is another thing', '{"v": 1, "seals": [{"workspace_id": "x", "number": 1, "hash": ""}]}'],
    ['that is too large', undefined],
  ])('tells of a root %s, and of everything behind it', async (_what, text) => {
    const { workspaceId, roots } = await sealedTrail(2);
    await tamper(`UPDATE dbrag.audit_seals SET hash = sha256('x') WHERE workspace_id = $1 AND number = 2`, [
      workspaceId,
    ]);
    const first = [...roots.bodies.keys()].sort()[0] as string;
    const strange = `${first.slice(0, first.lastIndexOf('/'))}/0.json`;
    await roots.put(strange, Buffer.from(text ?? 'x'.repeat(5_000_001)));
    await tamper('UPDATE dbrag.trail_rounds SET place = NULL WHERE walk = $1', ['roots']);
    const { found, verified, services } = nights(roots);
    await verifyAuditRoots(services, () => true);
    const told = expect.stringContaining(`The root ${strange} cannot be read`);
    expect(found).toContainEqual({ workspaceId: systemChain, seal: null, message: told });
    expect(found).toContainEqual({ workspaceId, seal: 2, message: 'It is not what was written to its root.' });
    expect(verified).toEqual([expect.objectContaining({ walk: 'roots', rounds: 1 })]);
  });

  it('tells of a chain that cannot be read, and of the others and the roots', async () => {
    const other = await sealedTrail(2);
    // Chains are walked from the newest workspace on.
    const { workspaceId } = await sealedTrail(2);
    await tamper(`UPDATE dbrag.audit_chains SET checkpoint_number = 3000000000 WHERE workspace_id = $1`, [workspaceId]);
    await tamper(`UPDATE dbrag.audit_events SET actor = 'key_2' WHERE workspace_id = $1 AND action = 'b1'`, [
      other.workspaceId,
    ]);
    const { faults, roots } = await verifyTrail({ database: test.maintainer, roots: other.roots });
    const told = expect.stringContaining('The chain cannot be read');
    expect(faults).toContainEqual({ workspaceId, seal: null, message: told });
    expect(faults).toContainEqual(expect.objectContaining({ workspaceId: other.workspaceId, seal: 2 }));
    expect(roots).toBeGreaterThan(0);
    await tamper(`UPDATE dbrag.audit_chains SET checkpoint_number = 0 WHERE workspace_id = $1`, [workspaceId]);
  });

  it('keeps what a night found and where it was, when the store does not answer later', async () => {
    const { workspaceId, roots } = await sealedTrail(2);
    await tamper(`UPDATE dbrag.audit_seals SET hash = sha256('x') WHERE workspace_id = $1 AND number = 2`, [
      workspaceId,
    ]);
    await tamper('UPDATE dbrag.trail_rounds SET place = NULL WHERE walk = $1', ['roots']);
    const old = await yearsAgo(roots);
    let listings = 0;
    const failing = Object.assign(Object.create(old) as LockedRoots, {
      list: (prefix: string, after?: string) => {
        // The newest roots, of which there are none, and the first batch of the round.
        if (++listings > 2) throw new Outage('The store is away.');
        return old.list(prefix, after);
      },
    });
    const { found, services } = nights(failing);
    await expect(verifyAuditRoots(services, () => true)).rejects.toThrow('The store is away.');
    expect(found).toContainEqual(expect.objectContaining({ workspaceId, seal: 2 }));
    const { rows } = await test.admin.query(`SELECT place FROM dbrag.trail_rounds WHERE walk = 'roots'`);
    expect(rows).toEqual([{ place: [...old.bodies.keys()].sort().at(-1) }]);
  });

  it('writes no root that would be too large to be read, after a time in which none could be written', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 21; count++) ids.push((await createWorkspace(test.application)).id);
    await tamper(
      `INSERT INTO dbrag.audit_seals (workspace_id, number, previous, hash, events, last_at)
       SELECT w, n, sha256('x'), sha256('x'), 1, now() FROM unnest($1::uuid[]) AS w, generate_series(1, 1000) AS n`,
      [ids],
    );
    const roots = new LockedRoots();
    const ports = { database: test.maintainer, roots, clock: systemClock };
    await sealTrail(ports);
    await sealTrail(ports);
    const sealsOf = (body: Uint8Array) => (JSON.parse(Buffer.from(body).toString()) as TrailRoot).seals.length;
    const bodies = [...roots.bodies.values()];
    expect(Math.max(...bodies.map(sealsOf))).toBe(20_000);
    expect(Math.max(...bodies.map(({ length }) => length))).toBeLessThan(5_000_000);
    const { rows } = await test.admin.query(
      'SELECT count(*)::int AS left FROM dbrag.audit_seals WHERE rooted_at IS NULL AND workspace_id = ANY($1)',
      [ids],
    );
    expect(rows).toEqual([{ left: 0 }]);
    await tamper('DELETE FROM dbrag.audit_seals WHERE workspace_id = ANY($1)', [ids]);
  });

  it('lets go of what is past its time by whole seals, and its beginning is told', async () => {
    const { workspaceId, faults, ports, write } = await sealedTrail();
    await tamper(
      `UPDATE dbrag.audit_seals SET last_at = now() - interval '40 days' WHERE workspace_id = $1 AND number <= 2`,
      [workspaceId],
    );
    expect(await expireTrail(test.maintainer, workspaceId, 50)).toBe(0);
    // 0: the row of the collection or workspace made for the test is not there, three events are in each seal.
    expect(await expireTrail(test.maintainer, workspaceId, 30)).toBe(6);
    expect(await faults()).toEqual([]);
    await sealTrail(ports);
    await write(['after']);
    await sealTrail(ports);
    expect(await faults()).toEqual([]);
    await tamper(`DELETE FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'audit.expire'`, [workspaceId]);
    expect(await faults(false)).toContain('2: No event says that the trail was let go up to here.');
  });

  const night = () => expireSystem({ database: test.maintainer } as Partial<Services> as Services, () => true);

  it('lets go of what is past its time of the system, which is nobody’s to set', async () => {
    const { ports } = await sealedTrail(1);
    const inSystemChain = <Row>(text: string) =>
      test.maintainer.inWorkspace({ workspaceId: systemChain }, (db) => db.query<Row>(text, [systemChain]));
    await test.application.inWorkspace({ workspaceId: systemChain }, (db) =>
      recordAudit(db, systemChain, 'operator', origin, [
        { action: 'old', resourceType: 'workspace', resourceId: null },
      ]),
    );
    await sealTrail(ports);
    const old = async () =>
      (await inSystemChain(`SELECT FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'old'`)).count;
    await night();
    expect(await old()).toBe(1);
    await tamper(`UPDATE dbrag.audit_seals SET last_at = now() - interval '366 days' WHERE workspace_id = $1`, [
      systemChain,
    ]);
    await night();
    expect(await old()).toBe(0);
    const { faults } = await verifyTrail({ database: test.maintainer, roots: ports.roots });
    expect(faults.filter(({ workspaceId }) => workspaceId === systemChain)).toEqual([]);
  });

  it('lets the months go that hold no event of anybody, from the oldest on, and no other', async () => {
    const { workspaceId, faults } = await sealedTrail(1);
    const old = ['2020_01', '2020_02', '2020_03'];
    await test.maintainer.inSystem(async (db) => {
      await db.query('SET LOCAL ROLE dbrag_owner');
      for (const [n, month] of old.entries()) {
        const [from, to] = [`2020-0${n + 1}-01 00:00Z`, `2020-0${n + 2}-01 00:00Z`];
        await db.query(
          `CREATE TABLE dbrag.audit_events_${month} PARTITION OF dbrag.audit_events FOR VALUES FROM ('${from}') TO ('${to}')`,
        );
        await db.query(`CALL dbrag.isolate_by_workspace('dbrag.audit_events_${month}')`);
      }
    });
    const months = async () =>
      (
        await test.admin.query<{ name: string }>(
          `SELECT relname AS name FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'dbrag.audit_events'::regclass ORDER BY 1`,
        )
      ).rows.map(({ name }) => name.slice('audit_events_'.length));
    const others = (await months()).filter((month) => !old.includes(month));
    // In the chain of a workspace that keeps it for ever.
    await tamper(
      `INSERT INTO dbrag.audit_events (workspace_id, id, at, actor, action, resource_type, access_type, outcome)
       VALUES ($1, dbrag.new_uuid(), '2020-02-10', 'key_1', 'old', 'document', 'write', 'success')`,
      [workspaceId],
    );
    await night();
    expect(await months()).toEqual(['2020_02', '2020_03', ...others]);
    await tamper(`DELETE FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'old'`, [workspaceId]);
    await night();
    // Months of the last sixty days stay, though nobody wrote into the first of them.
    expect(await months()).toEqual(others);
    expect(await faults()).toEqual([]);
  });

  it('is not changed by any role, and only sealed by the maintainer', async () => {
    const { workspaceId, write } = await sealedTrail(1);
    await write(['young']);
    const as = (database: typeof test.application, text: string) =>
      database.inWorkspace({ workspaceId }, (db) => db.query(text));
    const refused = { code: '42501' };
    for (const text of [`UPDATE dbrag.audit_events SET seal = 1`, 'DELETE FROM dbrag.audit_events'])
      await expect(as(test.application, text)).rejects.toMatchObject(refused);
    for (const table of ['audit_chains', 'audit_seals', 'audit_keys'])
      for (const text of [`DELETE FROM dbrag.${table}`, `UPDATE dbrag.${table} SET workspace_id = workspace_id`])
        await expect(as(test.application, text)).rejects.toMatchObject(refused);
    // Nor is it chosen what of it is verified.
    for (const text of [
      'SELECT FROM dbrag.trail_rounds',
      `UPDATE dbrag.trail_rounds SET place = '"roots/9"'`,
      'DELETE FROM dbrag.trail_rounds',
    ])
      await expect(as(test.application, text)).rejects.toMatchObject(refused);
    await expect(as(test.maintainer, `UPDATE dbrag.audit_events SET actor = 'x'`)).rejects.toMatchObject(refused);
    await expect(
      as(test.maintainer, `UPDATE dbrag.audit_events SET seal = NULL WHERE seal IS NOT NULL`),
    ).rejects.toMatchObject(refused);
  });

  it('keeps where a person called from under the key of the person', async () => {
    const { id: workspaceId } = await createWorkspace(test.application);
    const service = keyService();
    const keys = new TrailKeys(test.application, service);
    const name = 'ada@example.org';
    const id = await test.application.inWorkspace({ workspaceId }, (db) => subjectIdOf(db, workspaceId, name));
    const subject = { id, name };
    const ofPerson = await sealOrigin(keys, workspaceId, subject, origin);
    const ofKey = await sealOrigin(keys, workspaceId, null, origin);
    await test.application.inWorkspace({ workspaceId }, async (db) => {
      const entry = { action: 'x', resourceType: 'y', resourceId: null };
      await recordAudit(db, workspaceId, 'sub_1', { ...origin, sealed: ofPerson }, [entry]);
      await recordAudit(db, workspaceId, 'key_1', { ...origin, sealed: ofKey }, [entry]);
      // Sealed for another workspace: not written here.
      await recordAudit(db, workspaceId, 'key_2', { ...origin, sealed: { ...ofKey, workspaceId: systemChain } }, [
        entry,
      ]);
    });
    const { rows: raw } = await test.admin.query(
      `SELECT encode(origin, 'escape') || coalesce(host(ip), '') || coalesce(user_agent, '') AS text
       FROM dbrag.audit_events WHERE workspace_id = $1 AND origin IS NOT NULL`,
      [workspaceId],
    );
    for (const { text } of raw) expect(text).not.toMatch(/203\.0\.113|curl|ada/);
    const read = async () => {
      // Another process: what it knows, it read from the database.
      const reader = new TrailKeys(test.application, service);
      const { items } = await test.application.inWorkspace({ workspaceId }, (db) =>
        listAuditEvents(db, workspaceId, { action: 'x' }, { limit: 10 }),
      );
      const found = await reader.find(
        workspaceId,
        items.flatMap(({ holder }) => holder ?? []),
      );
      return [...items]
        .sort((one, other) => (one.actor < other.actor ? -1 : 1))
        .map((row) => openOrigin(found, workspaceId, row.holder, row.origin));
    };
    const whole = { ip: '203.0.113.7', user_agent: 'curl' };
    expect(await read()).toEqual([{ subject: null, ...whole }, null, { subject: 'ada@example.org', ...whole }]);
    const again = await new TrailKeys(test.application, service).keyOf(workspaceId, subject.id);
    expect(again).toEqual(await keys.keyOf(workspaceId, subject.id));
    await test.maintainer.inWorkspace({ workspaceId }, (db) =>
      db.query('DELETE FROM dbrag.audit_keys WHERE workspace_id = $1 AND holder = $2', [workspaceId, subject.id]),
    );
    expect(await read()).toEqual([{ subject: null, ...whole }, null, null]);
  });

  it('makes no key for somebody who is being erased, or was: what was still under way is read by nobody', async () => {
    const { id: workspaceId } = await createWorkspace(test.application);
    const inWorkspace = <T>(work: (db: Db) => Promise<T>) => test.application.inWorkspace({ workspaceId }, work);
    const subject = { id: await inWorkspace((db) => subjectIdOf(db, workspaceId, 'grace')), name: 'grace' };
    const service = keyService();
    const seal = async () => {
      // A process that has not met the person, and ends a question of theirs after the erasure.
      const sealed = await sealOrigin(new TrailKeys(test.application, service), workspaceId, subject, origin);
      const found = await new TrailKeys(test.application, service).find(workspaceId, [subject.id]);
      return openOrigin(found, workspaceId, sealed.holder, sealed.bytes);
    };
    await inWorkspace((db) => beginSubjectErasure(db, new Date(), { workspaceId, named: 'grace', actor: 'key_1' }));
    expect(await seal()).toBe(null);
    await test.maintainer.inWorkspace({ workspaceId }, (db) =>
      db.query('DELETE FROM dbrag.subjects WHERE workspace_id = $1 AND id = $2', [workspaceId, subject.id]),
    );
    expect(await seal()).toBe(null);
    expect(await remainingOfSubject(test.application, workspaceId, subject.id)).toEqual({});
  });
});
