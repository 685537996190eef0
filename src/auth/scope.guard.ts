import { Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import ipaddr from 'ipaddr.js';
import { AppError } from '../common/errors.js';
import { ROUTE_ACCESS } from './auth.decorator.js';
import type { RouteAccess } from './auth.decorator.js';
import type { Principal } from './principal.js';
import { hasScope } from './scopes.js';
import type { Scope } from './scopes.js';

/** Refuses with 403 what the credential's address list or scopes do not allow. Third of the guards. */
@Injectable()
export class ScopeGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const access = this.reflector.get<RouteAccess>(ROUTE_ACCESS, context.getHandler());
    if (access.kind === 'public') return true;
    const { principal, allowedCidrs = [] } = context.switchToHttp().getRequest<Request>();
    if (!principal) return false;
    if (!isAddressAllowed(principal.ip, allowedCidrs)) {
      throw new AppError('KEY_ADDRESS_NOT_ALLOWED', 'This key may not be used from this address.');
    }
    const { scopes, match } = access;
    const holds = (scope: Scope) => hasScope(principal.scopes, scope);
    if (match === 'all' ? scopes.every(holds) : scopes.some(holds)) return true;
    throw insufficientScope(scopes, match === 'any' ? 'one of the scopes' : undefined);
  }
}

/** @throws AppError `INSUFFICIENT_SCOPE` where the scope depends on what the route found. */
export function assertScope(principal: Principal, scope: Scope): void {
  if (!hasScope(principal.scopes, scope)) throw insufficientScope([scope]);
}

function insufficientScope(
  scopes: readonly Scope[],
  wanted = scopes.length > 1 ? 'the scopes' : 'the scope',
): AppError {
  return new AppError('INSUFFICIENT_SCOPE', `The key needs ${wanted} ${scopes.join(', ')}.`, {
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
