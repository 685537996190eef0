import { Injectable, Logger } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { AppError } from '../common/errors.js';
import type { ErrorCode } from '../common/error-codes.js';
import { Metrics } from '../common/metrics.js';
import { AppConfig } from '../config/config.js';
import { FailureLimiter } from '../rate-limit/memory-limit-store.js';
import { isApiKey } from './api-key-format.js';
import { ROUTE_ACCESS } from './auth.decorator.js';
import type { RouteAccess } from './auth.decorator.js';
import { pairSecret } from './credential-digest.js';
import { CredentialService } from './credential.service.js';
import type { KnownCredential } from './credential.service.js';
import { announcePairDeprecation } from './deprecation.js';
import { presentedCredential } from './credentials.js';
import type { PresentedCredential } from './credentials.js';
import { toPrincipal } from './principal.js';
import { SessionService } from './session.service.js';
import type { KnownSession } from './session.service.js';

type HeaderCredential = Exclude<PresentedCredential, { readonly kind: 'session' }>;

const DAY_MS = 86_400_000;

/** Turns the request's credential into its principal, or refuses it with 401. First of the guards. */
@Injectable()
export class AuthGuard implements CanActivate {
  private readonly logger = new Logger('Auth');
  private readonly failures: FailureLimiter;
  private readonly warnedPairs = new Map<string, number>();

  constructor(
    private readonly reflector: Reflector,
    private readonly credentials: CredentialService,
    private readonly config: AppConfig,
    private readonly metrics: Metrics,
    private readonly sessions: SessionService,
  ) {
    this.failures = new FailureLimiter({ failuresMax: config.authFailuresPerMinute });
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = this.reflector.get<RouteAccess | undefined>(ROUTE_ACCESS, context.getHandler());
    if (!access) throw new Error('A route declares neither @Auth nor @Public.');
    if (access.kind === 'public') return true;

    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const presented = presentedCredential(request, this.config.sessionCookie.name);
    if (presented.kind === 'session') {
      const session = this.sessions.find(presented.token);
      if (session instanceof Promise) return session.then((each) => this.enter(each, request));
      return this.enter(session, request);
    }
    const secret = this.secretOf(presented, request, response);
    const found = this.credentials.find(secret);
    if (found instanceof Promise) {
      return found.then((credential) => this.admit(credential, presented, request, response));
    }
    return this.admit(found, presented, request, response);
  }

  /** The secret to look up, once its form is right. */
  private secretOf(presented: HeaderCredential, request: Request, response: Response): string {
    switch (presented.kind) {
      case 'none':
        throw this.failure(
          request,
          'AUTHENTICATION_REQUIRED',
          'Send an API key (Authorization: Bearer cbr_live_…), or sign in.',
        );
      case 'key':
        if (!isApiKey(presented.key)) throw this.failure(request, ...INVALID);
        return presented.key;
      case 'pair':
        announcePairDeprecation(response, this.config.legacyAuth.sunset);
        if (!this.config.legacyAuth.enabled) {
          throw this.failure(
            request,
            'LEGACY_AUTH_DISABLED',
            'Access and secret keys are no longer accepted here. Use an API key: Authorization: Bearer cbr_live_…',
          );
        }
        return pairSecret(presented.accessKey, presented.secretKey);
    }
  }

  private admit(
    credential: KnownCredential | null,
    presented: HeaderCredential,
    request: Request,
    response: Response,
  ): boolean {
    const refusal = credential ? refusalOf(credential) : INVALID;
    if (!credential || refusal) {
      const [code, detail] = refusal ?? INVALID;
      throw this.failure(request, code, detail);
    }
    request.principal = toPrincipal(credential.grant, request.requestId, request.ip ?? '');
    request.allowedCidrs = credential.allowedCidrs;
    if (presented.kind === 'pair') this.notePairUse(credential);
    if (credential.grace) {
      response.setHeader('Deprecation', `@${Math.floor(credential.grace.sinceMs / 1000)}`);
      response.setHeader('Sunset', new Date(credential.grace.untilMs).toUTCString());
    }
    return true;
  }

  private enter(session: KnownSession | null, request: Request): boolean {
    if (!session || session.expiresAtMs <= Date.now()) {
      throw this.failure(
        request,
        'SESSION_INVALID',
        'The session is over. Sign in again: POST /api/auth/login.',
      );
    }
    request.principal = toPrincipal(session.grant, request.requestId, request.ip ?? '');
    request.session = session;
    return true;
  }

  /** A 401, or a 429 once the address has failed too often. */
  private failure(request: Request, code: ErrorCode, detail: string): AppError {
    this.metrics.authFailures.inc({ code });
    const verdict = this.failures.recordFailure(request.ip ?? '');
    if (!verdict.allowed) {
      return new AppError(
        'TOO_MANY_AUTH_FAILURES',
        `Too many failed authentications from this address. Try again in ${verdict.retryAfterSeconds} s.`,
        { headers: { 'Retry-After': String(verdict.retryAfterSeconds) } },
      );
    }
    const challenge = 'Bearer realm="casebender"';
    const sent = code !== 'AUTHENTICATION_REQUIRED';
    return new AppError(code, detail, {
      headers: { 'WWW-Authenticate': sent ? `${challenge}, error="invalid_token"` : challenge },
    });
  }

  private notePairUse({ grant }: KnownCredential): void {
    this.metrics.legacyRequests.inc();
    const today = Math.floor(Date.now() / DAY_MS);
    if (this.warnedPairs.get(grant.credentialId) === today) return;
    this.warnedPairs.set(grant.credentialId, today);
    this.logger.warn({
      message: 'deprecated access and secret key in use; replace it by an API key',
      credentialId: grant.credentialId,
      name: grant.credentialName,
    });
  }
}

type Refusal = readonly [ErrorCode, string];

const INVALID: Refusal = [
  'API_KEY_INVALID',
  'The API key is not valid. Check that it was copied whole and belongs to this server.',
];

/** Why a known credential does not work now, or null when it does. */
function refusalOf(credential: KnownCredential): Refusal | null {
  if (credential.state === 'revoked') return ['API_KEY_REVOKED', 'The API key was revoked.'];
  const now = Date.now();
  if (credential.expiresAtMs <= now || (credential.grace && credential.grace.untilMs <= now)) {
    return ['API_KEY_EXPIRED', 'The API key has expired.'];
  }
  if (credential.state === 'suspended') return ['API_KEY_SUSPENDED', 'The API key is suspended.'];
  if (!credential.isOwnerActive) {
    return ['API_KEY_SUSPENDED', 'The owner of the API key is not active in its organization.'];
  }
  return null;
}
