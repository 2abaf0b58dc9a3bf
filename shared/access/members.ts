import { type Caller, mayActAs, type Narrowing, type Role } from '../core/caller.ts';
import type { Db } from '../core/database.ts';
import { DbragError, notFound } from '../core/errors.ts';
import { type Page, pageOf } from '../core/page.ts';
import { subjectIdOf } from './subjects.ts';

/** A person who comes by a token of an identity provider, and what they may do in a workspace. */
export interface Member {
  readonly issuer: string;
  /** The `sub` of their tokens: one person in a workspace, whatever the issuer. */
  readonly subject: string;
  /** Null: the subject was erased since. */
  readonly subject_id: string | null;
  readonly role: Role;
  readonly collection_ids: readonly string[] | null;
  readonly connection_ids: readonly string[] | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface MemberChange extends Narrowing {
  readonly issuer: string;
  readonly subject: string;
  readonly role: Role;
}

const columns = `issuer, subject, role, collection_ids, connection_ids, created_at, updated_at,
  (SELECT s.id FROM dbrag.subjects s WHERE s.workspace_id = members.workspace_id AND s.external_id = members.subject) AS subject_id`;

export async function listMembers(
  db: Db,
  workspaceId: string,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
): Promise<Page<Member>> {
  const { rows } = await db.query<Member>(
    `SELECT ${columns} FROM dbrag.members WHERE workspace_id = $1
       AND ($2::text IS NULL OR (created_at, subject) < (SELECT a.created_at, a.subject FROM dbrag.members a WHERE a.workspace_id = $1 AND a.subject = $2))
     ORDER BY created_at DESC, subject DESC LIMIT $3 + 1`,
    [workspaceId, after ?? null, limit],
  );
  return pageOf(rows, limit);
}

/** @throws not_found */
export async function getMember(db: Db, workspaceId: string, subject: string): Promise<Member> {
  const { rows } = await db.query<Member>(
    `SELECT ${columns} FROM dbrag.members WHERE workspace_id = $1 AND subject = $2`,
    [workspaceId, subject],
  );
  if (!rows[0]) throw notFound('member');
  return rows[0];
}

/**
 * Makes somebody a member, or changes what they may. It holds everywhere within 30 s.
 * @returns whether they are new here
 * @throws forbidden for a role above the caller's, before or after, and for one who may see more than the caller
 */
export async function putMember(
  db: Db,
  caller: Pick<Caller, 'workspaceId' | 'role'>,
  change: MemberChange,
): Promise<{ readonly member: Member; readonly isNew: boolean }> {
  const { workspaceId } = caller;
  if (!mayActAs(caller, change.role))
    throw new DbragError('forbidden', `The role ${caller.role} cannot give the role ${change.role}.`);
  await subjectIdOf(db, workspaceId, change.subject);
  const values = [workspaceId, change.subject, change.issuer, change.role, change.collectionIds, change.connectionIds];
  const { count } = await db.query(
    `INSERT INTO dbrag.members (workspace_id, subject, issuer, role, collection_ids, connection_ids)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, subject) DO NOTHING`,
    values,
  );
  if (count === 0) {
    await requireWeaker(db, caller, change.subject, 'forbidden');
    await db.query(
      `UPDATE dbrag.members SET issuer = $3, role = $4, collection_ids = $5, connection_ids = $6, updated_at = now()
       WHERE workspace_id = $1 AND subject = $2`,
      values,
    );
  }
  return { member: await getMember(db, workspaceId, change.subject), isNew: count > 0 };
}

/** @returns the subject that stays behind, with what it asked · @throws not_found · forbidden for one who may more than the caller */
export async function deleteMember(
  db: Db,
  caller: Pick<Caller, 'workspaceId' | 'role'>,
  subject: string,
): Promise<Member> {
  await requireWeaker(db, caller, subject, 'not_found');
  const member = await getMember(db, caller.workspaceId, subject);
  await db.query('DELETE FROM dbrag.members WHERE workspace_id = $1 AND subject = $2', [caller.workspaceId, subject]);
  return member;
}

/** Locks the member. One whom row security hides may see more than the caller. */
async function requireWeaker(
  db: Db,
  caller: Pick<Caller, 'workspaceId' | 'role'>,
  subject: string,
  hidden: 'forbidden' | 'not_found',
): Promise<void> {
  const { rows } = await db.query<{ role: Role }>(
    'SELECT role FROM dbrag.members WHERE workspace_id = $1 AND subject = $2 FOR UPDATE',
    [caller.workspaceId, subject],
  );
  if (!rows[0] && hidden === 'not_found') throw notFound('member');
  if (!rows[0] || !mayActAs(caller, rows[0].role))
    throw new DbragError('forbidden', 'This member has more rights than you.');
}
