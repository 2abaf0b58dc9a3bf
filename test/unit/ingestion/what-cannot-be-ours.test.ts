import { describe, expect, it } from 'vitest';
import { newUuid, publicId } from '../../../shared/core/ids.ts';
import { ingestDocumentMessage } from '../../../shared/ingestion/ingest-document.message.ts';
import { parseUploadKey, uploadPrefix } from '../../../shared/ingestion/object-keys.ts';

describe('what no row can be about', () => {
  it('is no message: numbers that no column holds', () => {
    const message = { v: 1, workspace_id: newUuid(), document_id: newUuid(), version: 2_147_483_647, attempt: 1 };
    expect(ingestDocumentMessage.safeParse(message).success).toBe(true);
    for (const number of [2_147_483_648, 0, -1, 1.5, 1e30])
      for (const name of ['version', 'attempt'])
        expect(ingestDocumentMessage.safeParse({ ...message, [name]: number }).success).toBe(false);
  });

  it('is no upload: a key with a NUL', () => {
    const prefix = uploadPrefix(newUuid(), newUuid());
    expect(parseUploadKey(`${prefix}a b.txt`)).toMatchObject({ path: 'a b.txt' });
    expect(parseUploadKey(`${prefix}a\0b.txt`)).toBeUndefined();
    expect(parseUploadKey(`uploads/${publicId('workspace', newUuid())}\0/x/y`)).toBeUndefined();
  });
});
