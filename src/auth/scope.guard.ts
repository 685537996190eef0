import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import ipaddr from 'ipaddr.js';
import { AppError } from '../common/errors.js';
import { BEFORE_PASSWORD_CHANGE, ROUTE_ACCESS } from './auth.decorator.js';
import type { RouteAccess } from './auth.decorator.js';
import type { Principal } from './principal.js';
import { hasScope } from './scopes.js';
import type { Scope } from './scopes.js';
import type { KnownSession } from './session.service.js';

/** Methods that change nothing, which need no token against forgery (RFC 9110 §9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Refuses with 403 what the credential's address list, session or scopes do not allow. Third of the guards. */
@Injectable()
export class ScopeGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const handler = context.getHandler();
    const access = this.reflector.get<RouteAccess>(ROUTE_ACCESS, handler);
    if (access.kind === 'public') return true;
    const request = context.switchToHttp().getRequest<Request>();
    const { principal, session, allowedCidrs = [] } = request;
    if (!principal) return false;
    if (session) {
      assertNotForged(session, request);
      const isOpen = this.reflector.get<boolean | undefined>(BEFORE_PASSWORD_CHANGE, handler);
      if (session.mustChangePassword && isOpen !== true) throw passwordChangeRequired();
    } else if (!isAddressAllowed(principal.ip, allowedCidrs)) {
      throw new AppError('KEY_ADDRESS_NOT_ALLOWED', 'This key may not be used from this address.');
    }
    if (access.kind === 'session') {
      if (session) return true;
      throw new AppError('SESSION_REQUIRED', 'This is for people who are signed in, not for keys.');
    }
    const { scopes, match, orSession } = access;
    if (session && orSession) return true;
    const holds = (scope: Scope) => hasScope(principal.scopes, scope);
    if (match === 'all' ? scopes.every(holds) : scopes.some(holds)) return true;
    throw insufficientScope(principal, scopes, match === 'any' ? 'one of the scopes' : undefined);
  }
}

/** Another site can make a browser send the cookie, but not read the token (OWASP CSRF Prevention). */
function assertNotForged({ csrfToken }: KnownSession, { method, headers }: Request): void {
  const sent = headers['x-csrf-token'];
  if (SAFE_METHODS.has(method) || (typeof sent === 'string' && isSameText(sent, csrfToken))) return;
  throw new AppError(
    'CSRF_TOKEN_INVALID',
    'Send the csrfToken of GET /api/auth/session in X-CSRF-Token with every change.',
  );
}

function isSameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function passwordChangeRequired(): AppError {
  return new AppError(
    'PASSWORD_CHANGE_REQUIRED',
    'Change your password first: POST /api/auth/password.',
  );
}

/** @throws AppError `INSUFFICIENT_SCOPE` where the scope depends on what the route found. */
export function assertScope(principal: Principal, scope: Scope): void {
  if (!hasScope(principal.scopes, scope)) throw insufficientScope(principal, [scope]);
}

/** 403: the caller lacks these scopes, each of which would do by itself where `wanted` says so. */
export function insufficientScope(
  { credentialKind, role }: Principal,
  scopes: readonly Scope[],
  wanted = scopes.length > 1 ? 'the scopes' : 'the scope',
): AppError {
  const holder = credentialKind === 'session' ? `The role ${role} lacks` : 'The key needs';
  return new AppError('INSUFFICIENT_SCOPE', `${holder} ${wanted} ${scopes.join(', ')}.`, {
    headers: {
      'WWW-Authenticate': `Bearer realm="casebender", error="insufficient_scope", scope="${scopes.join(' ')}"`,
    },
  });
}

/** Whether the address is in one of the networks; an empty list allows every address. */
export function isAddressAllowed(address: string, cidrs: readonly string[]): boolean {
  if (cidrs.length === 0) return true;
  if (!ipaddr.isValid(address)) return false;
  const ip = ipaddr.process(address);
  return cidrs.some((cidr) => {
    const [network, bits] = ipaddr.parseCIDR(cidr);
    return network.kind() === ip.kind() && ip.match(network, bits);
  });
}
