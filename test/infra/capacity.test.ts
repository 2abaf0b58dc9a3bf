import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { firstUsedUp, type Load, partsOf } from '../../infra/capacity/parts.ts';
import { searchCapacity, secondsToIngest, simulateBurst } from '../../infra/capacity/simulate-burst.ts';
import { tellCapacity } from '../../infra/capacity/tell-capacity.ts';
import { connectionNeed } from '../../infra/connection-need.ts';
import { connectionLimit } from '../../infra/constructs/connection-limit.ts';
import { withTables } from '../../infra/cost/write-document.ts';
import { defineStage } from '../../infra/define-stage.ts';
import { openStreams } from '../../infra/open-streams.ts';
import type { StageSettings } from '../../infra/stage-settings.ts';
import { production, small, stageNamed, standard } from '../../infra/stages.ts';
import { executionsFed, totalOf, workConcurrency } from '../../infra/work-concurrency.ts';

const load: Load = { name: 'x', chunks: 100_000, searchesPerSecond: 10, answersPerSecond: 0, documentsPerSecond: 0 };

describe('what a stage can do', () => {
  it('grows with the part that is used up first, and with no other', () => {
    const before = firstUsedUp(partsOf(small, { ...load, searchesPerSecond: 1_000 }));
    expect(before.part.name).toBe('writer, cores');
    const stronger = { ...small, database: { ...small.database, capacity: { minimum: 0.5, maximum: 8 } } };
    expect(firstUsedUp(partsOf(stronger, { ...load, searchesPerSecond: 1_000 })).part.name).not.toBe('writer, cores');
    const wider = { ...small, api: { ...small.api, requestsPerSecond: 1_000, burst: 2_000 } };
    expect(firstUsedUp(partsOf(wider, { ...load, searchesPerSecond: 1_000 })).headroom).toBe(before.headroom);
  });

  it.each([
    [1, 1],
    [small.api.reservedConcurrency.streaming, 3],
    [14, 4],
    [standard.api.reservedConcurrency.streaming, 6],
    [production.api.reservedConcurrency.streaming, 25],
  ])(
    'lets one workspace hold a quarter of what streams, and where that is few, three tenths: of %i, %i',
    (streaming, most) => {
      const { api } = small;
      expect(openStreams({ api: { ...api, reservedConcurrency: { ...api.reservedConcurrency, streaming } } })).toBe(
        most,
      );
    },
  );

  it('is bound by memory where there are many chunks, whatever is asked', () => {
    const idle = { ...load, searchesPerSecond: 0.001, chunks: 1_000_000 };
    expect(firstUsedUp(partsOf(small, idle)).part.name).toBe('memory for vectors');
    expect(firstUsedUp(partsOf(small, idle)).headroom).toBeLessThan(1);
  });

  it.each([small, standard, production])('is kept to in a burst of three times as much: $name', (stage) => {
    const capacity = searchCapacity(stage, 100_000);
    const shed = simulateBurst(capacity, 3, 60, { longestWait: 0.25, patience: 5 });
    expect(shed.goodput).toBeGreaterThanOrEqual(0.8);
    expect(shed.longestWait).toBeLessThan(0.5);
    // What shedding is for: where everybody waits, most work is for people who have left.
    expect(simulateBurst(capacity, 3, 60, { longestWait: null, patience: 5 }).goodput).toBeLessThan(0.3);
  });

  it('is done wholly where it is not too much', () => {
    const calm = simulateBurst(100, 0.9, 10, { longestWait: 0.25, patience: 5 });
    expect(calm.served).toBeCloseTo(90, 0);
  });

  it('waits for the slowest station when documents come at once', () => {
    const slow = { ...small, models: { ...small.models, tokensPerMinute: 60_000 } };
    expect(secondsToIngest(slow, 1_000)).toEqual({ seconds: 3_000, station: 'embedding model, tokens' });
  });

  it('is what the document says: `npm run simulate -- --write`', () => {
    const document = readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8');
    const stages = ['small', 'standard', 'production'].map(stageNamed);
    expect(document).toBe(withTables(document, tellCapacity(stages), 'simulate'));
  });
});

