import type { Route } from '../assembly/model.ts';

export interface Match {
  readonly route: Route;
  /** Decoded values; null when the route has none, as in the proxy event. */
  readonly pathParameters: Readonly<Record<string, string>> | null;
}

interface Node {
  readonly fixed: Map<string, Node>;
  parameter: { readonly name: string; readonly node: Node } | undefined;
  greedy: { readonly name: string; readonly node: Node } | undefined;
  readonly methods: Map<string, Route>;
}

/** The methods that API Gateway includes in `ANY`. `TRACE` and the methods of WebDAV reach no integration. */
const anyMethods = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']);

const node = (): Node => ({ fixed: new Map(), parameter: undefined, greedy: undefined, methods: new Map() });

/**
 * Finds the route of a path as API Gateway does: a fixed segment before `{parameter}` before `{proxy+}`, a method of its
 * own before `ANY`. A branch that ends without a match gives way to the next best.
 */
export class Router {
  readonly #root = node();

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route);
  }

  match(method: string, path: string): Match | undefined {
    const segments = path.split('/').filter((segment, index) => index > 0 && segment !== '');
    return this.#find(this.#root, segments, 0, method, {});
  }

  #add(route: Route): void {
    let at = this.#root;
    for (const segment of route.path.split('/').filter(Boolean)) {
      const [, name, greedy] = /^\{([^}+]+)(\+?)\}$/.exec(segment) ?? [];
      if (name === undefined) {
        const next = at.fixed.get(segment) ?? node();
        at.fixed.set(segment, next);
        at = next;
      } else if (greedy) {
        at.greedy ??= { name, node: node() };
        at = at.greedy.node;
      } else {
        at.parameter ??= { name, node: node() };
        at = at.parameter.node;
      }
    }
    at.methods.set(route.method, route);
  }

  #find(
    at: Node,
    segments: readonly string[],
    index: number,
    method: string,
    parameters: Readonly<Record<string, string>>,
  ): Match | undefined {
    const segment = segments[index];
    if (segment === undefined) return found(at, method, parameters);
    const fixed = at.fixed.get(segment);
    const byFixed = fixed && this.#find(fixed, segments, index + 1, method, parameters);
    if (byFixed) return byFixed;
    if (at.parameter) {
      const taken = { ...parameters, [at.parameter.name]: decode(segment) };
      const byParameter = this.#find(at.parameter.node, segments, index + 1, method, taken);
      if (byParameter) return byParameter;
    }
    if (!at.greedy) return undefined;
    const rest = segments.slice(index).map(decode).join('/');
    return found(at.greedy.node, method, { ...parameters, [at.greedy.name]: rest });
  }
}

function found(at: Node, method: string, parameters: Readonly<Record<string, string>>): Match | undefined {
  const route = at.methods.get(method) ?? (anyMethods.has(method) ? at.methods.get('ANY') : undefined);
  return route && { route, pathParameters: Object.keys(parameters).length > 0 ? parameters : null };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
