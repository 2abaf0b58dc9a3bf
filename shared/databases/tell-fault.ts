import { DbragError } from '../core/errors.ts';
import type { StatementFault } from './statement-connection.ts';

const longestDetail = 300;
/** States about names and types, which are checked before anything is read. */
const ofSyntax = /^42[0-9A-Z]{3}$/;

/**
 * The database's own message, which the author of the statement needs to correct it. It may quote a value (`invalid input syntax for type
 * integer: "ada@example.com"`), so there is also a version without values.
 */
export function tellFault(fault: StatementFault, mayHaveRead: boolean): DbragError {
  if (fault.state === '57014' || fault.state === '55P03') {
    return new DbragError('sql_timeout', 'The statement was stopped at its time limit; narrow it down.', {
      cause: fault,
    });
  }
  const message = fault.message.replace(/\s+/g, ' ').slice(0, longestDetail);
  const words = `The database refuses the statement: ${message}.`;
  const isPlain = !mayHaveRead && ofSyntax.test(fault.state);
  return new DbragError('sql_rejected', words, {
    withoutRows: isPlain ? words : withoutWords(fault.state),
    cause: fault,
  });
}

function withoutWords(state: string): string {
  const code = /^[0-9A-Z]{5}$/.test(state) ? ` with SQLSTATE ${state}` : '';
  return `The database refuses the statement${code}; its words are left out, since they may quote rows. Look at casts, dates, divisions and subqueries that may give more than one row.`;
}
