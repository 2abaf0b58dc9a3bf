import type { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '../../core/clock.ts';
import {
  type ObjectHead,
  type ObjectStore,
  ObjectTooLarge,
  type PresignedRequest,
  type StoredObject,
} from '../../core/object-store.ts';
import { beginMultipartUpload } from './multipart-upload.ts';
import { purgeVersions } from './purge-versions.ts';
import { requireDeleted, rethrow, truncated } from './s3-outage.ts';

const presignedSeconds = 15 * 60;

type Sdk = typeof import('@aws-sdk/client-s3');

/** The object store on S3. SDK and client come at first use: their import costs 50 ms that most requests need not pay. */
export function createS3ObjectStore(bucket: string, clock: Clock): ObjectStore {
  let loaded: Promise<{ sdk: Sdk; client: S3Client }> | undefined;
  const load = () => {
    // Without WHEN_REQUIRED a presigned URL carries the checksum of an empty body.
    loaded ??= import('@aws-sdk/client-s3').then((sdk) => ({
      sdk,
      client: new sdk.S3Client({
        requestChecksumCalculation: 'WHEN_REQUIRED',
        // TLS holds the bytes together; one more pass over them goes through two streams more, for every object.
        responseChecksumValidation: 'WHEN_REQUIRED',
        maxAttempts: 3,
        // Otherwise the middleware stack is rebuilt for every call.
        cacheMiddleware: true,
      }),
    }));
    return loaded;
  };
  const presign = async (
    command: object,
    signableHeaders: readonly string[],
  ): Promise<{ url: string; expiresAt: Date }> => {
    const [{ getSignedUrl }, { client }] = await Promise.all([import('@aws-sdk/s3-request-presigner'), load()]);
    const signingDate = clock.now();
    const url = await getSignedUrl(client as never, command as never, {
      expiresIn: presignedSeconds,
      signingDate,
      signableHeaders: new Set(signableHeaders),
    });
    return { url, expiresAt: new Date(signingDate.getTime() + presignedSeconds * 1000) };
  };
  return {
    async put(key, body, { contentType }) {
      const { sdk, client } = await load();
      const put = new sdk.PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: contentType });
      return { versionId: (await client.send(put).catch(rethrow)).VersionId };
    },
    async get(key, { versionId, maximumBytes }): Promise<StoredObject | undefined> {
      const { sdk, client } = await load();
      const command = new sdk.GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(versionId ? { VersionId: versionId } : {}),
      });
      const answer = await ifThere(client.send(command));
      if (answer?.Body === undefined) return undefined;
      const head = headOf(answer);
      if (head.bytes > maximumBytes) {
        (answer.Body as unknown as { destroy?: () => void }).destroy?.();
        throw new ObjectTooLarge(key, head.bytes);
      }
      return {
        ...head,
        body: await readBody(answer.Body as unknown as AsyncIterable<Uint8Array>, head.bytes).catch(rethrow),
      };
    },
    async head(key) {
      const { sdk, client } = await load();
      const answer = await ifThere(client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key })));
      return answer && headOf(answer);
    },
    async list(prefix, after) {
      const { sdk, client } = await load();
      const command = new sdk.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ...(after === undefined ? {} : { StartAfter: after }),
      });
      const { Contents } = await client.send(command).catch(rethrow);
      return (Contents ?? []).map((entry) => ({
        key: entry.Key ?? '',
        bytes: entry.Size ?? 0,
        modifiedAt: entry.LastModified ?? new Date(0),
      }));
    },
    async delete(keys) {
      const { sdk, client } = await load();
      for (let start = 0; start < keys.length; start += 1000) {
        const Objects = keys.slice(start, start + 1000).map((Key) => ({ Key }));
        const command = new sdk.DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } });
        const { Errors } = await client.send(command).catch(rethrow);
        requireDeleted(Errors);
      }
    },
    async countVersions(prefix) {
      const { sdk, client } = await load();
      const command = new sdk.ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix });
      const { Versions, DeleteMarkers } = await client.send(command).catch(rethrow);
      return (Versions?.length ?? 0) + (DeleteMarkers?.length ?? 0);
    },
    async purge(prefix, only) {
      const { sdk, client } = await load();
      return purgeVersions(sdk, client, { bucket, prefix, only }).catch(rethrow);
    },
    async stream(key, versionId) {
      const { sdk, client } = await load();
      const place = { Bucket: bucket, Key: key, ...(versionId ? { VersionId: versionId } : {}) };
      const answer = await ifThere(client.send(new sdk.GetObjectCommand(place)));
      return answer?.Body && readParts(answer.Body as unknown as AsyncIterable<Uint8Array>);
    },
    async beginUpload(key, { contentType }) {
      const { sdk, client } = await load();
      const { write, complete, abort } = await beginMultipartUpload(sdk, client, { bucket, key, contentType }).catch(
        rethrow,
      );
      return {
        write: (part) => write(part).catch(rethrow),
        complete: () => complete().catch(rethrow),
        abort: () => abort().catch(rethrow),
      };
    },
    async presignGet(key, { versionId, fileName, contentType }): Promise<PresignedRequest> {
      const { sdk } = await load();
      const isPdf = contentType === 'application/pdf';
      const command = new sdk.GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(versionId ? { VersionId: versionId } : {}),
        // Never rendered in the browser under the bucket's origin, since a document may be hostile HTML; but by its viewer of PDFs, to
        // which it is one whatever it holds, and which can go to a page.
        ResponseContentDisposition: `${isPdf ? 'inline' : 'attachment'}; filename*=UTF-8''${encodeURIComponent(fileName)}`,
        ...(isPdf ? { ResponseContentType: 'application/pdf' } : {}),
      });
      return { ...(await presign(command, [])), headers: {} };
    },
    async presignPut(key, { contentType, bytes }): Promise<PresignedRequest> {
      const { sdk } = await load();
      const command = new sdk.PutObjectCommand({
        Bucket: bucket,
        Key: key,
        ContentType: contentType,
        ContentLength: bytes,
      });
      const signed = await presign(command, ['content-type', 'content-length']);
      return { ...signed, headers: { 'content-type': contentType, 'content-length': String(bytes) } };
    },
  };
}

/** A connection that breaks in the middle of a body is an outage as well. */
async function* readParts(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* parts;
  } catch (error) {
    rethrow(error);
  }
}

/** Into the one buffer that holds it: collecting parts and joining them would hold a large file twice. */
async function readBody(parts: AsyncIterable<Uint8Array>, bytes: number): Promise<Uint8Array> {
  const body = new Uint8Array(bytes);
  let filled = 0;
  for await (const part of parts) {
    // Throws a RangeError for more than was announced.
    body.set(part, filled);
    filled += part.length;
  }
  if (filled < bytes) throw truncated(filled, bytes);
  return body;
}

function headOf(answer: {
  ContentLength?: number | undefined;
  ContentType?: string | undefined;
  VersionId?: string | undefined;
  Metadata?: Record<string, string> | undefined;
}): ObjectHead {
  return {
    bytes: answer.ContentLength ?? 0,
    contentType: answer.ContentType,
    versionId: answer.VersionId,
    metadata: answer.Metadata ?? {},
  };
}

const missing = new Set(['NoSuchKey', 'NotFound', 'NoSuchVersion', 'MethodNotAllowed']);

/** Undefined where S3 says that the object is not there; a HEAD says it by its status alone. */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
    if (missing.has(name ?? '') || $metadata?.httpStatusCode === 404) return undefined;
    return rethrow(error);
  }
}
