import type { ResponseStream } from './response-stream.ts';

const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');

type StreamingHandler = (event: unknown, stream: ResponseStream, context: unknown) => Promise<unknown>;

/** Puts `awslambda` where Lambda's Node runtime puts it, before the handler's module is loaded. */
export function installAwslambda(): void {
  const awslambda = {
    streamifyResponse: (handler: StreamingHandler): StreamingHandler =>
      Object.assign(handler, { [streaming]: 'response' }),
    HttpResponseStream: {
      /** `metadata` is `{statusCode, headers, multiValueHeaders, cookies}`; eight NUL bytes part it from the body. */
      from(stream: ResponseStream, metadata: unknown): ResponseStream {
        stream.setContentType('application/vnd.awslambda.http-integration-response');
        stream._onBeforeFirstWrite = (write) => {
          write(JSON.stringify(metadata));
          write(new Uint8Array(8));
        };
        return stream;
      },
    },
  };
  Object.assign(globalThis, { awslambda });
}

export function isStreaming(handler: unknown): handler is StreamingHandler {
  return typeof handler === 'function' && streaming in handler;
}
