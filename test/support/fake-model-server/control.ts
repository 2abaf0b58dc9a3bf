import type { IncomingMessage, ServerResponse } from 'node:http';
import { readJson, routeNotFound, sendJson } from '../../../infra/local/models/wire/http.ts';
import type { ChatScript, ScriptedAnswer } from './chat-endpoint.ts';
import type { FaultRule, Faults } from './faults.ts';
import type { Ledger } from './ledger.ts';

/** Steers a fake that runs in a process of its own: what `ledger`, `faults` and `chat` do in process. */
export async function answerControl(
  route: string,
  request: IncomingMessage,
  response: ServerResponse,
  parts: { ledger: Ledger; faults: Faults; chat: ChatScript },
): Promise<void> {
  switch (route) {
    case 'GET /control/ledger':
      sendJson(response, 200, parts.ledger.snapshot());
      return;
    case 'POST /control/purchases': {
      const { text } = (await readJson(request)) as { text: string };
      sendJson(response, 200, { purchases: parts.ledger.purchases(text) });
      return;
    }
    case 'PUT /control/faults': {
      const { rules } = (await readJson(request)) as unknown as { rules: FaultRule[] };
      parts.faults.setRules(rules);
      break;
    }
    case 'POST /control/answers': {
      const { answers } = (await readJson(request)) as unknown as { answers: (string | ScriptedAnswer)[] };
      parts.chat.enqueue(...answers);
      break;
    }
    case 'POST /control/reset':
      parts.ledger.reset();
      parts.faults.clear();
      parts.chat.clear();
      break;
    default:
      throw routeNotFound(request);
  }
  sendJson(response, 200, {});
}
