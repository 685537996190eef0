import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Request, Response } from 'express';
import { firstValueFrom, of } from 'rxjs';
import type { Observable } from 'rxjs';
import type { Principal } from '../auth/principal.js';
import { presentedCredential } from '../auth/credentials.js';
import { AppConfig } from '../config/config.js';
import { Database } from '../database/database.service.js';
import type { Tx } from '../database/sql.js';
import { AppError, invalidValue } from './errors.js';
import { pathOf } from './request.js';

/** Printable ASCII, as a header can carry it. */
const KEY_FORMAT = /^[\x20-\x7e]{1,255}$/;
const LIFETIME_MS = 24 * 3_600_000;

/** Headers of the first answer that its replay repeats. */
const KEPT_HEADERS = [
  'content-type',
  'etag',
  'location',
  'link',
  'cache-control',
  'x-alert-deduplicated',
];

interface StoredAnswer {
  readonly bodyDigest: Uint8Array;
  readonly status: number;
  readonly headers: unknown;
  readonly body: Uint8Array;
}

/**
 * Runs a POST with an `Idempotency-Key` in one transaction with the record of its answer.
 *
 * The same key from the same credential on the same path replays that answer for 24 hours. What is
 * kept is encrypted with a key derived from the presented credential, which the server does not
 * store: an answer that shows a new API key once is no secret at rest.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly database: Database,
    private readonly config: AppConfig,
  ) {}

  intercept(
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const { principal } = request;
    const key = request.headers['idempotency-key'];
    if (request.method !== 'POST' || !principal || key === undefined) return next.handle();
    if (typeof key !== 'string' || !KEY_FORMAT.test(key)) {
      throw invalidValue('Idempotency-Key', 'must be 1 to 255 printable ASCII characters');
    }
    return this.once(principal, key, request, http.getResponse<Response>(), next);
  }

  private async once(
    principal: Principal,
    key: string,
    request: Request,
    response: Response,
    next: CallHandler,
  ): Promise<Observable<unknown>> {
    const path = routeOf(request);
    const id = { credentialId: principal.credentialId, method: request.method, path, key };
    const bodyDigest = digestOf(request, principal);
    const answer = await this.database.transaction(principal, async (tx) => {
      await this.claim(tx, id);
      const stored = await tx.idempotencyRecord.findUnique({
        where: {
          credentialId_method_path_key: id,
          createdAt: { gt: new Date(Date.now() - LIFETIME_MS) },
        },
      });
      if (stored) return this.replay(stored, bodyDigest, request, response);
      request.principal = { ...principal, transaction: tx };
      const fresh: unknown = await firstValueFrom(next.handle(), { defaultValue: undefined });
      const kept = {
        bodyDigest,
        status: response.statusCode,
        headers: Object.fromEntries(
          KEPT_HEADERS.map((name) => [name, response.getHeader(name) ?? null]),
        ),
        body: this.seal(request, Buffer.from(JSON.stringify(fresh ?? null))),
        createdAt: new Date(),
      };
      await tx.idempotencyRecord.upsert({
        where: { credentialId_method_path_key: id },
        create: { ...id, ...kept },
        update: kept,
      });
      return fresh;
    });
    return of(answer);
  }

  /** Held until the transaction ends, so that a second request knows that the first still runs. */
  private async claim(
    tx: Tx,
    id: { credentialId: string; method: string; path: string; key: string },
  ): Promise<void> {
    const name = JSON.stringify([id.credentialId, id.method, id.path, id.key]);
    const [row] = await tx.$queryRaw<{ claimed: boolean }[]>`
      SELECT pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) AS claimed`;
    if (row?.claimed) return;
    throw new AppError(
      'IDEMPOTENCY_IN_PROGRESS',
      'The first request with this idempotency key still runs.',
      {
        headers: { 'Retry-After': '1' },
      },
    );
  }

  private replay(
    stored: StoredAnswer,
    bodyDigest: Buffer,
    request: Request,
    response: Response,
  ): unknown {
    if (!bodyDigest.equals(stored.bodyDigest)) {
      throw new AppError(
        'IDEMPOTENCY_KEY_REUSED',
        'This idempotency key was used with another body or under other rights. Use a new key for new work.',
      );
    }
    response.status(stored.status);
    response.setHeader('Idempotent-Replayed', 'true');
    for (const [name, value] of Object.entries(stored.headers as Record<string, string | null>)) {
      if (value !== null) response.setHeader(name, value);
    }
    return JSON.parse(this.unseal(request, Buffer.from(stored.body)).toString()) ?? undefined;
  }

  private seal(request: Request, plain: Buffer): Uint8Array<ArrayBuffer> {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.sealingKey(request), iv);
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
    return new Uint8Array(Buffer.concat([iv, cipher.getAuthTag(), sealed]));
  }

  private unseal(request: Request, sealed: Buffer): Buffer {
    const decipher = createDecipheriv(
      'aes-256-gcm',
      this.sealingKey(request),
      sealed.subarray(0, 12),
    );
    decipher.setAuthTag(sealed.subarray(12, 28));
    return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
  }

  private sealingKey(request: Request): Buffer {
    return createHmac('sha256', Buffer.from(this.config.secrets.sessionSecret, 'base64'))
      .update(
        `idempotency\n${JSON.stringify(presentedCredential(request, this.config.sessionCookie.name))}`,
      )
      .digest();
  }
}

/** One path for all spellings that reach the same route, whatever their case, with `/v1` or a trailing slash. */
function routeOf(request: Request): string {
  return pathOf(request)
    .toLowerCase()
    .replace(/^\/api\/v1\//, '/api/')
    .replace(/\/+$/, '');
}

/**
 * Query, body and the caller's rights: what makes two requests with one key the same request.
 *
 * An answer given under rights that are gone must not be given again.
 */
function digestOf(request: Request, principal: Principal): Buffer<ArrayBuffer> {
  const { scopes, tlpMax, papMax, organizationIds, everyOrganization } = principal;
  const rights = JSON.stringify([
    [...scopes].sort(),
    tlpMax,
    papMax,
    organizationIds,
    everyOrganization,
  ]);
  const query = request.originalUrl.split('?')[1] ?? '';
  const digest = createHash('sha256')
    .update(`${query}\n${rights}\n`)
    .update(request.contentDigest ?? '')
    .digest();
  return Buffer.from(digest);
}
