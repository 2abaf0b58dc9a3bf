import { ModelError } from './model-error.ts';

/** A provider's embedding with the index of the input that it is for. */
export interface IndexedVector {
  readonly index: number;
  readonly vector: Float32Array;
}

/**
 * Puts vectors in the order of the inputs, by `index`: providers may answer in any order.
 * @throws ModelError transient, `badResponse`: a count, an index or a dimension is wrong, or a vector is not finite or is zero
 */
export function orderVectors(found: readonly IndexedVector[], count: number, dimensions: number): Float32Array[] {
  if (found.length !== count) throw badResponse(`The model answered ${found.length} vectors for ${count} inputs.`);
  const vectors = new Array<Float32Array | undefined>(count).fill(undefined);
  for (const { index, vector } of found) {
    if (!Number.isInteger(index) || index < 0 || index >= count || vectors[index] !== undefined)
      throw badResponse(`The model answered the index ${index} twice or out of range.`);
    checkVector(vector, dimensions);
    vectors[index] = vector;
  }
  return vectors as Float32Array[];
}

function checkVector(vector: Float32Array, dimensions: number): void {
  if (vector.length !== dimensions)
    throw badResponse(`The model answered a vector of ${vector.length} dimensions instead of ${dimensions}.`);
  if (!isUsableVector(vector)) throw badResponse('The model answered a vector that is zero or not finite.');
}

/** Finite and not zero: one that can be compared by cosine. A sum of squares is neither 0 nor infinite nor NaN then. */
export function isUsableVector(vector: Float32Array): boolean {
  let squares = 0;
  for (let i = 0; i < vector.length; i += 1) squares += (vector[i] as number) ** 2;
  return squares > 0 && Number.isFinite(squares);
}

function badResponse(message: string): ModelError {
  return new ModelError('transient', message, { badResponse: true });
}
