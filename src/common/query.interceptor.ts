import { Injectable } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { Request } from 'express';
import type { Observable } from 'rxjs';
import { validationFailed } from './errors.js';

/** Refuses parameters with 400 where an authenticated route takes none; the others have a schema for theirs. */
@Injectable()
export class QueryInterceptor implements NestInterceptor {
  private readonly takers = new WeakMap<object, boolean>();

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { principal, originalUrl } = context.switchToHttp().getRequest<Request>();
    const start = originalUrl.indexOf('?');
    if (start === -1 || !principal || this.takesQuery(context)) return next.handle();
    const names = [...new Set(new URLSearchParams(originalUrl.slice(start)).keys())];
    if (names.length === 0) return next.handle();
    throw validationFailed(
      names
        .slice(0, NAMED_MAX)
        .map((path) => ({ path, code: 'unrecognized_keys', message: 'Unknown key.' })),
    );
  }

  private takesQuery(context: ExecutionContext): boolean {
    const handler = context.getHandler();
    const known = this.takers.get(handler);
    if (known !== undefined) return known;
    const parameters = Reflect.getMetadata(
      ROUTE_ARGS_METADATA,
      context.getClass(),
      handler.name,
    ) as object | undefined;
    const takes = Object.keys(parameters ?? {}).some((key) =>
      key.startsWith(`${RouteParamtypes.QUERY}:`),
    );
    this.takers.set(handler, takes);
    return takes;
  }
}

const NAMED_MAX = 50;
