import type { Caller } from '../../shared/core/caller.ts';
import { validationFailed } from '../../shared/core/errors.ts';
import { publicId } from '../../shared/core/ids.ts';
import type { Connection, ConnectionSettings } from '../../shared/databases/connections.ts';
import type { CreateConnection, UpdateConnection } from './contract/connections.ts';

/** The settings that a request asks for, before its password is stored. */
export type WantedSettings = Omit<ConnectionSettings, 'secret_name'>;

/** @throws validation_failed */
export function newSettings(caller: Caller, body: CreateConnection): WantedSettings {
  const settings = {
    name: body.name,
    host: body.host,
    port: body.port,
    database_name: body.database,
    user_name: body.user,
    authentication: body.authentication,
    ssl: sslMode(body.ssl),
    ca_certificate: body.ca_certificate ?? null,
    schemas: body.schemas ?? null,
    tables_include: body.tables?.include ?? [],
    tables_exclude: body.tables?.exclude ?? [],
    send_rows_to_model: body.send_rows_to_model,
  };
  checkIamUser(caller, settings);
  return settings;
}

/** Whatever a change does not name stays as it was. @throws validation_failed */
export function changedSettings(caller: Caller, read: Connection, body: UpdateConnection): WantedSettings {
  const settings = {
    name: body.name ?? read.name,
    host: body.host ?? read.host,
    port: body.port ?? read.port,
    database_name: body.database ?? read.database_name,
    user_name: body.user ?? read.user_name,
    authentication: body.authentication ?? read.authentication,
    ssl: body.ssl === undefined ? read.ssl : sslMode(body.ssl),
    ca_certificate: body.ca_certificate === undefined ? read.ca_certificate : body.ca_certificate,
    schemas: body.schemas === undefined ? read.schemas : body.schemas,
    tables_include: body.tables?.include ?? read.tables_include,
    tables_exclude: body.tables?.exclude ?? read.tables_exclude,
    send_rows_to_model: body.send_rows_to_model ?? read.send_rows_to_model,
  };
  checkIamUser(caller, settings);
  return settings;
}

function sslMode(asked: CreateConnection['ssl']): ConnectionSettings['ssl'] {
  if (asked === true || asked === 'require') return 'verify-full';
  return asked === false ? 'disable' : asked;
}

/**
 * The function that connects has one identity for all workspaces. So a database user that logs in by IAM must be named after the one
 * workspace that may use it: nobody gets into another tenant's database by naming its user.
 */
function checkIamUser(
  { workspaceId }: Caller,
  settings: Pick<ConnectionSettings, 'authentication' | 'user_name' | 'ssl'>,
): void {
  if (settings.authentication !== 'iam') return;
  const user = publicId('workspace', workspaceId);
  if (settings.user_name !== user)
    throw validationFailed([
      { pointer: '/user', detail: `With IAM the user must be named after the workspace: ${user}` },
    ]);
  if (settings.ssl !== 'verify-full')
    throw validationFailed([
      { pointer: '/ssl', detail: 'A token is sent only to a verified server: use "verify-full"' },
    ]);
}
