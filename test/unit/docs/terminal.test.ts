import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { Terminal } from '../../docs/terminal.ts';

const terminal = new Terminal(tmpdir(), process.env);

it('fails where a command does not say what the document promises', async () => {
  await terminal.run('echo lit in 1747', '1747');
  await expect(terminal.run('echo nothing was found', '1747')).rejects.toThrow('it does not say "1747"');
});

it('fails where the API refuses something, though curl succeeds', async () => {
  await expect(terminal.run(`echo '{"status":422}'`)).rejects.toThrow('the API refused something');
});
