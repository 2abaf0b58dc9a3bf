import { documentationPage, documentationScript, documentationStart } from '../documentation.ts';
import { defineRoute, ok, type Route } from '../route.ts';

const tag = 'Service';

/** The routes that show the contract of the others, and of themselves. */
export function contractRoutes(described: () => Promise<readonly Route[]>): readonly Route[] {
  const routes: readonly Route[] = [
    defineRoute({
      method: 'GET',
      path: '/openapi.json',
      access: 'anyone',
      rate: 'none',
      tag,
      summary: 'This contract',
      success: { status: 200, description: 'OpenAPI 3.1' },
      async handle() {
        // Made when somebody asks: the generator is no part of a cold start.
        const { openApiDocument } = await import('../openapi.ts');
        return ok(openApiDocument([...(await described()), ...routes]));
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/docs',
      access: 'anyone',
      rate: 'none',
      tag,
      summary: 'This contract, as a page to read and try',
      success: { status: 200, description: 'A page', contentType: 'text/html' },
      async handle() {
        return documentationPage();
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/docs/reference.js',
      access: 'anyone',
      rate: 'none',
      tag,
      // Compressed bytes: a buffered answer of a REST API could only be text.
      streaming: true,
      summary: 'The script of the documentation page',
      success: { status: 200, description: 'A script', contentType: 'text/javascript' },
      async handle() {
        return documentationScript();
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/docs/start.js',
      access: 'anyone',
      rate: 'none',
      tag,
      summary: 'The start script of the documentation page',
      success: { status: 200, description: 'A script', contentType: 'text/javascript' },
      async handle() {
        return documentationStart();
      },
    }),
  ];
  return routes;
}
