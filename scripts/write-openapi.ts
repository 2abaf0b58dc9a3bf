import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openApiText } from '../functions/http/openapi.ts';
import { apiRoutes } from '../functions/http/routes/index.ts';

/** Writes the contract that is committed: `docs/openapi.json`. A test fails while it differs from the routes. */
const file = fileURLToPath(new URL('../docs/openapi.json', import.meta.url));
writeFileSync(file, openApiText(apiRoutes));
process.stdout.write(`${file}: ${apiRoutes.length} routes\n`);
