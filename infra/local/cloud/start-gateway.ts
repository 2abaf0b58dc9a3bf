import type { RestApi } from '../assembly/model.ts';
import { createGateway, type GatewaySettings } from '../gateway/server.ts';
import type { LambdaService } from '../lambda/lambda-service.ts';
import { type Closers, closeGraceMilliseconds } from './closers.ts';
import { closeServer, listen } from './listen.ts';

/** Serves the API on loopback and gives its URL. */
export async function startGateway(
  options: { readonly port: number; readonly log?: (line: string) => void },
  api: RestApi,
  { lambda, pages }: { readonly lambda: LambdaService; readonly pages: NonNullable<GatewaySettings['pages']> },
  closers: Closers,
): Promise<string> {
  const gateway = createGateway({
    api,
    runner: (name) => lambda.runner(name),
    pages,
    ...(options.log ? { log: options.log } : {}),
  });
  const port = await listen(gateway, options.port);
  closers.push(() => closeServer(gateway, closeGraceMilliseconds));
  return `http://127.0.0.1:${port}`;
}
