import { streamFunction } from '../runtime/stream-function.ts';
import { createApplication } from './application.ts';
import { apiRoutes } from './routes/index.ts';

/** The same API; API Gateway sends it the routes whose answers may be streams. */
export const handler = streamFunction(createApplication(apiRoutes));
