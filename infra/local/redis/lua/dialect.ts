import { RedisError } from '../protocol/reply.ts';

// Redis runs Lua 5.1, where every number is a double; the VM here is Lua 5.4. Two things are settled in the source text:
// numerals become floats (so that no 64-bit integer arithmetic happens), and syntax that 5.1 does not know is refused,
// because a script that uses it would run here and fail in the account.

const TOKEN =
  /--\[(=*)\[[\s\S]*?\]\1\]|--[^\n]*|\[(=*)\[[\s\S]*?\]\2\]|"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'|[A-Za-z_]\w*|0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|\.{2,3}|<(?:const|close)>|~=|\/\/|<<|>>|::|[&|~]|[\s\S]/g;

const NOT_IN_LUA_5_1 = new Set(['//', '<<', '>>', '::', '&', '|', '~', 'goto', '<const>', '<close>']);
const INTEGER = /^(?:\d+|0[xX][0-9a-fA-F]+)$/;

/** Rewrites a Lua 5.1 script (one character per byte) for the 5.4 VM; throws what Redis answers to a syntax error. */
export function toLua54(source: string): string {
  let line = 1;
  return source.replace(TOKEN, (token) => {
    if (NOT_IN_LUA_5_1.has(token)) {
      throw new RedisError(
        `ERR Error compiling script (new function): user_script:${line}: unexpected symbol near '${token}'`,
      );
    }
    if (token.includes('\n')) line += token.split('\n').length - 1;
    return INTEGER.test(token) ? asFloat(token) : token;
  });
}

function asFloat(numeral: string): string {
  return /^0[xX]/.test(numeral) ? `${BigInt(numeral)}.0` : `${numeral}.0`;
}
