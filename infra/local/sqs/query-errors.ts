/** Codes of the query protocol that differ from the names of the JSON shapes (the `awsQueryError` traits of the SQS model). */
const renamed: Readonly<Record<string, string>> = {
  AccessDeniedException: 'AccessDenied',
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  QueueNameExists: 'QueueAlreadyExists',
  KmsAccessDenied: 'KMS.AccessDeniedException',
};

const prefixed = new Set([
  'BatchEntryIdsNotDistinct',
  'BatchRequestTooLong',
  'EmptyBatchRequest',
  'InvalidBatchEntryId',
  'MessageNotInflight',
  'TooManyEntriesInBatchRequest',
  'UnsupportedOperation',
]);

/** What SQS sends in `x-amzn-query-error` for an error of the JSON protocol. */
export function queryErrorCode(code: string): string {
  return renamed[code] ?? (prefixed.has(code) ? `AWS.SimpleQueueService.${code}` : code);
}
