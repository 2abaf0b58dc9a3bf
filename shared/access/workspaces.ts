import type { Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';
import { hashApiKey, newApiKeySecret } from './api-key.ts';
import { hintOf } from './api-keys.ts';

export interface Workspace {
  readonly id: string;
  readonly name: string;
  readonly created_at: Date;
}

/** The workspace's own choice; null for the stage's default. */
export interface WorkspaceSettings {
  /** Days for which questions, answers and conversations are kept. */
  readonly retention_days: number | null;
  /** Days after which a document whose newest version is older leaves; null: never. */
  readonly document_retention_days: number | null;
  /** Days for which the audit trail is kept. */
  readonly audit_retention_days: number | null;
  readonly chat_model: string | null;
}

/** Where a workspace has not said otherwise in its settings. */
export const defaultRetentionDays = 365;

const columns = `id, name, created_at, (settings ->> 'retention_days')::float8 AS retention_days, settings ->> 'chat_model' AS chat_model,
  (settings ->> 'document_retention_days')::float8 AS document_retention_days,
  (settings ->> 'audit_retention_days')::float8 AS audit_retention_days`;

/** A workspace with its first key, of the role owner. @returns the secret of that key, which is stored nowhere */
export async function createWorkspace(
  db: Db,
  id: string,
  name: string,
): Promise<{ workspace: Workspace; apiKeyId: string; secret: string }> {
  const apiKeyId = newUuid();
  const secret = newApiKeySecret();
  const { rows } = await db.query<{ created_at: Date }>(
    `SELECT dbrag.create_workspace($1, $2, '{}', $3, $4, $5) AS created_at`,
    [id, name, apiKeyId, hashApiKey(secret), hintOf(secret)],
  );
  return { workspace: { id, name, created_at: rows[0]?.created_at as Date }, apiKeyId, secret };
}

/** Every workspace, newest first: for the operator. */
export async function listWorkspaces(db: Db, { limit, after }: PageRequest): Promise<Page<Workspace>> {
  const { rows } = await db.query<Workspace>('SELECT id, name, created_at FROM dbrag.list_workspaces($1, $2)', [
    after ?? null,
    limit + 1,
  ]);
  return pageOf(rows, limit);
}

/** @throws not_found */
export async function getWorkspace(db: Db, id: string): Promise<Workspace & WorkspaceSettings> {
  const { rows } = await db.query<Workspace & WorkspaceSettings>(
    `SELECT ${columns} FROM dbrag.workspaces WHERE id = $1`,
    [id],
  );
  if (!rows[0]) throw notFound('workspace');
  return rows[0];
}

/** Changes what is named; a setting that is null is the stage's again. @throws not_found */
export async function updateWorkspace(
  db: Db,
  id: string,
  {
    name,
    ...settings
  }: { readonly name?: string | undefined } & { [K in keyof WorkspaceSettings]?: WorkspaceSettings[K] | undefined },
): Promise<Workspace & WorkspaceSettings> {
  const { rows } = await db.query<Workspace & WorkspaceSettings>(
    `UPDATE dbrag.workspaces SET name = coalesce($2, name), settings = jsonb_strip_nulls(settings || $3::jsonb), updated_at = now()
     WHERE id = $1 RETURNING ${columns}`,
    [id, name ?? null, JSON.stringify(settings)],
  );
  if (!rows[0]) throw notFound('workspace');
  return rows[0];
}
