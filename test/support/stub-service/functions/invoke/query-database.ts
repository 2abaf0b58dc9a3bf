export async function handler(): Promise<object> {
  return { ok: true, result: null };
}
