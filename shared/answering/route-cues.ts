/** What the wording of a question says about where its answer is, before anything is looked up. */
export interface RouteCues {
  /** It asks to count, sum, rank, list or compare something. */
  readonly counts: boolean;
  /** It asks for a description, an explanation, or what is allowed. */
  readonly tells: boolean;
  /** It names a text by its kind (a policy, a manual, rules), beside asking for a figure. */
  readonly namesText: boolean;
  /** It asks whether one may or must: with a figure in it too, that is a rule and no count. */
  readonly norm: boolean;
  /** Words that carry meaning. */
  readonly words: number;
}

const months = 'january|february|march|april|may|june|july|august|september|october|november|december';
const spans = 'day|days|week|weeks|weekday|weekdays|weekend|weekends|month|months|quarter|quarters|year|years';

const counting = [
  /\bhow (many|much|often)\b/,
  /\b(number|count|sum|total|amount|percentage|percent|share|proportion|rate|distribution) (of|taken|charged)\b/,
  /^(count|sum|total|average|median|mean|rank|list|show|give me|number|percentage|top)\b/,
  /\b(count|list|show|rank|compare)\b(?! (to|with) (me|us)\b)/,
  /\b(average|median|mean|total|growth|trend|churn rate|revenue|sales|mrr)\b/,
  /\b(most|least|fewest|highest|lowest|largest|biggest|smallest|longest|shortest|youngest|oldest|top \d+|top five|top ten)\b/,
  /\b(last|latest|largest|first) \w+ (ever|of)\b/,
  new RegExp(`\\b(per|by) (${spans}|[a-z]+(?: and [a-z]+)?$)`),
  new RegExp(`\\b(last|this|next|past|previous) (${spans})\\b|\\b(yesterday|today|tomorrow)\\b`),
  new RegExp(`\\b(in|since|after|before|during) (${months}|20\\d\\d|19\\d\\d)\\b`),
  /\b(over|under|above|below|more than|less than|fewer than|at least|longer than) [\d,.]+ /,
  /\bmonth over month\b|\bevery (month|week|day)\b/,
  /^(which|who) \w+.*\b(have|has|had|did|spent|bought|sold|churned|opened|owe|owes|never|resolved|come|comes|brings|logged)\b/,
  /^when (was|did)\b/,
  /\b\w+ (?:number )?\d+\b.*\?$|\bsku-\d+/,
];

const telling = [
  /\b(explain|describe|summari[sz]e|tell me about|tell me what|what does .+ (say|mean|look like|recommend|require|demand|allow|get)|say about)\b/,
  /\b(how (do|should|can|must|may|does|is|are|long|quickly|soon)|why|what happens|what should|what must|what steps|where (do|does|is|can))\b/,
  /\b(according to|under our rules|under the (policy|rules))\b/,
  /^(is|are|can|may|must|do we|does|should|do|under)\b/,
  /\bwhat (are|is) (the|our) (\w+ ){0,3}(rules?|policy|policies|procedure|protocol|guidelines?|guide|benefits?|steps|fee|deadline|limits?|limit|code|hours|process|first choice|period)\b/,
  /^(what|which|who|when|to whom|in which|under which|under what|where)\b/,
];

const texts =
  /\b(polic(y|ies)|rules?|handbook|manual|protocol|guidelines?|guide|procedure|process|instructions?|terms|conditions|code of conduct|script|section|programme|levels|warranty|promises?|requires?|recommends?|allows?|asks? for one|according to)\b/;

const norms =
  /\b(may|must|should|allowed|can (i|a|an|we|the)|have to|do we (offer|accept|require)|needed|valid|due|payable|required)\b/;

const fillers = new Set(['the', 'a', 'an', 'of', 'and', 'or', 'in', 'on', 'for', 'to', 'our', 'my']);

/** @param question in English; in other languages nothing is found, and what is similar decides alone */
export function routeCues(question: string): RouteCues {
  const text = question.toLowerCase().trim();
  const counts = counting.some((cue) => cue.test(text));
  return {
    counts,
    tells: telling.some((cue) => cue.test(text)),
    namesText: texts.test(text),
    norm: norms.test(text),
    words: text.split(/[^\p{L}\p{N}-]+/u).filter((word) => word !== '' && !fillers.has(word)).length,
  };
}
