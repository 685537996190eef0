import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Injectable, SetMetadata, applyDecorators } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { Reflector } from '@nestjs/core';
import { ApiExtension } from '@nestjs/swagger';
import express from 'express';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { AppConfig } from '../config/config.js';
import { AppError, validationFailed } from './errors.js';
import { VALUES_MAX, isModestJson } from './modest-json.js';

const BULK_BODY = 'bulk-body';

const BULK_VALUES_MAX = 500_000;

/** What somebody may send who is not yet known: an e-mail address and a password. */
const STRANGER_BODY_BYTES_MAX = 16_384;

/** The route takes bodies up to the bulk limit. */
export const BulkBody = () => SetMetadata(BULK_BODY, true);

const MULTIPART_BODY = 'multipart-body';

/** Whether a route takes a multipart body alone, or JSON as well. */
export type MultipartUse = 'alone' | 'or-json';

/** The route takes a multipart body, which a guard of its own reads. */
export const MultipartBody = (use: MultipartUse) => SetMetadata(MULTIPART_BODY, use);

/** Whether that guard is to read the body of the request. */
export function isMultipart(request: Request, use: MultipartUse): boolean {
  return use === 'alone' || /^multipart\//i.test(contentTypeOf(request));
}

/** How the route takes a multipart body; undefined when it takes none. */
export function multipartUse(
  reflector: Reflector,
  handler: ReturnType<ExecutionContext['getHandler']>,
): MultipartUse | undefined {
  return reflector.get<MultipartUse | undefined>(MULTIPART_BODY, handler);
}

/** A body that is no JSON, and judged by whoever takes it. */
export class OtherBody<T = unknown> {
  constructor(readonly content: T) {}
}

/** A body of text, as it came. */
export class TextBody extends OtherBody<string> {}

const TEXT_BODY = 'text-body';

/** Where an operation keeps the schemas of its other bodies by content type, until the document is made. */
export const OTHER_BODIES = 'x-other-bodies';

/** The route takes JSON, or text of this type, which comes as `TextBody`. */
export function TakesText(type: string, description: string) {
  return applyDecorators(
    SetMetadata(TEXT_BODY, type),
    ApiExtension(OTHER_BODIES, { [type]: { type: 'string', description } }),
  );
}

const FILE_ANSWER = 'file-answer';

/** The route answers with the bytes of a file, whatever the request accepts. */
export const FileAnswer = () => SetMetadata(FILE_ANSWER, true);

/**
 * Reads what the request brings, after the guards that know the caller: whoever may not call the route
 * cannot make the server parse for it.
 *
 * Refuses who accepts no JSON (406), parameters where a route takes none (400), what is not JSON in
 * UTF-8 (415, 400) and what is too large (413). Last of the guards.
 */
@Injectable()
export class InputGuard implements CanActivate {
  private readonly parse: RequestHandler;
  private readonly parseBulk: RequestHandler;
  private readonly parseSmall: RequestHandler;
  private readonly parseText: RequestHandler;
  private readonly queryTakers = new WeakMap<object, boolean>();

  constructor(
    private readonly reflector: Reflector,
    config: AppConfig,
  ) {
    this.parse = jsonParser(config.bodyBytesMax, VALUES_MAX);
    this.parseBulk = jsonParser(config.bulkBodyBytesMax, BULK_VALUES_MAX);
    this.parseSmall = jsonParser(STRANGER_BODY_BYTES_MAX, VALUES_MAX);
    this.parseText = textParser(config.bulkBodyBytesMax);
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const handler = context.getHandler();
    if (!this.isMarked(FILE_ANSWER, handler)) assertAcceptsJson(request);
    if (request.principal && request.originalUrl.includes('?') && !this.takesQuery(context)) {
      assertNoParameters(request);
    }
    if (!hasBody(request) || request.method === 'GET' || request.method === 'DELETE') return true;
    const use = multipartUse(this.reflector, handler);
    if (use && isMultipart(request, use)) return true;
    const response = http.getResponse<Response>();
    const textType = this.reflector.get<string | undefined>(TEXT_BODY, handler);
    if (textType !== undefined && contentTypeOf(request).toLowerCase().startsWith(textType)) {
      return this.readText(request, response, textType);
    }
    return this.read(request, response, this.parserOf(request, handler));
  }

