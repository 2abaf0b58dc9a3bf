import type { UnseenRight } from '../../infra/local/iam/compare-rights.ts';

const anyone = /./;
const ours = /^(http|queue|invoke|deploy)\//;

/** Rights that no test was seen to use, and why they are given all the same. Whatever else is given and not used goes. */
export const unseenRights: readonly UnseenRight[] = [
  {
    role: ours,
    right: /^ec2:.* on \*$/,
    reason: 'Lambda itself puts a function into its subnets, with the rights of the function.',
  },
  { role: ours, right: /^xray:Put/, reason: "X-Ray's daemon sends what functions draw, with their rights." },
  { role: ours, right: /^logs:(CreateLogStream|PutLogEvents) on/, reason: 'Lambda writes what functions print.' },
  {
    role: /^(?!(http|queue|invoke|deploy)\/)/,
    right: anyone,
    reason:
      'Roles of AWS and of the CDK: flow logs, the log of the API, notifications of the bucket. No code of ours wears them.',
  },
  {
    role: ours,
    right: /^sqs:(SendMessage|GetQueueAttributes) on Queues(ingest|embed)(critical|default|low)Queue$/,
    reason:
      'Work is sent on, and measured, with the priority that it came with: tests of the whole system go by one or two of three.',
  },
  {
    role: /^queue\/describe-table$/,
    right: /^sqs:SendMessage on QueuescatalogQueue$/,
    reason: 'Tables that a turn has no time for are sent on; tests of the whole system describe few.',
  },
  {
    role: /^queue\/(register-upload|dead-letter)$/,
    right: /^sqs:SendMessage on QueuesuploadsQueue$/,
    reason: 'What an outage kept from being registered is sent again; outages are tried a function at a time.',
  },
  {
    role: /^(http\/stream|queue\/(maintain|register-upload))$/,
    right: /^kms:GenerateDataKey on KeysData where .*purpose is audit$/,
    reason: 'Whoever is the first to write an event of a workspace makes its key; in tests that is the API.',
  },
  {
    role: /^(http\/api|queue\/maintain)$/,
    right: /^s3:AbortMultipartUpload on StorageContent\/content\/\*$/,
    reason:
      'What was sent in parts and broke off is taken back; tests of the object store break it, not of the system.',
  },
  {
    role: ours,
    right: /^s3:(GetObject|GetObjectVersion|DeleteObject) on StorageContent\/(uploads|content)\/\*$/,
    reason:
      'An object is read and removed by its version where one is known, and as it is now where none is: both are asked for.',
  },
  {
    role: ours,
    right: /^secretsmanager:\w+ on secretsmanager:.*\/connections\/\?{32}\/\?{32}$/,
    reason:
      'A secret that is just being made, or is asked for by its name, has no ending yet; the stand-in always gives one.',
  },
  {
    role: /^queue\/maintain$/,
    right: /^secretsmanager:DeleteSecret on secretsmanager:.*\?{6}$/,
    reason:
      'The password of a connection whose row is gone: left by a process that died, and tried without the system.',
  },
];
