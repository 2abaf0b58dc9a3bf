import { hashApiKey, isWellFormedApiKey } from '../../shared/access/api-key.ts';
import { Remembered } from '../../shared/access/remembered.ts';
import { DbragError } from '../../shared/core/errors.ts';
import type { Received } from '../runtime/received-request.ts';
import type { Services } from '../runtime/services.ts';
import { credentialOf } from './authentication.ts';
import type { Reply, Route } from './route.ts';

/** How long an unknown key is remembered. */
const keptMilliseconds = 30_000;
const keptAnswers = 1_000;

/**
 * Replies to the key that erased a workspace, which grants nothing else any more. Most refused keys erased nothing; that is remembered,
 * so that trying one again costs no look-up.
 */
export class AfterErasure {
  /** Whether there was a reply, by key and path. */
  readonly #replied = new Remembered<boolean>(keptAnswers);

  /** Whether the key got a reply recently: then using it is no guess, and does not count as one. */
  isKnown(route: Route, request: Received, services: Services): boolean {
    const name = nameOf(route, request);
    return name !== undefined && this.#replied.get(name, services.clock.now().getTime())?.value === true;
  }

  /** @param refusal the response otherwise: a caller refused for any reason but an unknown key erased nothing */
  async replyTo(
    route: Route,
    request: Received,
    parameters: Readonly<Record<string, string>>,
    services: Services,
    refusal: unknown,
  ): Promise<Reply | undefined> {
    const name = isUnauthorized(refusal) ? nameOf(route, request) : undefined;
    if (name === undefined) return undefined;
    const now = services.clock.now().getTime();
    if (this.#replied.get(name, now)?.value === false) return undefined;
    const reply = await route.afterErasure?.(request, parameters, services);
    this.#replied.set(name, reply !== undefined, now + keptMilliseconds);
    return reply;
  }
}

const isUnauthorized = (error: unknown): boolean => error instanceof DbragError && error.code === 'unauthorized';

/** Undefined where nothing could be found: no such route, or no key. */
function nameOf({ afterErasure }: Route, request: Received): string | undefined {
  if (!afterErasure) return undefined;
  try {
    const credential = credentialOf(request);
    if (!isWellFormedApiKey(credential)) return undefined;
    return `${hashApiKey(credential).toString('base64')} ${request.method} ${new URL(request.url).pathname}`;
  } catch {
    return undefined;
  }
}
