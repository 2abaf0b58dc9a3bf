import { S3Error } from './errors.ts';
import type { Tags } from './object-version.ts';
import { childrenOf, element, exactTextOf, type Markup, malformedXml, parseXml } from './xml.ts';

const MOST_TAGS = 10;
const LONGEST_KEY = 128;
const LONGEST_VALUE = 256;

/** `x-amz-tagging`: pairs in the form of a query. Throws InvalidTag, or InvalidArgument for a doubled name. */
export function parseTagHeader(header: string): Tags {
  return checkedTags([...new URLSearchParams(header)]);
}

/** The body of PutObjectTagging. */
export function parseTagging(body: string): Tags {
  const root = parseXml(body);
  const set = childrenOf(root, 'TagSet')[0];
  if (root.name !== 'Tagging' || set === undefined) throw malformedXml();
  return checkedTags(
    childrenOf(set, 'Tag').map((tag) => [exactTextOf(tag, 'Key') ?? '', exactTextOf(tag, 'Value') ?? '']),
  );
}

export function tagSet(tags: Tags): Markup {
  return element(
    'TagSet',
    Object.entries(tags).map(([key, value]) => element('Tag', [element('Key', key), element('Value', value)])),
  );
}

function checkedTags(pairs: readonly (readonly [string, string])[]): Tags {
  if (pairs.length > MOST_TAGS) throw new S3Error('InvalidTag', 'Object tags cannot be greater than 10');
  for (const [key, value] of pairs) {
    if (key === '' || key.length > LONGEST_KEY)
      throw new S3Error('InvalidTag', 'The TagKey you have provided is invalid');
    if (value.length > LONGEST_VALUE) throw new S3Error('InvalidTag', 'The TagValue you have provided is invalid');
  }
  const tags = Object.fromEntries(pairs);
  if (Object.keys(tags).length !== pairs.length) {
    throw new S3Error('InvalidTag', 'Cannot provide multiple Tags with the same key');
  }
  return tags;
}
