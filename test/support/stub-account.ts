import type { Clients } from '../../infra/deploy/clients.ts';

/** What an account answers to a command, by the command's name; an `Error` is thrown. */
// biome-ignore lint/suspicious/noExplicitAny: inputs and outputs of a dozen services.
export type Answers = Readonly<Record<string, (input: any) => unknown>>;

export interface StubAccount {
  readonly clients: Clients;
  /** Every command that was sent: its name and its input. */
  // biome-ignore lint/suspicious/noExplicitAny: inputs of a dozen services.
  readonly sent: [name: string, input: any][];
}

/** An error as AWS names them. */
export function awsError(name: string, message = name): Error {
  return Object.assign(new Error(message), { name });
}

/** Clients that answer from a table; a command that is not in it is an error that names it. */
export function stubAccount(answers: Answers): StubAccount {
  const sent: StubAccount['sent'] = [];
  const client = {
    async send(command: { constructor: { name: string }; input: unknown }): Promise<unknown> {
      const name = command.constructor.name.replace(/Command$/, '');
      sent.push([name, command.input]);
      const answer = answers[name];
      if (!answer) throw new Error(`Nobody expected ${name}.`);
      const result = await answer(command.input);
      if (result instanceof Error) throw result;
      return result;
    },
  };
  const services = [
    'sts',
    'parameters',
    'regionCatalog',
    'stacks',
    'secrets',
    'functions',
    'quotas',
    'network',
    'databases',
    'objects',
    'alarms',
    'rollouts',
  ] as const satisfies readonly (keyof Clients)[];
  const inRegion = (region: string): Clients =>
    ({ region, inRegion, ...Object.fromEntries(services.map((service) => [service, client])) }) as unknown as Clients;
  return { clients: inRegion('eu-central-1'), sent };
}
