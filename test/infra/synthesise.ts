import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { App } from 'aws-cdk-lib/core';
import { createApplication } from '../../infra/application.ts';
import { handlerEntries } from '../../infra/bundle.ts';
import type { StageSettings } from '../../infra/stage-settings.ts';
import type { System, Template } from './assertions/assertion.ts';

export interface Synthesis {
  readonly app: App;
  readonly system: System;
  /** The stack of the second region, where the stage has one. */
  readonly copies: Template | undefined;
  readonly manifest: Record<string, unknown>;
}

/** A bundle as the templates see it: the right files with nothing in them, so that no test waits for the bundler. */
function emptyBundle(directory: string): string {
  const files = [...handlerEntries.map((entry) => `${entry}.mjs`), 'migrations/0001-first.sql'];
  for (const file of files) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), '');
  }
  return directory;
}

/** The app of a stage, composed and not yet synthesised. */
export function compose(stage: string | StageSettings, directory: string, validate = false): App {
  return createApplication({
    stage,
    bundleDirectory: emptyBundle(join(directory, 'bundle')),
    outputDirectory: join(directory, 'cdk.out'),
    validate,
  });
}

/** Synthesises a stage as a deploy would; findings of the checks are errors. Leaves nothing behind. */
export function synthesise(stage: string | StageSettings): Synthesis {
  const directory = mkdtempSync(join(tmpdir(), 'dbrag-synthesis-'));
  try {
    const app = compose(stage, directory, true);
    const assembly = app.synth();
    const found = (end: string): Template | undefined => {
      const stack = assembly.stacks.find(({ stackName }) => stackName.endsWith(end));
      return stack && JSON.parse(readFileSync(stack.templateFullPath, 'utf8'));
    };
    const template = (end: string): Template => {
      const there = found(end);
      if (!there) throw new Error(`There is no stack whose name ends with ${end}.`);
      return there;
    };
    const manifest = JSON.parse(readFileSync(join(assembly.directory, 'manifest.json'), 'utf8'));
    return {
      app,
      manifest,
      copies: found('-copies'),
      system: { data: template('-data'), service: template('-service') },
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
