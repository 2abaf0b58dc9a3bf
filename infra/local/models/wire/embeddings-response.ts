export type EncodedVector = string;

/** A vector as JSON: a base64 string of little-endian float32, or an array of numbers. */
export function encodeVector(vector: Float32Array, encoding: 'float' | 'base64'): EncodedVector {
  // Typed arrays are in the machine's order, and every machine that runs Node today is little-endian.
  if (encoding === 'base64') {
    return `"${Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64')}"`;
  }
  return `[${vector.join(',')}]`;
}

export interface EncodedEmbedding {
  readonly index: number;
  readonly vector: EncodedVector;
}

/** The body of an answer, put together as text: JSON.stringify over 2,048 base64 strings would copy each once more. */
export function embeddingsBody(model: string, embeddings: readonly EncodedEmbedding[], tokens: number): string {
  const data = embeddings.map(({ index, vector }) => `{"object":"embedding","index":${index},"embedding":${vector}}`);
  const usage = `{"prompt_tokens":${tokens},"total_tokens":${tokens}}`;
  return `{"object":"list","data":[${data.join(',')}],"model":${JSON.stringify(model)},"usage":${usage}}`;
}
