import { defineStage } from '../infra/define-stage.ts';
import { standard } from '../infra/stages.ts';

/**
 * A stage of your own is a file like this one, named like the stage: what it says in other words than a stage of ours, and nothing else.
 * `infra/stage-settings.ts` says what there is to be set; a wrong setting stops the synthesis with a sentence.
 */
export default defineStage({
  ...standard,
  name: 'example',
  database: { ...standard.database, capacity: { minimum: 1, maximum: 16 } },
  operations: { ...standard.operations, alarmEmail: 'on-call@example.com', region: 'eu-central-1' },
});
