import * as z from 'zod/mini';
import type { ObjectStore } from '../core/object-store.ts';
import { isOutage } from '../core/outage.ts';
import { systemChain } from './audit.ts';
import type { TrailRoot } from './seal-trail.ts';
import type { TrailFault } from './verify-chain.ts';

export type RootedSeal = TrailRoot['seals'][number];

export interface ReadRoots {
  /** Those that are there. */
  readonly read: number;
  readonly seals: readonly RootedSeal[];
  /** One for each root that cannot be read. */
  readonly faults: readonly TrailFault[];
}

/** Far more than a root has: see `sealsPerRoot`. */
const largestRoot = 5_000_000;
const readsAtOnce = 10;

const rootShape = z.object({
  v: z.literal(1),
  seals: z.array(z.object({ workspace_id: z.uuid(), number: z.int(), hash: z.string() })),
});

/**
 * Reads roots, some beside each other. One that cannot be read is a fault: nobody but us writes there, and it must keep no other from being read.
 * @throws Outage while the store does not answer
 */
export async function readRoots(roots: Pick<ObjectStore, 'get'>, keys: readonly string[]): Promise<ReadRoots> {
  const found: (readonly RootedSeal[] | undefined)[] = [];
  const faults: TrailFault[] = [];
  const waiting = keys.entries();
  const readSome = async () => {
    for (const [at, key] of waiting) {
      try {
        const object = await roots.get(key, { maximumBytes: largestRoot });
        found[at] = object && rootShape.parse(JSON.parse(Buffer.from(object.body).toString())).seals;
      } catch (error) {
        if (isOutage(error)) throw error;
        const reason = error instanceof Error ? error.name : String(error);
        faults.push({ workspaceId: systemChain, seal: null, message: `The root ${key} cannot be read: ${reason}.` });
        found[at] = [];
      }
    }
  };
  await Promise.all(Array.from({ length: readsAtOnce }, readSome));
  const present = found.filter((seals) => seals !== undefined);
  return { read: present.length, seals: present.flat(), faults };
}
