/** The code fence that a model puts around its SQL, with or without the name of the language. */
const fence = /^\s*```(?:[a-z]*)[^\S\n]*\n([\s\S]*?)\n?[^\S\n]*```\s*$/i;

export function stripFence(sql: string): string {
  return fence.exec(sql)?.[1] ?? sql;
}
