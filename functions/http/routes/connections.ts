import { DbragError } from '../../../shared/core/errors.ts';
import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { sendNudges } from '../../../shared/core/work-queue.ts';
import { beginRefresh, cancelRefreshes, refreshNudge } from '../../../shared/databases/catalog-jobs.ts';
import {
  deleteConnection,
  getConnection,
  listConnections,
  lockConnection,
  noteExamination,
} from '../../../shared/databases/connections.ts';
import { discardPassword } from '../../../shared/databases/passwords.ts';
import { getJob } from '../../../shared/jobs/jobs.ts';
import { changeReply } from '../change-reply.ts';
import { changeConnection, connectDatabase, examineDeadline } from '../connect-database.ts';
import * as contract from '../contract/connections.ts';
import { acceptedJob } from '../contract/jobs.ts';
import { listOf, listQuery } from '../contract/primitives.ts';
import { listReply, pageRequest } from '../list-reply.ts';
import { defineRoute, ok } from '../route.ts';
import { connectionView } from '../views/connection-view.ts';
import { jobView } from '../views/job-view.ts';

const tag = 'Connections';
const idOf = (parameters: Readonly<Record<string, string>>) => parsePublicId('connection', parameters.id ?? '');

export const connectionRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/connections',
    access: 'admin',
    rate: 'write',
    tag,
    summary: 'Connect a database',
    body: contract.createConnection,
    idempotent: true,
    success: {
      status: 201,
      description:
        'The connection, and the job that reads its tables. The database was reached, and its role can only read; otherwise the response says what is wrong, and nothing is stored.',
      schema: contract.connectionWithJob,
    },
    handle: connectDatabase,
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/connections',
    access: 'admin',
    rate: 'read',
    tag,
    summary: 'List connections',
    query: listQuery,
    success: { status: 200, description: 'Connections, newest first', schema: listOf(contract.connection) },
    async handle({ caller, query, services }) {
      const page = await services.database.inWorkspace(caller, (db) =>
        listConnections(db, caller.workspaceId, pageRequest('connection', query)),
      );
      return listReply(page, connectionView, (view) => view.id);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/connections/{id}',
    access: 'admin',
    rate: 'read',
    tag,
    summary: 'A connection',
    success: { status: 200, description: 'The connection', schema: contract.connection },
    async handle({ caller, parameters, services }) {
      const id = idOf(parameters);
      return services.database.inWorkspace(caller, async (db) =>
        ok(connectionView(await getConnection(db, caller.workspaceId, id))),
      );
    },
  }),
  defineRoute({
    method: 'PATCH',
    path: '/v1/connections/{id}',
    access: 'admin',
    rate: 'write',
    tag,
    summary: 'Change a connection',
    body: contract.updateConnection,
    success: {
      status: 200,
      description:
        'The connection; with a job if its tables are read again. A change of host, port, database or user requires the password again.',
      schema: contract.connectionWithJob,
    },
    handle: (context) => changeConnection(context, idOf(context.parameters)),
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/connections/{id}',
    access: 'admin',
    rate: 'write',
    tag,
    summary: 'Remove a connection',
    success: { status: 204, description: 'Deleted, with its catalog, examples, terms and password' },
    async handle(context) {
      const { caller, parameters, services } = context;
      const id = idOf(parameters);
      let secretName: string | null = null;
      const reply = await changeReply(context, async (db) => {
        await lockConnection(db, caller.workspaceId, id);
        ({ secret_name: secretName } = await getConnection(db, caller.workspaceId, id));
        await cancelRefreshes(db, caller.workspaceId, id);
        await deleteConnection(db, caller.workspaceId, id);
        const resourceId = publicId('connection', id);
        return {
          status: 204,
          body: undefined,
          audit: [{ action: 'connection.delete', resourceType: 'connection', resourceId }],
        };
      });
      if (secretName) await discardPassword(services, caller.workspaceId, secretName);
      return reply;
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/connections/{id}/test',
    access: 'admin',
    rate: 'write',
    tag,
    summary: 'Test a connection and examine its role',
    success: {
      status: 200,
      description: 'Reached; otherwise the error code says what is wrong, and it is recorded in the connection',
      schema: contract.connectionTest,
    },
    async handle(context) {
      const { caller, parameters, services } = context;
      const { workspaceId } = caller;
      const id = idOf(parameters);
      const connection = await services.database.inWorkspace(caller, (db) => getConnection(db, workspaceId, id));
      const started = performance.now();
      try {
        services.databases.breaker.reset(id);
        const found = await services.databases.examine(workspaceId, connection, examineDeadline(context));
        const outcome = { serverVersion: found.server_version };
        await services.database.inWorkspace(caller, (db) => noteExamination(db, workspaceId, id, outcome));
        const milliseconds = Math.round(performance.now() - started);
        return ok({ object: 'connection_test', ok: true, ...found, milliseconds });
      } catch (error) {
        if (!(error instanceof DbragError)) throw error;
        const failure = { code: error.code, message: error.message };
        await services.database.inWorkspace(caller, (db) => noteExamination(db, workspaceId, id, { error: failure }));
        throw error;
      }
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/connections/{id}/refresh',
    access: 'admin',
    rate: 'write',
    tag,
    summary: 'Read the tables of a database again',
    idempotent: true,
    success: {
      status: 202,
      description: 'The job; the same one if it is already in progress',
      schema: acceptedJob,
    },
    async handle(context) {
      const { caller, parameters, services } = context;
      const id = idOf(parameters);
      await services.sweep.arm();
      let accepted: string | undefined;
      const reply = await changeReply(context, async (db) => {
        const { jobId, begun } = await beginRefresh(db, services, caller.workspaceId, id, caller.actor);
        accepted = jobId;
        const audit = {
          action: 'connection.refresh',
          resourceType: 'connection',
          resourceId: publicId('connection', id),
        };
        return {
          status: 202,
          headers: { location: `/v1/jobs/${publicId('job', jobId)}` },
          body: { job: jobView(await getJob(db, caller.workspaceId, jobId)) },
          audit: begun ? [audit] : [],
        };
      });
      if (accepted) await sendNudges(services.queue, [refreshNudge(caller.workspaceId, accepted)]);
      return reply;
    },
  }),
];
