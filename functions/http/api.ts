import { httpFunction } from '../runtime/http-function.ts';
import { createApplication } from './application.ts';
import { apiRoutes } from './routes/index.ts';

export const handler = httpFunction(createApplication(apiRoutes));
