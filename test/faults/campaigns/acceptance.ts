import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { campaign } from '../campaign.ts';
import { acceptFailpoints } from '../failpoints.ts';

/** Each costs the minutes of a sweep: a long run kills no more of them. */
const mostSweeps = 5;

export const acceptance = [
  campaign({
    id: 'F01',
    fault: 'the API and register-upload are killed between row and message',
    expected: 'the client asks again and gets the same answer; what nobody nudges, the sweeper does',
    criteria: 'every failpoint struck; one version each',
    async run(run) {
      const times = run.settings.long ? 20 : 1;
      const passes = (offset: number) => Array.from({ length: times }, (_, at) => offset + at * 3);
      const api = acceptFailpoints.map((name, at) =>
        run.arm({ handler: 'http/api', name, action: 'kill', passes: passes(1 + at) }),
      );
      const register = ['register.after_receive', 'register.after_commit'].map((name, at) =>
        run.arm({ handler: 'queue/register-upload', name, action: 'kill', passes: passes(1 + at) }),
      );
      const sweep = ['sweep.after_nudge', 'sweep.before_rearm', 'sweep.after_rearm'].map((name) =>
        run.arm({ handler: 'queue/maintain', name, action: 'kill', passes: passes(1).slice(0, mostSweeps) }),
      );
      for (let posted = 0; posted < run.documents(10) || api.some(({ struck }) => struck < times); posted += 2) {
        await run.traffic.post(2);
        if (posted > 40 * times) break;
      }
      for (let put = 0; put < Math.max(3, 4 * times); put++)
        await run.traffic.put(`file-${put}.md`, `# File ${put}\n\nWords of file ${put}.`);
      await sleep(1_500);
      // Sweeps die too: they stay armed until the work that they were for has ended.
      await run.endure();
      const all = [...api, ...register];
      const spared = all.filter(({ struck }) => struck < times).map(({ rule }) => rule.name);
      run.expect('failpoints spared', spared.join(' ') || 'none', spared.length === 0);
      run.note(
        'kills',
        all.reduce((sum, { struck }) => sum + struck, 0),
      );
      run.note(
        'sweeps killed',
        sweep.reduce((sum, { struck }) => sum + struck, 0),
      );
      run.note('requests repeated', run.traffic.repeated);
      const versions = await run.count('SELECT coalesce(max(version), 0) FROM dbrag.documents WHERE workspace_id = $1');
      run.expect('versions of a document', versions, versions === 1);
    },
  }),
  campaign({
    id: 'F02',
    fault: 'SendMessage fails although sent, or is throttled',
    expected: 'the caller gets its 202; a double message is absorbed, a lost one comes by the sweeper',
    criteria: 'one version each; bought once',
    async run(run) {
      run.world.cloud.aws.sqs.setFaults({
        lostSendAnswerProbability: 0.4,
        throttledSendProbability: 0.3,
        random: run.random,
      });
      await run.traffic.post(run.documents(14));
      await run.endure();
      run.afterwards(async () => {
        const versions = await run.count('SELECT max(version) FROM dbrag.documents WHERE workspace_id = $1');
        run.expect('versions of a document', versions, versions === 1);
        const ratio = await run.spendOverLedger();
        run.expect('spend/ledger', ratio.toFixed(2), ratio <= 1.1);
      });
    },
  }),
  campaign({
    id: 'F03',
    fault: '100 requests at once under one Idempotency-Key',
    expected: 'one is done; the others get its answer, or 409 to come again',
    criteria: '1 document, 1 audit row, equal bodies',
    async run(run) {
      const { traffic } = run;
      const content = '# One\n\nOnly one of these is kept.';
      const source = 'file:///one';
      const body = {
        collection_id: traffic.collectionId,
        ...{ name: 'one.md', content, content_type: 'text/markdown', source_uri: source },
      };
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => traffic.request('POST', '/v1/documents', body, 'the-one')),
      );
      const other = answers.filter(({ status, body }) => status !== 202 || !isDeepStrictEqual(body, answers[0]?.body));
      run.expect('other answers', other.length, other.length === 0);
      traffic.accepted.set(source, {
        ...{
          source,
          documentId: undefined,
          jobId: undefined,
          name: 'one.md',
          contentType: 'text/markdown',
          content,
          fate: undefined,
        },
      });
      // Each that came too early had stored its bytes: those objects have no row and go by the nightly pass.
      traffic.repeated += answers.length;
      const audits = await run.count(
        `SELECT count(*) FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'document.create'`,
      );
      run.expect('audit rows', audits, audits === 1);
    },
  }),
];
