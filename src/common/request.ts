import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { Principal } from '../auth/principal.js';
import type { KnownSession } from '../auth/session.service.js';
import { withoutSecrets } from './logger.js';

declare module 'express-serve-static-core' {
  interface Request {
    /** Echoed from `X-Request-Id` or minted; in every log line and error body of the request. */
    requestId: string;
    /** The caller, once the guards know it. */
    principal?: Principal;
    allowedCidrs?: readonly string[];
    /** The session of a caller who is signed in. */
    session?: KnownSession;
    /** SHA-256 of query and body, for requests with an `Idempotency-Key`. */
    contentDigest?: Buffer;
  }
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Gives every request its id, echoed on the answer. */
export function assignRequestId(request: Request, response: Response, next: NextFunction): void {
  const given = request.headers['x-request-id'];
  request.requestId =
    typeof given === 'string' && REQUEST_ID.test(given) && withoutSecrets(given) === given
      ? given
      : randomUUID();
  response.setHeader('X-Request-Id', request.requestId);
  // Answers depend on the caller, whom a shared cache does not tell apart by `X-Api-Key`.
  response.setHeader('Cache-Control', 'private, no-cache');
  next();
}

/** The path of the request without its query, and without a key that somebody put into it. */
export function pathOf(request: Request): string {
  const { originalUrl } = request;
  const end = originalUrl.indexOf('?');
  return withoutSecrets(end === -1 ? originalUrl : originalUrl.slice(0, end));
}
