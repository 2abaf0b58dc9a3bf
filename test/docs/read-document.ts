/**
 * How a block of commands is tried; stands in a comment right before it, as `<!-- docs: run -->`. `start`: the first line is left running,
 * the others come after it is ready. `run`: in a shell, beside what was started; `run, says …`: its output
 * must contain that. `ci`: by `.ci/run`. `elsewhere`, with the reason: read by a shell and
 * looked up, not run. `shown`: output.
 */
export type Way = 'start' | 'run' | 'ci' | 'elsewhere' | 'shown';

export interface CommandBlock {
  /** Of the block's first line. */
  readonly line: number;
  readonly text: string;
  /** Undefined where no mark stands before it. */
  readonly way: Way | undefined;
  /** What the mark says beside the way: why it is not run, or what it must say. */
  readonly reason: string;
}

export interface Document {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly CommandBlock[];
}

const shells = new Set(['', 'sh', 'bash', 'console']);
const ways = new Set<string>(['start', 'run', 'ci', 'elsewhere', 'shown'] satisfies Way[]);

/** Finds the fenced blocks that a reader would type, with the mark before each. */
export function readDocument(path: string, text: string): Document {
  const lines = text.split('\n');
  const blocks: CommandBlock[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^\s*```(\w*)\s*$/.exec(lines[at] as string);
    if (!fence) continue;
    const end = lines.findIndex((line, number) => number > at && /^\s*```\s*$/.test(line));
    if (end < 0) throw new Error(`${path}:${at + 1}: a block without an end`);
    if (shells.has(fence[1] as string)) {
      const mark = /^<!-- docs: (\w+)(?:, (.*))? -->$/.exec(lines[at - 1]?.trim() ?? '');
      const way = mark && ways.has(mark[1] as string) ? (mark[1] as Way) : undefined;
      blocks.push({ line: at + 2, text: lines.slice(at + 1, end).join('\n'), way, reason: mark?.[2] ?? '' });
    }
    at = end;
  }
  return { path, text, blocks };
}

/** `npm run name -- words`, `npm test` and `npm start`, wherever they stand in a text; words up to what ends a command. */
export function npmCommands(text: string): { name: string; options: string[] }[] {
  const found = text.matchAll(
    /\bnpm (?:run (?:--silent )?([\w-]+(?::[\w-]+)*)|(test|start)\b)((?: --? ?[^`|;&)\n#]*)?)/g,
  );
  return [...found].map(([, script, short, rest = '']) => ({
    name: (script ?? short) as string,
    options: [...rest.matchAll(/(?<=\s)--([a-z][a-z-]*)/g)].map(([, option]) => option as string),
  }));
}
