import { answerRequest } from '../../shared/databases/answer-request.ts';
import { warmUpFirewall } from '../../shared/databases/firewall/warm-up.ts';
import { invokeFunction } from '../runtime/invoke-function.ts';

// Goes on while the first request connects.
void warmUpFirewall();

/** The only function that reaches customers' databases. It reaches nothing else. */
export const handler = invokeFunction((event, databases) => answerRequest(databases, event));
