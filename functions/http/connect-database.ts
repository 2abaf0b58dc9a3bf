import type { Caller } from '../../shared/core/caller.ts';
import { DbragError, validationFailed } from '../../shared/core/errors.ts';
import { newUuid } from '../../shared/core/ids.ts';
import { sendNudges } from '../../shared/core/work-queue.ts';
import { beginRefresh, beginRefreshAnew, refreshNudge } from '../../shared/databases/catalog-jobs.ts';
import { forgetRows } from '../../shared/databases/catalog-rows.ts';
import {
  type Connection,
  type ConnectionSettings,
  getConnection,
  insertConnection,
  requireRoomForConnection,
  updateConnection,
} from '../../shared/databases/connections.ts';
import { discardPassword, storePassword } from '../../shared/databases/passwords.ts';
import { getJob } from '../../shared/jobs/jobs.ts';
import { changeReply, replayReply } from './change-reply.ts';
import { changedSettings, newSettings, type WantedSettings } from './connection-settings.ts';
import type { CreateConnection, UpdateConnection } from './contract/connections.ts';
import type { Reply, RouteContext } from './route.ts';
import { connectionView } from './views/connection-view.ts';
import { jobView } from './views/job-view.ts';

type Context<Body> = RouteContext<unknown, Body, Caller>;

/** Connecting to a database and examining the role takes far less; a caller must not wait longer for a database that hangs. */
const examineMilliseconds = 15_000;
const reserveMilliseconds = 1_500;

/** When a customer's database must have answered, in milliseconds since 1970. */
export function examineDeadline({ deadline }: Pick<Context<unknown>, 'deadline'>): number {
  return Math.min(Date.now() + examineMilliseconds, deadline - reserveMilliseconds);
}

/**
 * Connects a database. The connection is created only after the password has been stored, the database reached and the role examined,
 * together with a job that reads its tables. A crash before that leaves a password that the nightly pass removes.
 */
export async function connectDatabase(context: Context<CreateConnection>): Promise<Reply> {
  const { caller, body, services } = context;
  if (caller.connectionIds)
    throw new DbragError('forbidden', 'A key narrowed to some connections cannot create another.');
  const replay = await replayReply(context);
  if (replay) return replay;
  const id = newUuid();
  const wanted = newSettings(caller, body);
  const settings = { ...wanted, secret_name: await keepPassword(context, id, wanted, body.password) };
  const examined = await examine(context, { ...settings, id });
  const [quotas] = await Promise.all([services.quotas.of(caller.workspaceId), services.sweep.arm()]);
  let jobId: string | undefined;
  const reply = await changeReply(context, async (db) => {
    await requireRoomForConnection(db, caller.workspaceId, quotas, services.clock.now());
    const about = { serverVersion: examined.server_version, createdBy: caller.actor };
    const connection = await insertConnection(db, caller.workspaceId, id, settings, about);
    ({ jobId } = await beginRefresh(db, services, caller.workspaceId, id, caller.actor));
    const view = connectionView(connection);
    return {
      status: 201,
      headers: { location: `/v1/connections/${view.id}` },
      body: { ...view, job: jobView(await getJob(db, caller.workspaceId, jobId)) },
      audit: [
        { action: 'connection.create', resourceType: 'connection', resourceId: view.id, detail: placeOf(settings) },
      ],
    };
  });
  if (jobId) await sendNudges(services.queue, [refreshNudge(caller.workspaceId, jobId)]);
  // Another call under the same key was faster: its connection is the answer.
  else if (settings.secret_name) await discardPassword(services, caller.workspaceId, settings.secret_name);
  return reply;
}

/**
 * Changes a connection. A password belongs to one user on one server: a request that changes either must give it again. Otherwise anybody
 * who may change connections could have it sent to a server of their own.
 */
