import type { Command } from './command.ts';
import { connectionCommands } from './connection.ts';
import { counterCommands } from './counters.ts';
import { hashCommands } from './hashes.ts';
import { keyCommands } from './keys.ts';
import { listCommands } from './lists.ts';
import { publishCommands } from './publish.ts';
import { scriptingCommands } from './scripting.ts';
import { serverCommands } from './server.ts';
import { setCommands } from './sets.ts';
import { sortedSetCommands } from './sorted-sets.ts';
import { stringCommands } from './strings.ts';
import { transactionCommands } from './transactions.ts';

export const commandTable: ReadonlyMap<string, Command> = new Map(
  [
    ...connectionCommands,
    ...serverCommands,
    ...stringCommands,
    ...counterCommands,
    ...keyCommands,
    ...hashCommands,
    ...setCommands,
    ...sortedSetCommands,
    ...listCommands,
    ...transactionCommands,
    ...publishCommands,
    ...scriptingCommands,
  ].map((command) => [command.name, command]),
);
