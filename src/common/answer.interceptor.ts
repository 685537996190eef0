import { Injectable, SetMetadata } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { map } from 'rxjs';
import type { Observable } from 'rxjs';
import { etagOf, headerNames } from './etag.js';
import { JsonText, joinTexts } from './json-text.js';
import { COUNT_MAX, Page } from './pagination.js';
import { pathOf } from './request.js';

const LOCATION = 'location';

/** The path below `/api`, perhaps with parameters of the route, under which what it creates can be read by its `id`. */
export const CreatesAt = (path: string) => SetMetadata(LOCATION, path);

/** Headers that follow from the answer: paging of lists, `ETag` of records, `Location` of new ones. */
@Injectable()
export class AnswerInterceptor implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    return next.handle().pipe(
      map((answer: unknown) => {
        if (answer instanceof Page) return this.page(answer, request, response);
        if (answer instanceof JsonText) return this.text(answer, request, response);
        if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return answer;
        const location = this.reflector.get<string | undefined>(LOCATION, context.getHandler());
        if (location !== undefined && 'id' in answer) {
          const path = location.replace(/:(\w+)/g, (_, name: string) =>
            String(request.params[name]),
          );
          response.setHeader('Location', `/api/${path}/${String(answer.id)}`);
        }
        return 'version' in answer ? this.record(answer, request, response) : answer;
      }),
    );
  }

  private text(answer: JsonText<unknown>, request: Request, response: Response): unknown {
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    if (answer.version === null) return answer.text;
    return this.isKnown(answer.version, request, response) ? undefined : answer.text;
  }

  private record(
    answer: { readonly version?: unknown },
    request: Request,
    response: Response,
  ): unknown {
    if (typeof answer.version !== 'number') return answer;
    return this.isKnown(answer.version, request, response) ? undefined : answer;
  }

  /** Sets the `ETag`; when the caller has this version already, the answer is 304 without a body. */
  private isKnown(version: number, request: Request, response: Response): boolean {
    const etag = etagOf(version);
    response.setHeader('ETag', etag);
    const known = request.headers['if-none-match'];
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead || known === undefined || !headerNames(known, etag, true)) return false;
    response.status(304);
    return true;
  }

  private page(page: Page<unknown>, request: Request, response: Response): unknown {
    if (page.nextCursor !== null) {
      const query = new URLSearchParams(request.originalUrl.split('?')[1]);
      query.set('cursor', page.nextCursor);
      response.append('Link', `<${pathOf(request)}?${query.toString()}>; rel="next"`);
    }
    if (page.total) {
      response.setHeader('X-Total-Count', String(Math.min(page.total.count, COUNT_MAX)));
      if (page.total.capped) response.setHeader('X-Total-Count-Capped', 'true');
    }
    const { items } = page;
    return isTexts(items) ? this.text(new JsonText(joinTexts(items)), request, response) : items;
  }
}

function isTexts(items: readonly unknown[]): items is readonly JsonText<unknown>[] {
  return items.length > 0 && items.every((item) => item instanceof JsonText);
}
