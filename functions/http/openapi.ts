import * as z from 'zod/mini';
import { statusOfCode } from '../../shared/core/errors.ts';
import type { Route } from './route.ts';

type Json = Record<string, unknown>;

/**
 * The OpenAPI 3.1 description of a list of routes. Schemas are those that requests are checked by: JSON Schema 2020-12 is what
 * OpenAPI 3.1 speaks.
 */
export function openApiDocument(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'dbrag',
      version: '1',
      description: 'Ask your documents and your databases. Errors are problem+json (RFC 9457).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'An API key of a workspace' },
        operator: { type: 'http', scheme: 'bearer', description: 'The secret of whoever runs the service' },
      },
      schemas: { Problem: problemSchema },
    },
  };
}

/** The description as it is committed: indented, so that a change of the contract reads as one. */
export function openApiText(routes: readonly Route[]): string {
  return `${JSON.stringify(openApiDocument(routes), null, 2)}\n`;
}

function operationOf(route: Route): Json {
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [route.tag],
    ...(route.access === 'anyone' ? { security: [] } : { security: securityOf(route.access) }),
    ...roleOf(route.access),
    parameters: parametersOf(route),
    ...(route.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(route.describedBody ?? route.body, 'input') } },
          },
        }
      : {}),
    responses: responsesOf(route),
  };
}

function operationId(route: Route): string {
  const words = route.path
    .split('/')
    .flatMap((part) => part.replace(/[{}]/g, '').split(/[^A-Za-z0-9]+/))
    .filter(Boolean);
  return [route.method.toLowerCase(), ...words]
    .map((word, i) => (i === 0 ? word : word[0]?.toUpperCase() + word.slice(1)))
    .join('');
}

function parametersOf(route: Route): Json[] {
  const path = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const query = route.query
    ? (schemaOf(route.query, 'input') as { properties?: Record<string, Json>; required?: string[] })
    : {};
  const members = Object.entries(query.properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: query.required?.includes(name) ?? false,
    schema,
  }));
  const header = route.idempotent
    ? [
        {
          name: 'Idempotency-Key',
          in: 'header',
          required: false,
          schema: { type: 'string', maxLength: 255 },
          description: 'The answer is replayed for 24 hours',
        },
      ]
    : [];
  return [...path, ...members, ...header];
}

function responsesOf(route: Route): Json {
  const { status, description, schema, contentType } = route.success;
  const content = schema
    ? { 'application/json': { schema: schemaOf(schema, 'output') } }
    : contentType
      ? { [contentType]: {} }
      : undefined;
  return {
    [status]: { description, ...(content ? { content } : {}) },
    default: {
      description: 'What went wrong',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  };
}

function schemaOf(schema: z.ZodMiniType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    // Responses may gain members; only requests are limited to those that are declared.
    override({ jsonSchema }) {
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  }) as Json;
  return rest;
}

const problemSchema: Json = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'error'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'The request id' },
    code: { type: 'string', enum: Object.keys(statusOfCode) },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        properties: { pointer: { type: 'string' }, detail: { type: 'string' } },
      },
    },
    error: {
      type: 'object',
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        code: { type: 'string' },
        param: { type: ['string', 'null'] },
      },
    },
  },
};

function securityOf(access: Route['access']) {
  if (access === 'operator') return [{ operator: [] }];
  return access === 'operator_or_admin' ? [{ operator: [] }, { apiKey: [] }] : [{ apiKey: [] }];
}

function roleOf(access: Route['access']): { 'x-role'?: string } {
  if (access === 'anyone' || access === 'operator') return {};
  return { 'x-role': access === 'operator_or_admin' ? 'admin' : access };
}
