import { setTimeout as sleep } from 'node:timers/promises';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { describe, expect, it } from 'vitest';
import { applicationSecretArn } from '../../../infra/local/cloud/service-parts.ts';
import { ApiClient, ingest } from '../../support/api-client.ts';
import { eventsOf, type ReadEvent } from '../../support/server-sent-events.ts';
import type { Workspace, World } from './world.ts';

const question = 'When are refunds paid?';
/** Longer than connections stay open that nobody uses, and than a key is remembered. */
const rememberedMilliseconds = 32_000;

/** Keys, tokens and passwords that end while they are in use. */
export function takenBackSuite(world: World): void {
  const home = async (name: string): Promise<Workspace> => {
    const made = await world().workspace(name);
    await ingest(made.api, {
      collection_id: made.collectionId,
      name: 'handbook.md',
      content: 'Refunds are paid within 14 days of the return.',
    });
    return made;
  };

  /** Asks for an answer that takes two seconds. @returns its events; `during` is called at its first word */
  async function slowAnswer(key: string, during: () => Promise<void>): Promise<ReadEvent[]> {
    world().cloud.models.chat.answerWith(() => ({
      content: `Refunds take 14 days [1: "paid within 14 days"]. ${'And so on. '.repeat(40)}`,
      pieceDelayMs: 20,
    }));
    const response = await fetch(`${world().cloud.url}/v1/queries`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ question, stream: true }),
    });
    let text = '';
    let begun: Promise<void> | undefined;
    const decoder = new TextDecoder();
    for await (const part of response.body as ReadableStream<Uint8Array>) {
      text += decoder.decode(part, { stream: true });
      if (text.includes('event: delta')) begun ??= during();
    }
    await begun;
    return eventsOf(text);
  }

  const isRefused = ({ status }: { status: number }) => status === 401 || status === 429;

  describe('what is taken back while it is used', () => {
    it('a key ends what it began, and opens nothing within a minute', async () => {
      const { api } = await home('revoked in the middle');
      const { id, secret } = await api.expect(201, 'POST', '/v1/api-keys', { name: 'brief', role: 'reader' });
      let revokedAt = 0;
      const events = await slowAnswer(secret, async () => {
        expect((await api.delete(`/v1/api-keys/${id}`)).status).toBe(204);
        revokedAt = performance.now();
      });
      expect(events.at(-1)).toMatchObject({ event: 'done', data: { error: null } });
      const client = new ApiClient(world().cloud.url, secret);
      const paths = ['/v1/workspace', '/v1/jobs', '/v1/collections'];
      for (;;) {
        // What streams is served by processes of its own; a body that is none is refused after the key.
        const asked = [...paths.map((path) => client.get(path)), client.post('/v1/queries', {})];
        if ((await Promise.all(asked)).every(isRefused)) break;
        expect(performance.now() - revokedAt).toBeLessThan(60_000);
        await sleep(1_000);
      }
    }, 90_000);

    it('a token ends what it began, and opens nothing from its last second on', async () => {
      const { api } = await home('expires in the middle');
      await api.request('PUT', '/v1/members/brief', { body: { role: 'reader' } });
      const token = await world().people.token({ sub: 'brief', exp: Math.floor(Date.now() / 1_000) + 2 });
      const events = await slowAnswer(token, async () => {});
      expect(events.at(-1)).toMatchObject({ event: 'done', data: { error: null } });
      await sleep(2_000);
      expect(isRefused(await new ApiClient(world().cloud.url, token).get('/v1/workspace'))).toBe(true);
    });

    it('the password of the database is asked for again, and nobody notices', async () => {
      const { cloud, admin } = world();
      const { api, collectionId } = await home('rotated');
      const password = 'rotated-2f6c91d7';
      const secrets = new SecretsManagerClient({
        endpoint: cloud.aws.endpoints.SECRETS_MANAGER,
        region: 'us-east-1',
        credentials: cloud.administrator,
      });
      const { username } = cloud.applicationLogin;
      const rotate = async (to: string) => {
        await admin.query(`ALTER ROLE ${username} PASSWORD '${to}'`);
        const SecretString = JSON.stringify({ username, password: to });
        await secrets.send(new PutSecretValueCommand({ SecretId: applicationSecretArn(cloud.assembly), SecretString }));
      };
      try {
        await rotate(password);
        // Connections outlive a rotation; new ones are made when nobody has used the old ones for a while.
        await sleep(rememberedMilliseconds);
        const started = performance.now();
        expect((await api.get('/v1/workspace')).status).toBe(200);
        expect(performance.now() - started).toBeLessThan(5_000);
        // Through the functions of the queues as well.
        await ingest(api, { collection_id: collectionId, name: 'after.md', content: 'After the rotation.' });
        expect(cloud.lines.filter((line) => line.includes(password))).toEqual([]);
      } finally {
        await rotate(cloud.applicationLogin.password);
        secrets.destroy();
      }
    }, 90_000);
  });
}
