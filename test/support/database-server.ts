import { randomBytes } from 'node:crypto';

/** What a kind of server must do for a test: a database that holds a copy of the template. */
export interface DatabaseServer {
  readonly adminUrl: string;
  readonly native: boolean;
  remove(): Promise<void>;
}

export interface Template {
  readonly name: string;
  readonly build: (adminUrl: string) => Promise<void>;
}

export const uniqueName = () => `dbrag_test_${randomBytes(6).toString('hex')}`;
