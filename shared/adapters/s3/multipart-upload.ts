import type { CompletedPart, S3Client } from '@aws-sdk/client-s3';
import type { ObjectUpload } from '../../core/object-store.ts';

type Sdk = typeof import('@aws-sdk/client-s3');

interface Target {
  readonly bucket: string;
  readonly key: string;
  readonly contentType: string;
}

/** Parts on their way at once: one is sent while the next is made, and no more are held. */
const partsAtOnce = 2;

/** A multipart upload. The bucket's lifecycle rule removes uploads that were never completed after a day. */
export async function beginMultipartUpload(sdk: Sdk, client: S3Client, target: Target): Promise<ObjectUpload> {
  const place = { Bucket: target.bucket, Key: target.key };
  const begun = await client.send(new sdk.CreateMultipartUploadCommand({ ...place, ContentType: target.contentType }));
  const upload = { ...place, UploadId: begun.UploadId };
  const parts: CompletedPart[] = [];
  const sending = new Set<Promise<void>>();
  let failure: unknown;

  async function send(PartNumber: number, Body: Uint8Array): Promise<void> {
    const { ETag } = await client.send(new sdk.UploadPartCommand({ ...upload, PartNumber, Body }));
    parts.push({ PartNumber, ETag });
  }
  const failed = () => {
    if (failure !== undefined) throw failure;
  };
  let number = 0;
  return {
    async write(part) {
      failed();
      number++;
      const sent: Promise<void> = send(number, part)
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => sending.delete(sent));
      sending.add(sent);
      if (sending.size >= partsAtOnce) await Promise.race(sending);
      failed();
    },
    async complete() {
      await Promise.all(sending);
      failed();
      parts.sort((one, other) => (one.PartNumber ?? 0) - (other.PartNumber ?? 0));
      await client.send(new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } }));
    },
    async abort() {
      await Promise.all(sending);
      await client.send(new sdk.AbortMultipartUploadCommand(upload));
    },
  };
}
