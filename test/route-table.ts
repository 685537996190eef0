import { RequestMethod, VERSION_NEUTRAL } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ROOT_ROUTES } from '../src/app.setup.js';
import { ROUTE_ACCESS } from '../src/auth/auth.decorator.js';
import type { RouteAccess } from '../src/auth/auth.decorator.js';
import type { Method } from './outcomes.js';

/** A route as its controller declares it. */
export interface DeclaredRoute {
  /** `GET /api/alerts/:id` */
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  /** What it asks of its caller; undefined when it declares nothing. */
  readonly access: RouteAccess | undefined;
  /** Whether it is not under `/api` and has no `/api/v1` twin. */
  readonly isRoot: boolean;
}

/** Every handler of every controller. */
export function declaredRoutes(app: NestExpressApplication): DeclaredRoute[] {
  const routes: DeclaredRoute[] = [];
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of module.controllers.values()) {
      if (typeof metatype !== 'function') continue;
      const prototype = metatype.prototype as Record<string, unknown>;
      for (const name of Object.getOwnPropertyNames(prototype)) {
        const handler = prototype[name];
        if (name === 'constructor' || typeof handler !== 'function') continue;
        const verb = Reflect.getMetadata('method', handler) as RequestMethod | undefined;
        if (verb === undefined) continue;
        const path = [metatype, handler]
          .flatMap((target) => String(Reflect.getMetadata('path', target)).split('/'))
          .filter((part) => part !== '')
          .join('/');
        const isRoot = ROOT_ROUTES.includes(path);
        const version = Reflect.getMetadata('__version__', metatype) as unknown;
        if (isRoot !== (version === VERSION_NEUTRAL))
          throw new Error(`/${path} is versioned, or not under /api by mistake.`);
        const method = RequestMethod[verb].toLowerCase() as Method;
        const full = isRoot ? `/${path}` : `/api/${path}`;
        routes.push({
          name: `${method.toUpperCase()} ${full}`,
          method,
          path: full,
          access: Reflect.getMetadata(ROUTE_ACCESS, handler) as RouteAccess | undefined,
          isRoot,
        });
      }
    }
  }
  return routes;
}

interface Layer {
  readonly route?: {
    readonly path: string | readonly string[];
    readonly methods: Readonly<Record<string, boolean>>;
  };
}

/** Every route that the server answers, whoever registered it: `GET /docs`. */
export function servedRoutes(app: NestExpressApplication): string[] {
  const { router } = app.getHttpAdapter().getInstance() as unknown as {
    router: { stack: readonly Layer[] };
  };
  return router.stack.flatMap(({ route }) =>
    route === undefined
      ? []
      : [route.path]
          .flat()
          .flatMap((path) =>
            Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${path}`),
          ),
  );
}