export async function changeConnection(context: Context<UpdateConnection>, id: string): Promise<Reply> {
  const { caller, body, services } = context;
  const read = await services.database.inWorkspace(caller, (db) => getConnection(db, caller.workspaceId, id));
  const wanted = changedSettings(caller, read, body);
  const moved = (['host', 'port', 'database_name', 'user_name', 'authentication'] as const).some(
    (member) => wanted[member] !== read[member],
  );
  if (moved && wanted.authentication === 'password' && body.password === undefined)
    throw validationFailed([
      { pointer: '/password', detail: 'Give the password again: it was given for another server or user' },
    ]);
  const renewed = body.password !== undefined || moved;
  const secretName = renewed ? await keepPassword(context, id, wanted, body.password) : read.secret_name;
  const settings = { ...wanted, secret_name: secretName };
  const reached = renewed || settings.ssl !== read.ssl || settings.ca_certificate !== read.ca_certificate;
  const examined = reached ? await examine(context, { ...settings, id }) : undefined;
  const relisted = moved || ['schemas', 'tables', 'send_rows_to_model'].some((member) => member in body);
  if (relisted) await services.sweep.arm();
  let jobId: string | undefined;
  const reply = await changeReply(context, async (db) => {
    const connection = await updateConnection(db, caller.workspaceId, read, settings, examined?.server_version);
    if (settings.send_rows_to_model !== read.send_rows_to_model) await forgetRows(db, caller.workspaceId, id);
    if (relisted) ({ jobId } = await beginRefreshAnew(db, services, caller.workspaceId, id, caller.actor));
    const view = connectionView(connection);
    const job = jobId ? jobView(await getJob(db, caller.workspaceId, jobId)) : null;
    return {
      status: 200,
      body: { ...view, job },
      audit: [
        { action: 'connection.update', resourceType: 'connection', resourceId: view.id, detail: placeOf(settings) },
      ],
    };
  });
  if (jobId) await sendNudges(services.queue, [refreshNudge(caller.workspaceId, jobId)]);
  services.databases.breaker.reset(id);
  if (read.secret_name && read.secret_name !== secretName)
    await discardPassword(services, caller.workspaceId, read.secret_name);
  return reply;
}

/** The audit trail records where a connection leads, but nothing secret. */
const placeOf = ({ host, port, database_name: database, user_name: user, ssl }: ConnectionSettings) => ({
  host,
  port,
  database,
  user,
  ssl,
});

/** @returns the name of the secret; null with IAM, where there is none */
async function keepPassword(
  { caller, services }: Pick<Context<unknown>, 'caller' | 'services'>,
  connectionId: string,
  settings: WantedSettings,
  password: string | undefined,
): Promise<string | null> {
  if (settings.authentication === 'iam') {
    if (password !== undefined) throw validationFailed([{ pointer: '/password', detail: 'There is none with IAM' }]);
    return null;
  }
  if (password === undefined) throw validationFailed([{ pointer: '/password', detail: 'Required' }]);
  const { host, port, database_name: database, user_name: user } = settings;
  const addressee = { workspace_id: caller.workspaceId, connection_id: connectionId, host, port, database, user };
  return storePassword(services, addressee, password);
}

/** A password that does not work is removed at once. */
async function examine(context: Context<unknown>, connection: ConnectionSettings & Pick<Connection, 'id'>) {
  const { caller, services } = context;
  try {
    services.databases.breaker.reset(connection.id);
    return await services.databases.examine(caller.workspaceId, connection, examineDeadline(context));
  } catch (error) {
    const { secret_name: secretName } = connection;
    if (secretName) await discardUnused(context, connection.id, secretName);
    throw error;
  }
}

/** The password may be the one in use, if a change examined the database with it. */
async function discardUnused({ caller, services }: Context<unknown>, id: string, secretName: string): Promise<void> {
  const used = await services.database.inWorkspace(caller, async (db) => {
    const { count } = await db.query(
      'SELECT FROM dbrag.connections WHERE workspace_id = $1 AND id = $2 AND secret_name = $3',
      [caller.workspaceId, id, secretName],
    );
    return count > 0;
  });
  if (!used) await discardPassword(services, caller.workspaceId, secretName);
}
