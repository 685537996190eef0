import { STATUS_CODES } from 'node:http';
import { Catch, HttpException, Logger } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { AuditService } from '../audit/audit.service.js';
import {
  isConnectionLost,
  isForeignKeyViolation,
  isRetryable,
  sqlState,
} from '../database/database-errors.js';
import { AppError, unavailable } from './errors.js';
import { pathOf } from './request.js';
import { allowedMethods } from './route-table.js';

/** The one place where a failure becomes an answer: a problem body (RFC 9457) that Nest clients understand too. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Problem');

  constructor(private readonly audit: AuditService) {}

  async catch(thrown: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const error = toAppError(thrown, request);
    if (error.status === 500)
      this.logger.error({ ...causeOf(thrown), requestId: request.requestId });
    if (error.status === 403 && request.principal) {
      await this.audit.refused(
        request.principal,
        error.code,
        `${request.method} ${pathOf(request)}`,
      );
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.status(error.status);
    for (const [name, value] of Object.entries(error.extras.headers ?? {}))
      response.setHeader(name, value);
    response.setHeader('Content-Type', 'application/problem+json; charset=utf-8');
    response.setHeader('Cache-Control', 'no-store');
    response.end(JSON.stringify(toProblem(error, request)));
  }
}

/** What the log may say of an unexpected failure: no stack, no path of the host, no SQL (spec/api.md §1). */
function causeOf(thrown: unknown): object {
  const {
    name,
    message,
    stack = '',
  } = thrown instanceof Error ? thrown : new Error(String(thrown));
  return {
    message: `unexpected ${name}: ${message.trim().split('\n').at(-1)?.slice(0, 300) ?? ''}`,
    sqlState: sqlState(thrown),
    where: /^\s*at (?:async )?([A-Z][\w.]+)/m.exec(stack)?.[1],
  };
}

function toProblem(error: AppError, request: Request): object {
  const title = STATUS_CODES[error.status] ?? 'Error';
  const { errors, conflictingId, violatedPolicies } = error.extras;
  return {
    type: `/docs/errors#${error.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status: error.status,
    detail: error.detail,
    instance: pathOf(request),
    code: error.code,
    requestId: request.requestId,
    statusCode: error.status,
    message: error.detail,
    error: title,
    ...(errors && { errors }),
    ...(conflictingId !== undefined && { conflictingId }),
    ...(violatedPolicies && { violatedPolicies }),
  };
}

/** What Express' parsers throw: a status and a type. */
interface ParserError {
  readonly status?: number;
  readonly type?: string;
}

function toAppError(thrown: unknown, request: Request): AppError {
  if (thrown instanceof AppError) return thrown;
  if (isConnectionLost(thrown)) return unavailable();
  if (isRetryable(thrown))
    return unavailable('Too many changes of the same records at once. Try again.');
  if (isForeignKeyViolation(thrown)) {
    return new AppError(
      'CONFLICT',
      'A record that this one refers to was removed at this moment. Try again.',
    );
  }
  if (thrown instanceof HttpException && thrown.getStatus() === 404) return noSuchRoute(request);
  const { status, type } = thrown as ParserError;
  if (type === 'entity.parse.failed')
    return new AppError('MALFORMED_JSON', 'The body is not valid JSON.');
  if (type === 'entity.too.large' || status === 413) {
    return new AppError('BODY_TOO_LARGE', 'The body is larger than this route takes.');
  }
  if (status === 415) {
    return new AppError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json in UTF-8.');
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new AppError('MALFORMED_JSON', 'The request is malformed.');
  }
  return new AppError('INTERNAL', `The server failed. Report the request id ${request.requestId}.`);
}

function noSuchRoute(request: Request): AppError {
  const methods = allowedMethods(request);
  if (methods.length === 0) return new AppError('ROUTE_NOT_FOUND', 'No such route. See /docs.');
  const allow = methods.join(', ');
  return new AppError('METHOD_NOT_ALLOWED', `This route knows ${allow}.`, {
    headers: { Allow: allow },
  });
}
