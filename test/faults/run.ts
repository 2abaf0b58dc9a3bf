import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../support/database-random.ts';
import { comeToRest, type Rest } from './come-to-rest.ts';
import type { ArmedFailpoint, FailpointRule } from './failpoint-control.ts';
import { Traffic } from './traffic.ts';
import type { World } from './world.ts';

export interface RunSettings {
  readonly seed: number;
  /** Of all campaigns together, about. */
  readonly documents: number;
  /** Full outages, every failpoint twenty times, no time moved. */
  readonly long: boolean;
}

export interface Figure {
  readonly name: string;
  readonly value: string;
  /** Undefined for what is only told. */
  readonly met?: boolean;
}

/** One campaign under way: its world, its workspace, and what it found. */
export class Run {
  readonly world: World;
  readonly traffic: Traffic;
  readonly settings: RunSettings;
  /** 0 (inclusive) to 1, the same for the same seed and campaign. */
  readonly random: () => number;
  readonly figures: Figure[] = [];
  /** Judged when everything has come to rest. */
  readonly #afterwards: (() => Promise<void>)[] = [];

  private constructor(world: World, traffic: Traffic, settings: RunSettings, random: () => number) {
    this.world = world;
    this.traffic = traffic;
    this.settings = settings;
    this.random = random;
  }

  /** @param order of the campaign among all: its documents are its own */
  static async begin(world: World, settings: RunSettings, id: string, order: number): Promise<Run> {
    const firstNumber = (settings.seed % 1_000) * 1_000_000 + order * 20_000;
    const random = seededRandom(settings.seed * 100 + order);
    const traffic = await Traffic.begin(world, id, firstNumber);
    world.models.ledger.reset();
    return new Run(world, traffic, settings, random);
  }

  /** A share of the run's documents: `of500` when there are 500. */
  documents(of500: number): number {
    return Math.max(2, Math.round((of500 * this.settings.documents) / 500));
  }

  /** An outage of so many seconds, a twentieth of it in a short run. */
  outage(seconds: number): number {
    return this.settings.long ? seconds : Math.max(1, seconds / 20);
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1));
  }

  arm(rule: FailpointRule): ArmedFailpoint {
    return this.world.failpoints.arm(rule);
  }

  /** Ends all faults and waits for the end of all work. */
  async rest(): Promise<Rest> {
    await this.world.heal();
    return comeToRest(this.world, this.traffic.workspaceId, this.settings.long);
  }

  /** Waits for the end of all work while the faults go on. */
  endure(): Promise<Rest> {
    return comeToRest(this.world, this.traffic.workspaceId, this.settings.long);
  }

  /** Waits until something has happened, or so many seconds are over. @returns whether it has */
  async until(happened: () => boolean | Promise<boolean>, seconds: number): Promise<boolean> {
    const ends = performance.now() + seconds * 1_000;
    while (performance.now() < ends) {
      if (await happened()) return true;
      await sleep(100);
    }
    return happened();
  }

  /** How often the provider did what it was told to do wrong. */
  providerFaults(kind: string): number {
    return this.world.models.ledger.snapshot().faults[kind] ?? 0;
  }

  /** Notes a figure and whether it is as it must be. */
  expect(name: string, value: string | number, met: boolean): void {
    this.figures.push({ name, value: String(value), met });
  }

  note(name: string, value: string | number): void {
    this.figures.push({ name, value: String(value) });
  }

  afterwards(judge: () => Promise<void>): void {
    this.#afterwards.push(judge);
  }

  async judge(): Promise<void> {
    for (const each of this.#afterwards) await each();
  }

  /** Inputs that the provider processed over vectors that were stored: 1 when nothing was bought twice. */
  async spendOverLedger(): Promise<number> {
    const stored = await this.count('SELECT count(*) FROM dbrag.embeddings WHERE workspace_id = $1');
    return this.world.models.ledger.snapshot().inputs / Math.max(1, stored);
  }

  /** One number about this workspace, which is `$1`. */
  async count(sql: string, values: readonly unknown[] = []): Promise<number> {
    const { rows } = await this.world.admin.query<Record<string, string>>(sql, [this.traffic.workspaceId, ...values]);
    return Number(Object.values(rows[0] ?? {})[0]);
  }
}
