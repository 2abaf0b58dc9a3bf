import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Database } from '../core/database.ts';
import type { KeyService } from '../core/key-service.ts';

/** Keys that are kept in a process, for sealing: an erased person is never met again under the same id. */
const keptKeys = 1_000;
const ivBytes = 12;
const tagBytes = 16;

/**
 * The keys of the audit trail: one per workspace, wrapped by KMS, and one per person, wrapped by the workspace's. Deleting a person's row
 * destroys the key, and whatever was encrypted with it becomes unreadable.
 */
export class TrailKeys {
  private readonly database: Database;
  private readonly service: KeyService;
  private readonly kept = new Map<string, Promise<Buffer>>();

  constructor(database: Database, service: KeyService) {
    this.database = database;
    this.service = service;
  }

  /** The key to seal with, made when there is none. @param holder a subject's UUID, or the workspace's own */
  keyOf(workspaceId: string, holder: string): Promise<Buffer> {
    const name = `${workspaceId} ${holder}`;
    let key = this.kept.get(name);
    if (!key) {
      key = this.findOrMake(workspaceId, holder);
      key.catch(() => this.kept.delete(name));
      this.kept.set(name, key);
      const oldest = this.kept.size > keptKeys ? this.kept.keys().next().value : undefined;
      if (oldest !== undefined) this.kept.delete(oldest);
    }
    return key;
  }

  /** The keys of these holders, to read with, as they stand in the database now: those that were destroyed are left out. */
  async find(workspaceId: string, holders: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
    return this.open(workspaceId, await this.read(workspaceId, [...new Set([workspaceId, ...holders])]));
  }

  /** Opens keys that were read already: for whoever holds a transaction, in which no other may be begun. */
  async open(workspaceId: string, wrapped: ReadonlyMap<string, Buffer>): Promise<ReadonlyMap<string, Buffer>> {
    const own = wrapped.get(workspaceId);
    const keys = new Map<string, Buffer>();
    if (!own) return keys;
    const master = await this.service.unwrap(own, contextOf(workspaceId));
    for (const [holder, bytes] of wrapped)
      keys.set(holder, holder === workspaceId ? master : open(master, bytes, `${workspaceId} ${holder}`));
    return keys;
  }

  private async findOrMake(workspaceId: string, holder: string): Promise<Buffer> {
    if (holder === workspaceId) return this.findOrMakeMaster(workspaceId);
    const master = await this.keyOf(workspaceId, workspaceId);
    const aad = `${workspaceId} ${holder}`;
    const known = (await this.read(workspaceId, [holder])).get(holder);
    return open(master, known ?? (await this.insert(workspaceId, holder, close(master, randomBytes(32), aad))), aad);
  }

  private async findOrMakeMaster(workspaceId: string): Promise<Buffer> {
    const known = (await this.read(workspaceId, [workspaceId])).get(workspaceId);
    if (known) return this.service.unwrap(known, contextOf(workspaceId));
    const made = await this.service.generate(contextOf(workspaceId));
    const stands = await this.insert(workspaceId, workspaceId, made.wrapped);
    return stands.equals(made.wrapped) ? made.plain : this.service.unwrap(stands, contextOf(workspaceId));
  }

  private async read(workspaceId: string, holders: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
    const { rows } = await this.database.inWorkspace({ workspaceId }, (db) =>
      db.query<{ holder: string; wrapped: Buffer }>(
        'SELECT holder, wrapped FROM dbrag.audit_keys WHERE workspace_id = $1 AND holder = ANY($2::uuid[])',
        [workspaceId, holders],
      ),
    );
    return new Map(rows.map((row) => [row.holder, row.wrapped]));
  }

  /**
   * The key of a person who was erased, or is being erased, is not stored: nobody can read what is sealed with it. The person's row is
   * locked, so an erasure waits for this transaction.
   * @returns the stored key: another process may have been first
   */
  private async insert(workspaceId: string, holder: string, wrapped: Buffer): Promise<Buffer> {
    await this.database.inWorkspace({ workspaceId }, (db) =>
      db.query(
        `WITH person AS (
           SELECT id FROM dbrag.subjects WHERE workspace_id = $1 AND id = $2 AND erasing_at IS NULL FOR KEY SHARE
         )
         INSERT INTO dbrag.audit_keys (workspace_id, holder, wrapped)
         SELECT $1, $2, $3 WHERE $1::uuid = $2::uuid OR EXISTS (SELECT FROM person) ON CONFLICT DO NOTHING`,
        [workspaceId, holder, wrapped],
      ),
    );
    return (await this.read(workspaceId, [holder])).get(holder) ?? wrapped;
  }
}

const contextOf = (workspaceId: string) => ({ 'dbrag:purpose': 'audit', 'dbrag:workspace': workspaceId });

/** AES-256-GCM: iv, tag, ciphertext. @param aad what it is bound to: elsewhere it cannot be opened */
export function close(key: Buffer, plain: Uint8Array, aad: string): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(aad));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]);
}

/** @throws Error for another key, another binding, or bytes that were changed */
export function open(key: Buffer, sealed: Uint8Array, aad: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivBytes))
    .setAAD(Buffer.from(aad))
    .setAuthTag(sealed.subarray(ivBytes, ivBytes + tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(ivBytes + tagBytes)), decipher.final()]);
}
