import { describe, expect, it } from 'vitest';
import { examineApi } from '../../../infra/deploy/doctor.ts';
import { findingLine } from '../../../infra/deploy/finding.ts';
import { smoke } from '../../../infra/deploy/smoke.ts';
import { eventually } from '../../support/api-client.ts';
import type { World } from './world.ts';

/** What a deploy tries at its end, and what a doctor sees, on a system that runs. */
export function deployPathSuite(world: World): void {
  describe('the commands of a deployment', () => {
    const lines = (findings: Parameters<typeof findingLine>[0][]) => findings.map(findingLine);
    const workspaces = () => world().count(`SELECT count(*) FROM dbrag.workspaces WHERE name = 'smoke test'`, []);

    it('try a document, a search and a question, and leave nothing', async () => {
      const { cloud } = world();
      cloud.models.chat.enqueue({
        content: 'It was lit in 1747 [1: "The lighthouse at Skagen was lit in 1747."].',
        to: /lighthouse/,
      });
      const findings = await smoke({ url: cloud.url, operatorKey: cloud.operatorKey });
      expect(lines(findings)).toEqual([
        'ok       smoke: ready: ok',
        expect.stringMatching(/^ok {7}smoke: workspace: ws_/),
        expect.stringMatching(/^ok {7}smoke: document: ready after [\d.]+ s$/),
        'ok       smoke: search: finds the document',
        'ok       smoke: question: is answered from it',
        'ok       smoke: clearing away: the workspace is being erased',
      ]);
      await eventually(workspaces, (left) => left === 0);
    });

    it('name the step that fails, and leave nothing all the same', async () => {
      const { cloud } = world();
      cloud.models.chat.enqueue({ content: 'I know nothing of lighthouses.', to: /lighthouse/ });
      const findings = await smoke({ url: cloud.url, operatorKey: cloud.operatorKey });
      expect(findings.filter(({ state }) => state === 'problem').map(({ subject }) => subject)).toEqual([
        'smoke: question',
      ]);
      await eventually(workspaces, (left) => left === 0);
      const refused = await smoke({ url: cloud.url, operatorKey: 'wrong' });
      expect(lines(refused).at(-1)).toMatch(/^PROBLEM {2}smoke: workspace: POST v1\/workspaces: 401/);
    });

    it('see an API that is ready, and one that does not answer', async () => {
      expect(lines(await examineApi(world().cloud.url))).toEqual([
        `ok       API: ${world().cloud.url} is ready`,
        expect.stringMatching(/^ok {7}API contract: OpenAPI 3\.[\d.]+, \d{2,} paths$/),
      ]);
      const nowhere = await examineApi('http://127.0.0.1:1');
      expect(nowhere.every(({ state }) => state === 'problem')).toBe(true);
    });
  });
}
