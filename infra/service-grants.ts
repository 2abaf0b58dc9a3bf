import { environmentNames as names } from '../shared/core/env-names.ts';
import type { CustomerConnections } from './constructs/customer-connections.ts';
import type { Events } from './constructs/events.ts';
import type { Queues } from './constructs/queues.ts';
import type { ServiceFunctions } from './constructs/service-functions.ts';
import type { StorageAccess } from './constructs/storage-access.ts';
import type { DataStack } from './data-stack.ts';

/** What functions are given rights to. */
export interface GrantedResources {
  readonly data: DataStack;
  readonly queues: Queues;
  readonly storage: StorageAccess;
}

export function grantHttp(
  { httpApi, httpStream }: ServiceFunctions,
  { data, queues, storage }: GrantedResources,
): void {
  for (const fn of [httpApi, httpStream]) {
    data.database.grantApplication(fn);
    data.cache?.grantUse(fn);
    data.credentials.modelKey.grantRead(fn, names.modelSecret);
  }
  data.credentials.operatorKey.grantRead(httpApi, names.operatorSecret);
  storage.grantReadUploads(httpApi);
  storage.grantReadContent(httpApi);
  storage.grantWriteUploads(httpApi);
  storage.grantWriteContent(httpApi);
  queues.grantSendIngest(httpApi);
  queues.maintenance.grantSend(httpApi);
  // Reads are recorded in the audit trail through it.
  queues.maintenance.grantSend(httpStream);
  // For `/ready`, which asks whether SQS answers.
  queues.ingest.default.grantMeasure(httpApi);
  storage.grantList(httpApi);
  // For certificates of erasure, which say whether anything is left.
  storage.grantListVersions(httpApi);
}

export function grantWorkers(functions: ServiceFunctions, { data, queues, storage }: GrantedResources): void {
  const { registerUpload, ingestDocument, embedChunks, maintain, deadLetter } = functions;
  for (const fn of [registerUpload, ingestDocument, embedChunks, deadLetter]) {
    data.database.grantApplication(fn);
    // Whoever accepts or moves work also arms the sweeper.
    queues.maintenance.grantSend(fn);
  }
  // Work that was given up without having been tried is sent again.
  queues.grantSendIngest(deadLetter);
  queues.grantSendEmbed(deadLetter);
  queues.uploads.grantSend(deadLetter);

  // Its own queue: after an outage it sends itself copies of its messages.
  queues.uploads.grantSend(registerUpload);
  storage.grantReadUploads(registerUpload);
  storage.grantList(registerUpload);
  queues.grantSendIngest(registerUpload);

  storage.grantReadUploads(ingestDocument);
  storage.grantReadContent(ingestDocument);
  // Without it S3 answers 403 for a file that is gone, which would be tried five times instead of failing the document.
  storage.grantList(ingestDocument);
  queues.grantSendIngest(ingestDocument);
  queues.grantSendEmbed(ingestDocument);

  data.cache?.grantUse(embedChunks);
  data.credentials.modelKey.grantRead(embedChunks, names.modelSecret);
  queues.grantSendEmbed(embedChunks);

  data.database.grantMaintenance(maintain);
  storage.grantReadUploads(maintain);
  storage.grantReadContent(maintain);
  storage.grantRemove(maintain);
  storage.grantList(maintain);
  storage.grantListVersions(maintain);
  storage.grantKeepAuditRoots(maintain);
  // What was erased is removed from the cache at once, before it expires.
  data.cache?.grantUse(maintain);
  // For the archives of exports.
  storage.grantWriteContent(maintain);
  queues.grantSendIngest(maintain);
  queues.grantSendEmbed(maintain);
  queues.maintenance.grantSend(maintain);
  queues.grantMeasure(maintain);
}

/** Catalogs: the API begins them, maintain lists and embeds, describe-table describes. */
export function grantConnections(
  { httpApi, httpStream, describeTable, maintain }: ServiceFunctions,
  connections: CustomerConnections,
  { data, queues }: Pick<GrantedResources, 'data' | 'queues'>,
): void {
  for (const fn of [httpApi, httpStream]) connections.grantRunStatements(fn);
  for (const fn of [describeTable, maintain]) connections.grantAsk(fn);
  connections.grantStorePasswords(httpApi);
  connections.grantRemovePasswords(maintain);
  data.database.grantApplication(describeTable);
  data.credentials.modelKey.grantRead(describeTable, names.modelSecret);
  data.credentials.modelKey.grantRead(maintain, names.modelSecret);
  queues.catalog.grantSend(describeTable);
  queues.catalog.grantSend(maintain);
  queues.maintenance.grantSend(describeTable);
}

/** Functions that finish work announce it. */
export function grantEvents(
  { ingestDocument, embedChunks, maintain, deadLetter, describeTable }: ServiceFunctions,
  events: Events,
): void {
  for (const fn of [ingestDocument, embedChunks, maintain, deadLetter, describeTable]) events.grantTell(fn);
}
