import type pg from 'pg';
import type { AllowedRelations } from '../../shared/databases/firewall/catalogued-tables.ts';
import { wrapStatement } from '../../shared/databases/firewall/check-statement.ts';

/** Every row of every table, every sequence, and what there is of tables, functions, roles and settings. */
const digest = `
SELECT md5(string_agg(part, '|' ORDER BY part)) AS digest FROM (
  SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM shop.customers t
  UNION ALL SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM shop.categories t
  UNION ALL SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM shop.products t
  UNION ALL SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM shop.orders t
  UNION ALL SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM shop.order_items t
  UNION ALL SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM shop.employees t
  UNION ALL SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM shop."Order Notes" t
  UNION ALL SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM archive.old_orders t
  UNION ALL SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM shop.secrets t
  UNION ALL SELECT last_value || ' ' || is_called FROM shop.counter
  UNION ALL SELECT 'classes ' || count(*) || ' ' || coalesce(max(oid::bigint), 0) FROM pg_class WHERE relnamespace NOT IN ('pg_toast'::regnamespace)
  UNION ALL SELECT 'functions ' || count(*) FROM pg_proc
  UNION ALL SELECT 'roles ' || count(*) FROM pg_roles
  UNION ALL SELECT 'objects ' || count(*) FROM pg_largeobject_metadata
  UNION ALL SELECT 'settings ' || md5(string_agg(name || setting, ',' ORDER BY name)) FROM pg_settings
  UNION ALL SELECT 'locks ' || count(*) FROM pg_locks WHERE locktype = 'advisory'
) AS parts (part)`;

interface Plan {
  readonly Schema?: string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly Plan[];
}

/** Runs what was accepted where nothing but the firewall stands before the data, and looks at what it did. */
export class Proving {
  lastError = '';
  private readonly client: pg.Client;
  private readonly readable: ReadonlySet<string>;
  private readonly logged: string[] = [];
  private before = '';
  private runs = 0;

  private constructor(client: pg.Client, { tables }: AllowedRelations) {
    this.client = client;
    this.readable = new Set(tables.map(({ schema, name }) => `${schema}.${name}`));
  }

  static async begin(client: pg.Client, allowed: AllowedRelations): Promise<Proving> {
    const proving = new Proving(client, allowed);
    await client.query(
      "SET statement_timeout = '300ms'; SET search_path = shop, archive; SET temp_file_limit = '200MB'",
    );
    // The server's own log of statements, told to the client.
    await client.query("SET log_statement = 'all'; SET client_min_messages = 'log'");
    client.on('notice', ({ message }) => proving.logged.push(String(message)));
    proving.before = await proving.digest();
    return proving;
  }

  /** @returns whether the database ran it to its end, and what it should not have done */
  async run(statement: string): Promise<{ ran: boolean; fault: string | null }> {
    const text = wrapStatement(statement);
    this.logged.length = 0;
    const ran = await this.send(`${text} LIMIT 100`);
    const fault = this.unexpectedLog(text) ?? (ran ? await this.foreignTable(text) : null);
    this.runs += 1;
    if (fault === null && this.runs % 50 === 0 && (await this.hasChanged()))
      return { ran, fault: 'changed the database' };
    return { ran, fault };
  }

  async hasChanged(): Promise<boolean> {
    return (await this.digest()) !== this.before;
  }

  private async send(text: string): Promise<boolean> {
    try {
      await this.client.query({ text, values: [], queryMode: 'extended', rowMode: 'array' } as pg.QueryConfig);
      return true;
    } catch (error) {
      this.lastError = (error as Error).message;
      return false;
    }
  }

  /** One statement was sent, so the server has seen one. */
  private unexpectedLog(text: string): string | null {
    const statements = this.logged.filter((line) => /^(statement|execute [^:]*): /.test(line));
    const others = statements.filter((line) => !line.replace(/^(statement|execute [^:]*): /, '').startsWith(text));
    return others.length > 0 ? `the server also ran ${others[0]}` : null;
  }

  private async foreignTable(text: string): Promise<string | null> {
    const { rows } = await this.client.query(`EXPLAIN (VERBOSE, FORMAT JSON) ${text}`);
    const read = relationsOf(rows[0]?.['QUERY PLAN']?.[0]?.Plan ?? {});
    const foreign = read.filter((name) => !this.readable.has(name));
    return foreign.length > 0 ? `read ${foreign.join(', ')}` : null;
  }

  private async digest(): Promise<string> {
    const { rows } = await this.client.query(digest);
    return String(rows[0]?.digest);
  }
}

function relationsOf(plan: Plan): string[] {
  const own = plan['Relation Name'] ? [`${plan.Schema}.${plan['Relation Name']}`] : [];
  return [...own, ...(plan.Plans ?? []).flatMap(relationsOf)];
}