describe('connections', () => {
  it.each([
    [{ minimum: 0, maximum: 1 }, 189],
    [{ minimum: 0, maximum: 2 }, 400],
    [{ minimum: 0.5, maximum: 8 }, 1_669],
    [{ minimum: 0.5, maximum: 16 }, 2_000],
    [{ minimum: 1, maximum: 16 }, 3_360],
    [{ minimum: 2, maximum: 64 }, 5_000],
  ])('of a cluster of %o are %d', (capacity, connections) => {
    expect(connectionLimit({ capacity })).toBe(connections);
  });

  it.each([small, standard, production])('suffice for all functions of $name', (stage) => {
    const { needed, admitted } = connectionNeed(stage);
    expect(needed).toBeLessThanOrEqual(admitted);
  });

  it('that functions could not get stop the synthesis', () => {
    const crowded = { ...small, api: { ...small.api, reservedConcurrency: { buffered: 180, streaming: 10 } } };
    expect(() => defineStage(crowded)).toThrow(
      /^Stage "small": its functions may open \d+ connections and the database admits 380: lower/,
    );
  });
});

describe('executions that ingest and embed', () => {
  const withCapacity = (maximum: number, stage: StageSettings = small): StageSettings => ({
    ...stage,
    database: { ...stage.database, capacity: { minimum: 0, maximum } },
  });
  const ingestOf = (stage: StageSettings) => totalOf(workConcurrency(stage).ingest);
  const embedOf = (stage: StageSettings) => totalOf(workConcurrency(stage).embed);

  it('grow with what the database can write, and stop at what it admits', () => {
    expect(ingestOf(withCapacity(16))).toBeGreaterThan(ingestOf(withCapacity(4)));
    // A cluster that may pause admits 2,000 at most: no unit beyond adds a connection.
    const crowded = { ...small, api: { ...small.api, reservedConcurrency: { buffered: 800, streaming: 40 } } };
    expect(ingestOf(withCapacity(64))).toBeGreaterThan(ingestOf(withCapacity(64, crowded)));
    const { needed, admitted } = connectionNeed(withCapacity(64, crowded));
    expect(needed).toBeLessThanOrEqual(admitted);
  });

  it('ask the model no oftener than its minute allows, by requests and by tokens', () => {
    const limited = (limits: Partial<StageSettings['models']>) => ({
      ...production,
      models: { ...production.models, ...limits },
    });
    const usual = embedOf(production);
    expect(embedOf(limited({ requestsPerMinute: 600 }))).toBeLessThan(usual);
    expect(embedOf(limited({ tokensPerMinute: 2_000_000 }))).toBeLessThan(usual);
    expect(embedOf(limited({ tokensPerMinute: 60_000_000, requestsPerMinute: 60_000 }))).toBeGreaterThan(usual);
    expect(executionsFed(limited({ requestsPerMinute: 600 }).models)).toBe(12);
    expect(executionsFed(production.models)).toBe(Number.POSITIVE_INFINITY);
  });

  it('are never fewer than an event source allows, nor more, nor others than a stage says', () => {
    const tiny = { ...withCapacity(1), models: { ...small.models, requestsPerMinute: 1 } };
    expect(workConcurrency(tiny).embed).toEqual({ critical: 2, default: 2, low: 2 });
    expect(workConcurrency(withCapacity(256, { ...production })).ingest.critical).toBeLessThanOrEqual(1_000);
    const ingestConcurrency = { critical: 7, default: 6, low: 5 };
    expect(workConcurrency({ ...small, ingestion: { ...small.ingestion, ingestConcurrency } }).ingest).toEqual(
      ingestConcurrency,
    );
  });
});
