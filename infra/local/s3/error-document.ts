import type { AwsError } from '../aws/aws-error.ts';
import { element, XML_DECLARATION } from './xml.ts';

/** The XML body of an error response. */
export function errorDocument(error: AwsError, requestId: string, resource: string): string {
  const details = Object.entries(error.fields).map(([name, value]) => element(name, String(value)));
  return (
    XML_DECLARATION +
    element('Error', [
      element('Code', error.code),
      element('Message', error.message),
      ...details,
      element('Resource', resource),
      element('RequestId', requestId),
      element('HostId', 'local'),
    ]).markup
  );
}
