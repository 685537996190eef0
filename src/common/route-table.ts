import type { NextFunction, Request, Response } from 'express';
import { pathOf } from './request.js';

/** The parts of an Express 5 router layer that tell its route. */
interface Layer {
  readonly route?: { readonly methods: Readonly<Record<string, boolean>> };
  match(path: string): boolean;
}

/** The methods that the path knows, upper case; empty when there is no such route. */
export function allowedMethods(request: Request): string[] {
  const { router } = request.app as unknown as { router: { stack: readonly Layer[] } };
  const path = pathOf(request);
  const methods = new Set<string>();
  for (const layer of router.stack) {
    if (!layer.route || !matches(layer, path)) continue;
    for (const method of Object.keys(layer.route.methods)) methods.add(method.toUpperCase());
  }
  methods.delete('_ALL');
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods].sort();
}

/** Answers OPTIONS with the methods that the path knows, without a credential. */
export function answerOptions(request: Request, response: Response, next: NextFunction): void {
  const methods = request.method === 'OPTIONS' ? allowedMethods(request) : [];
  if (methods.length === 0) {
    next();
    return;
  }
  response.status(204).setHeader('Allow', methods.join(', ')).end();
}

function matches(layer: Layer, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    return false;
  }
}
