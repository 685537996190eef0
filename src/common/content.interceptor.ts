import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Injectable, SetMetadata } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import express from 'express';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Observable } from 'rxjs';
import { AppConfig } from '../config/config.js';
import { AppError } from './errors.js';

const BULK_BODY = 'bulk-body';

/** The route takes bodies up to the bulk limit. */
export const BulkBody = () => SetMetadata(BULK_BODY, true);

/**
 * Reads the body, after the guards: whoever may not call the route cannot make the server parse for it.
 *
 * Refuses what is not JSON in UTF-8 (415, 400), what is too large (413) and who accepts no JSON (406).
 */
@Injectable()
export class ContentInterceptor implements NestInterceptor {
  private readonly parse: RequestHandler;
  private readonly parseBulk: RequestHandler;

  constructor(
    private readonly reflector: Reflector,
    config: AppConfig,
  ) {
    this.parse = jsonParser(config.bodyBytesMax);
    this.parseBulk = jsonParser(config.bulkBodyBytesMax);
  }

  intercept(
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    assertAcceptsJson(request);
    if (!hasBody(request) || request.method === 'GET' || request.method === 'DELETE')
      return next.handle();
    const isBulk = this.reflector.get<boolean | undefined>(BULK_BODY, context.getHandler());
    return this.read(
      request,
      http.getResponse<Response>(),
      isBulk ? this.parseBulk : this.parse,
    ).then(() => next.handle());
  }

  private read(request: Request, response: Response, parse: RequestHandler): Promise<void> {
    const type = request.headers['content-type'] ?? '';
    if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
      throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json in UTF-8.');
    }
    return new Promise((resolve, reject) => {
      const done = (error?: Error) => {
        if (error === undefined) resolve();
        else reject(error);
      };
      void parse(request, response, done as NextFunction);
    });
  }
}

function jsonParser(limit: number): RequestHandler {
  return express.json({
    limit,
    strict: false,
    type: () => true,
    verify: (request: IncomingMessage, _response, body: Buffer) => {
      // The parser turns whatever is thrown here into a 4xx of its own; the filter names it.
      if (!isUtf8(body)) throw new Error('The body is not valid UTF-8.');
      if (request.headers['idempotency-key'] === undefined) return;
      (request as Request).contentDigest = createHash('sha256').update(body).digest();
    },
  });
}

function hasBody({ headers }: Request): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

function assertAcceptsJson(request: Request): void {
  const { accept } = request.headers;
  if (accept === undefined || accept.includes('*/*') || accept.includes('json')) return;
  if (request.accepts('application/json', 'application/problem+json')) return;
  throw new AppError('NOT_ACCEPTABLE', 'This route answers application/json.');
}