  private parserOf(request: Request, handler: ReturnType<ExecutionContext['getHandler']>) {
    if (!request.principal) return this.parseSmall;
    return this.isMarked(BULK_BODY, handler) ? this.parseBulk : this.parse;
  }

  private isMarked(mark: string, handler: ReturnType<ExecutionContext['getHandler']>): boolean {
    return this.reflector.get<boolean | undefined>(mark, handler) === true;
  }

  /** Whether the route has a schema for its query, which then judges it. */
  private takesQuery(context: ExecutionContext): boolean {
    const handler = context.getHandler();
    const known = this.queryTakers.get(handler);
    if (known !== undefined) return known;
    const parameters = Reflect.getMetadata(
      ROUTE_ARGS_METADATA,
      context.getClass(),
      handler.name,
    ) as object | undefined;
    const takes = Object.keys(parameters ?? {}).some((key) =>
      key.startsWith(`${RouteParamtypes.QUERY}:`),
    );
    this.queryTakers.set(handler, takes);
    return takes;
  }

  private read(request: Request, response: Response, parse: RequestHandler): Promise<boolean> {
    if (!JSON_TYPE.test(contentTypeOf(request))) {
      throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json in UTF-8.');
    }
    return parsed(parse, request, response);
  }

  private async readText(request: Request, response: Response, type: string): Promise<boolean> {
    if (!/^[^;]+(?:;\s*(?:charset="?utf-8"?|header=\w+)\s*)*$/i.test(contentTypeOf(request))) {
      throw new AppError('UNSUPPORTED_MEDIA_TYPE', `Send the body as ${type} in UTF-8.`);
    }
    await parsed(this.parseText, request, response);
    request.body = new TextBody(String(request.body));
    return true;
  }
}

/** JSON in UTF-8; `version` is that of STIX. */
const JSON_TYPE =
  /^application\/(?:[\w.-]+\+)?json\s*(?:;\s*(?:charset="?utf-8"?|version="?[\d.]+"?)\s*)*$/i;

function contentTypeOf({ headers }: Request): string {
  return headers['content-type'] ?? '';
}

function parsed(parse: RequestHandler, request: Request, response: Response): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error) => {
      if (error === undefined) resolve(true);
      else reject(error);
    };
    void parse(request, response, done as NextFunction);
  });
}

function textParser(limit: number): RequestHandler {
  return express.text({
    limit,
    type: () => true,
    defaultCharset: 'utf-8',
    verify: (request: IncomingMessage, _response, body: Buffer) => {
      if (!isUtf8(body)) throw new Error('The body is not valid UTF-8.');
      keepDigest(request as Request, body);
    },
  });
}

function keepDigest(request: Request, body: Buffer): void {
  if (request.headers['idempotency-key'] === undefined) return;
  request.contentDigest = createHash('sha256').update(body).digest();
}

function jsonParser(limit: number, valuesMax: number): RequestHandler {
  return express.json({
    limit,
    strict: false,
    type: () => true,
    verify: (request: IncomingMessage, _response, body: Buffer) => {
      // The parser turns whatever is thrown here into a 4xx of its own; the filter names it.
      if (!isUtf8(body)) throw new Error('The body is not valid UTF-8.');
      if (!isModestJson(body, valuesMax))
        throw new Error('The body is nested too deep or holds too many values.');
      keepDigest(request as Request, body);
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

const NAMED_MAX = 50;

/** @throws AppError `VALIDATION_FAILED` naming every parameter. */
function assertNoParameters({ originalUrl }: Request): void {
  const names = new Set(new URLSearchParams(originalUrl.slice(originalUrl.indexOf('?'))).keys());
  if (names.size === 0) return;
  throw validationFailed(
    [...names]
      .slice(0, NAMED_MAX)
      .map((path) => ({ path, code: 'unrecognized_keys', message: 'Unknown key.' })),
  );
}
