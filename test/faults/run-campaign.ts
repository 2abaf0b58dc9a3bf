import type { Campaign } from './campaign.ts';
import { type Figure, Run, type RunSettings } from './run.ts';
import { findFaults } from './verdict.ts';
import { type Watch, watch } from './watch.ts';
import type { World } from './world.ts';

export interface Outcome {
  readonly campaign: Campaign;
  readonly passed: boolean;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  /** What the checker found, or why the campaign broke off. */
  readonly faults: readonly string[];
}

/** Runs one campaign in a workspace of its own, brings everything to rest, and lets the checker look. Never rejects. */
export async function runCampaign(
  world: World,
  settings: RunSettings,
  campaign: Campaign,
  order: number,
): Promise<Outcome> {
  const began = performance.now();
  const givenUpBefore = world.givenUp.length;
  let run: Run | undefined;
  let watching: Watch | undefined;
  const faults: string[] = [];
  try {
    run = await Run.begin(world, settings, campaign.id, order);
    watching = await watch(world.databaseUrl, run.traffic.workspaceId);
    await campaign.run(run);
    const { moved } = await run.rest();
    if (moved.times > 0) run.note('time moved', `${moved.seconds} s`);
    await run.judge();
    faults.push(...(await findFaults(world, run.traffic, world.givenUp.slice(givenUpBefore))));
  } catch (error) {
    faults.push(`broke off: ${(error as Error).stack?.split('\n').slice(0, 3).join(' ')}`);
    await world.heal().catch((problem: unknown) => faults.push(`could not be healed: ${String(problem)}`));
  }
  if (watching) faults.push(...(await watching.end()));
  const figures = run?.figures ?? [];
  const passed = faults.length === 0 && figures.every(({ met }) => met !== false);
  return { campaign, passed, seconds: (performance.now() - began) / 1_000, figures, faults };
}
