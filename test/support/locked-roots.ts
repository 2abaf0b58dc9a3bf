import { type ObjectStore, ObjectTooLarge } from '../../shared/core/object-store.ts';

/** A place for roots of the audit trail that nobody tampers with. */
export class LockedRoots implements Pick<ObjectStore, 'put' | 'list' | 'get'> {
  readonly bodies = new Map<string, Uint8Array>();

  async put(key: string, body: Uint8Array): Promise<{ versionId: undefined }> {
    this.bodies.set(key, body);
    return { versionId: undefined };
  }

  async list(prefix: string, after = ''): ReturnType<ObjectStore['list']> {
    const keys = [...this.bodies.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    return keys.map((key) => ({ key, bytes: 0, modifiedAt: new Date() }));
  }

  async get(key: string, { maximumBytes = Number.POSITIVE_INFINITY } = {}): ReturnType<ObjectStore['get']> {
    const body = this.bodies.get(key);
    if (body && body.length > maximumBytes) throw new ObjectTooLarge(key, body.length);
    return body && { body, bytes: body.length, contentType: undefined, versionId: undefined, metadata: {} };
  }
}
