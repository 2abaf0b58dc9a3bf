declare const awslambda: {
  streamifyResponse(handler: (event: unknown, stream: NodeJS.WritableStream) => Promise<void>): unknown;
  HttpResponseStream: { from(stream: NodeJS.WritableStream, metadata: object): NodeJS.WritableStream };
};

export const handler = awslambda.streamifyResponse(async (_event, plain) => {
  const stream = awslambda.HttpResponseStream.from(plain, {
    statusCode: 200,
    headers: { 'Content-Type': 'text/event-stream' },
  });
  stream.write('event: delta\n\n');
  stream.write('event: done\n\n');
  stream.end();
});
