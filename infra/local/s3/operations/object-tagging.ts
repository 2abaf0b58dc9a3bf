import { commitTags } from '../commit-tags.ts';
import type { Operation } from '../context.ts';
import { readBody } from '../received-body.ts';
import { sendEmpty, sendXml, versionHeaders } from '../respond.ts';
import { parseTagging, tagSet } from '../tags.ts';
import { findReadable } from './get-object.ts';

export const getObjectTagging: Operation = (context, request) => {
  const version = findReadable(context, request, {
    current: 's3:GetObjectTagging',
    version: 's3:GetObjectVersionTagging',
  });
  for (const [name, value] of Object.entries(versionHeaders(context, version))) request.response.setHeader(name, value);
  sendXml(request, 'Tagging', [tagSet(version.tags)]);
};

export const putObjectTagging: Operation = async (context, request) => {
  const version = findReadable(context, request, {
    current: 's3:PutObjectTagging',
    version: 's3:PutObjectVersionTagging',
  });
  commitTags(context, request, version, parseTagging(await readBody(request)), 'ObjectTagging:Put');
  sendEmpty(request, 200, versionHeaders(context, version));
};

export const deleteObjectTagging: Operation = (context, request) => {
  const version = findReadable(context, request, {
    current: 's3:DeleteObjectTagging',
    version: 's3:DeleteObjectVersionTagging',
  });
  commitTags(context, request, version, {}, 'ObjectTagging:Delete');
  sendEmpty(request, 204, versionHeaders(context, version));
};
