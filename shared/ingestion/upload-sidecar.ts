import { type ObjectStore, ObjectTooLarge } from '../core/object-store.ts';
import { fittingLabels } from './label-limits.ts';

const suffix = '.metadata.json';
const maximumBytes = 64 * 1024;

/** A file beside another that labels it: `report.pdf.metadata.json` holds `{"metadata": {…}}` or the labels themselves. */
export function isSidecar(key: string): boolean {
  return key.endsWith(suffix);
}

export function sidecarOf(key: string): string {
  return key + suffix;
}

/** The key of the file that a sidecar labels. */
export function sidecarTarget(sidecarKey: string): string {
  return sidecarKey.slice(0, -suffix.length);
}

/** The labels of a sidecar: flat strings, numbers and booleans. Undefined when there is none, or none that can be read. */
export async function readSidecar(objects: ObjectStore, key: string): Promise<Record<string, unknown> | undefined> {
  try {
    const object = await objects.get(key, { maximumBytes });
    if (!object) return undefined;
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(object.body));
    return labelsOf(parsed);
  } catch (error) {
    // An invalid sidecar leaves its document without labels, but must not keep it out.
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof ObjectTooLarge) return undefined;
    throw error;
  }
}

function labelsOf(parsed: unknown): Record<string, unknown> | undefined {
  if (!isRecord(parsed)) return undefined;
  const labels = isRecord(parsed.metadata) ? parsed.metadata : parsed;
  return fittingLabels(labels);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
