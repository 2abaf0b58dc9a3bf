import { isCounter, type MetricSeries } from './metric-series.ts';

const suffixes: Readonly<Record<string, string>> = {
  Seconds: '_seconds',
  Milliseconds: '_milliseconds',
  Microseconds: '_microseconds',
  Bytes: '_bytes',
  Percent: '_percent',
};

/** Renders series in the text form of Prometheus (version 0.0.4): counts as counters, the rest as histograms. */
export function renderPrometheus(series: Iterable<MetricSeries>): string {
  const families = new Map<string, MetricSeries[]>();
  for (const one of series) {
    const name = familyName(one);
    families.set(name, [...(families.get(name) ?? []), one]);
  }
  const blocks = [...families]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, members]) => renderFamily(name, members));
  return blocks.join('');
}

function familyName({ namespace, name, unit }: MetricSeries): string {
  // Of `dbrag/local` the first part: the stage is where the page comes from.
  const base = snakeCase(`${namespace.split('/')[0]}_${name}`);
  const suffix = isCounter(unit) ? '_total' : (suffixes[unit] ?? '');
  return base.endsWith(suffix) ? base : base + suffix;
}

function snakeCase(text: string): string {
  const words = text.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9]+/g, '_');
  return words
    .replace(/^(?=\d)/, '_')
    .replace(/^_+(?=\D)|_+$/g, '')
    .toLowerCase();
}

function renderFamily(name: string, members: readonly MetricSeries[]): string {
  const type = members.every(({ unit }) => isCounter(unit)) ? 'counter' : 'histogram';
  const lines = members.flatMap((series) => {
    if (type === 'counter') return [`${name}${labels(series.dimensions)} ${series.sum}`];
    let below = 0;
    const buckets = [...series.bounds, '+Inf'].map((bound, at) => {
      below += series.buckets[at] ?? 0;
      return `${name}_bucket${labels({ ...series.dimensions, le: String(bound) })} ${below}`;
    });
    const own = labels(series.dimensions);
    return [...buckets, `${name}_sum${own} ${series.sum}`, `${name}_count${own} ${series.count}`];
  });
  return `# TYPE ${name} ${type}\n${lines.join('\n')}\n`;
}

function labels(dimensions: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(dimensions).map(([name, value]) => {
    const escaped = value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
    return `${name === 'le' ? name : snakeCase(name)}="${escaped}"`;
  });
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
