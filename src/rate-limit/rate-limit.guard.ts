import { Injectable, SetMetadata } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { AppError } from '../common/errors.js';
import { MemoryLimitStore } from './memory-limit-store.js';
import { rateLimitHeaders } from './rate-limit-headers.js';
import { TIERS } from './tiers.js';

const NOT_LIMITED = 'not-limited';

/** The route counts against no limit. */
export const NotLimited = () => SetMetadata(NOT_LIMITED, true);

/** Counts the authenticated request against its tier, or refuses it with 429. Second of the guards. */
@Injectable()
export class RateLimitGuard implements CanActivate {
  private readonly store = new MemoryLimitStore();

  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const { principal } = http.getRequest<Request>();
    const limits = principal && TIERS[principal.tier];
    if (!limits || this.reflector.get<boolean | undefined>(NOT_LIMITED, context.getHandler()))
      return true;
    const decision = this.store.decide(principal.credentialId, limits);
    const response = http.getResponse<Response>();
    for (const [name, value] of rateLimitHeaders(principal.tier, decision, Date.now())) {
      response.setHeader(name, value);
    }
    if (decision.allowed) return true;
    throw new AppError(
      'RATE_LIMITED',
      `The ${principal.tier} tier allows ${limits.perMinute} requests a minute (and ${limits.burst} extra) and ${limits.perHour} an hour. Try again in ${decision.retryAfterSeconds} s.`,
      { violatedPolicies: decision.violated },
    );
  }
}
