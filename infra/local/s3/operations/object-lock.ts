import type { Operation } from '../context.ts';
import { S3Error } from '../errors.ts';
import { parseRetention, requireLockBucket, requireRetentionChange } from '../object-lock.ts';
import type { Retention } from '../object-version.ts';
import { readBody } from '../received-body.ts';
import { isoDate, sendEmpty, sendXml } from '../respond.ts';
import { element, malformedXml, parseXml, textOf } from '../xml.ts';
import { findReadable } from './get-object.ts';

const GET_RETENTION = { current: 's3:GetObjectRetention', version: 's3:GetObjectRetention' };
const PUT_RETENTION = { current: 's3:PutObjectRetention', version: 's3:PutObjectRetention' };
const GET_LEGAL_HOLD = { current: 's3:GetObjectLegalHold', version: 's3:GetObjectLegalHold' };
const PUT_LEGAL_HOLD = { current: 's3:PutObjectLegalHold', version: 's3:PutObjectLegalHold' };

export const getObjectRetention: Operation = (context, request) => {
  const { retention } = findReadable(context, request, GET_RETENTION);
  requireLockBucket(request);
  if (retention === undefined) throw noLock();
  sendXml(request, 'Retention', [
    element('Mode', retention.mode),
    element('RetainUntilDate', isoDate(retention.until)),
  ]);
};

export const putObjectRetention: Operation = async (context, request) => {
  const { versionId } = findReadable(context, request, PUT_RETENTION);
  requireLockBucket(request);
  const next = retentionOf(await readBody(request), context.clock.now());
  // Read again: the body took time to arrive.
  const version = context.objects.version(request.bucket.name, request.key, versionId);
  if (version === undefined) throw new S3Error('NoSuchVersion', 'The specified version does not exist.');
  requireRetentionChange(context, request, version, next);
  context.objects.setRetention(version, next);
  sendEmpty(request, 200);
};

/** An empty document lifts the retention. */
function retentionOf(body: string, now: number): Retention | undefined {
  const root = parseXml(body);
  if (root.name !== 'Retention') throw malformedXml();
  const mode = textOf(root, 'Mode');
  const until = textOf(root, 'RetainUntilDate');
  if (mode === undefined && until === undefined) return undefined;
  if (mode === undefined || until === undefined) throw malformedXml();
  return parseRetention(mode, until, now);
}

export const getObjectLegalHold: Operation = (context, request) => {
  const { legalHold } = findReadable(context, request, GET_LEGAL_HOLD);
  requireLockBucket(request);
  sendXml(request, 'LegalHold', [element('Status', legalHold ? 'ON' : 'OFF')]);
};

export const putObjectLegalHold: Operation = async (context, request) => {
  const version = findReadable(context, request, PUT_LEGAL_HOLD);
  requireLockBucket(request);
  const root = parseXml(await readBody(request));
  const status = textOf(root, 'Status');
  if (root.name !== 'LegalHold' || (status !== 'ON' && status !== 'OFF')) throw malformedXml();
  context.objects.setLegalHold(version, status === 'ON');
  sendEmpty(request, 200);
};

function noLock(): S3Error {
  return new S3Error('NoSuchObjectLockConfiguration', 'The specified object does not have a ObjectLock configuration');
}
