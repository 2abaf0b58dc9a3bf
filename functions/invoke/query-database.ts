import { answerRequest } from '../../shared/databases/answer-request.ts';
import { invokeFunction } from '../runtime/invoke-function.ts';

/** The only function that reaches customers' databases. It reaches nothing else. */
export const handler = invokeFunction((event, databases) => answerRequest(databases, event));
