import { type IWidget, LogQueryVisualizationType, LogQueryWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { savedQueries } from './log-queries.ts';
import { graph, percentiles, percentOf, type WidgetParts } from './widgets.ts';

const stages = ['embed_question', 'vector_search', 'sql_generate', 'response_generation'];
const routes = ['documents', 'database', 'both', 'clarify'];
const caches = ['question', 'chunk', 'search', 'answer'];
const http = ['api', 'stream'];

/** Requests, questions, what they cost, and where their time goes. */
export function questionRows({ stage, metrics, api, httpLogs }: WidgetParts): IWidget[][] {
  const { models } = stage;
  const names = [...new Set([models.embedding.model, models.chatModel, ...models.chatModelChoices])];
  const query = (name: string, statistic = 'Sum', label = name) =>
    metrics.of(name, { service: 'stream' }, { statistic, label });
  return [
    [
      graph('Requests', [api.requests(), api.serverErrors()]),
      graph('Questions', [query('QueryAnswered'), query('QueryUnanswered'), query('QueryFailed')], { stacked: true }),
      new LogQueryWidget({
        title: 'Errors by code',
        logGroupNames: httpLogs.map(({ logGroupName }) => logGroupName),
        queryLines: linesOf('Errors by code'),
        view: LogQueryVisualizationType.TABLE,
        width: 8,
        height: 6,
      }),
    ],
    [
      graph(
        'Search latency',
        percentiles.map((at) => metrics.of('SearchDuration', { service: 'api' }, { statistic: at, label: at })),
        { unit: 'ms', line: { value: 50, label: 'promised p95 of the statement' } },
      ),
      graph(
        'Stages of an answer, p95',
        stages.map((name) => metrics.of('StageDuration', { stage: name }, { statistic: 'p95', label: name })),
        { unit: 'ms' },
      ),
      graph(
        'Until the first token',
        percentiles.map((at) => query('FirstTokenDuration', at, at)),
        { unit: 'ms' },
      ),
    ],
    [
      graph(
        'Routes',
        routes.map((name) => metrics.of('QueryRoute', { route: name }, { label: name })),
        { stacked: true },
      ),
      graph('Statements refused, numbers unverified, citations removed', [
        metrics.sumOf('StatementRefused', http),
        query('NumberUnverified'),
        query('CitationRemoved'),
      ]),
      graph(
        'Cache hits',
        caches.map((cache) => percentOf(cache, metrics.of('CacheHit', { cache }), metrics.of('CacheMiss', { cache }))),
        { unit: '%' },
      ),
    ],
    [
      graph(
        'Tokens',
        names.map((model) => metrics.of('ModelTokens', { model }, { label: model })),
        { stacked: true },
      ),
      graph(
        'Dollars for models',
        names.map((model) => metrics.of('ModelCost', { model }, { label: model })),
        {
          unit: '$',
          stacked: true,
        },
      ),
      graph('Cost of a question, and what readers think of the answer', [
        query('QueryCost', 'Average', 'dollars in the mean'),
        metrics.of('QueryRating', { service: 'api' }, { statistic: 'Average', label: 'rating, 1 to 5' }),
      ]),
    ],
  ];
}

/** A saved query, as a widget shows it. */
function linesOf(name: keyof typeof savedQueries & string): string[] {
  const { filterStatements = [], statsStatements = [], sort } = savedQueries[name] ?? {};
  return [
    ...filterStatements.map((statement) => `filter ${statement}`),
    ...statsStatements.map((statement) => `stats ${statement}`),
    ...(sort === undefined ? [] : [`sort ${sort}`]),
  ];
}
