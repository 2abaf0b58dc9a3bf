/** A token of a person with hundreds of groups has 8 KB; all headers together may have 10 KB in API Gateway. */
export const longestToken = 16_384;

const form = /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/;

/** Whether a text has the form of a JSON Web Token, good or not: a JSON header, a body, and a signature that may be missing. */
export const looksLikeToken = (text: string): boolean => form.test(text);
