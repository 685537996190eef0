import { SetMetadata, createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension, ApiSecurity } from '@nestjs/swagger';
import type { Request } from 'express';
import type { Principal } from './principal.js';
import type { Scope } from './scopes.js';
import type { KnownSession } from './session.service.js';

/** What a route asks of its caller. */
export type RouteAccess =
  | { readonly kind: 'public' }
  | { readonly kind: 'session' }
  | {
      readonly kind: 'scopes';
      readonly scopes: readonly Scope[];
      readonly match: 'all' | 'any';
      /** Whether a signed-in person needs none of them; the service then says what is the person's own. */
      readonly orSession?: boolean;
    };

export const ROUTE_ACCESS = 'route-access';

/** The security schemes of the OpenAPI document. */
export const SECURITY_SCHEMES = {
  bearer: 'apiKey',
  header: 'apiKeyHeader',
  access: 'accessKey',
  secret: 'secretKey',
  session: 'session',
};

/** The route needs a credential that holds all these scopes; none means any valid credential. */
export function Auth(...scopes: Scope[]): MethodDecorator & ClassDecorator {
  return authenticated({ kind: 'scopes', scopes, match: 'all' }, scopes);
}

/** The route needs a credential that holds at least one of these scopes. */
export function AuthAnyOf(...scopes: Scope[]): MethodDecorator & ClassDecorator {
  return authenticated({ kind: 'scopes', scopes, match: 'any' }, [`one of ${scopes.join(', ')}`]);
}

/** The route needs these scopes, or somebody who is signed in and has a share of it without them. */
export function AuthOrSession(...scopes: Scope[]): MethodDecorator & ClassDecorator {
  return authenticated({ kind: 'scopes', scopes, match: 'all', orSession: true }, scopes);
}

/** The route is about the session of the person who is signed in; no key opens it. */
export function SignedIn(): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(ROUTE_ACCESS, { kind: 'session' } satisfies RouteAccess),
    ApiSecurity(SECURITY_SCHEMES.session),
  );
}

export const BEFORE_PASSWORD_CHANGE = 'before-password-change';

/** The route also serves whoever must change the password first. */
export const BeforePasswordChange = () => SetMetadata(BEFORE_PASSWORD_CHANGE, true);

function authenticated(
  access: RouteAccess,
  shown: readonly string[],
): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(ROUTE_ACCESS, access),
    ApiBearerAuth(SECURITY_SCHEMES.bearer),
    ApiSecurity(SECURITY_SCHEMES.header),
    ApiSecurity({ [SECURITY_SCHEMES.access]: [], [SECURITY_SCHEMES.secret]: [] }),
    ApiSecurity(SECURITY_SCHEMES.session),
    ApiExtension('x-required-scopes', shown),
  );
}

/** The route needs no credential and reads none. */
export function Public(): MethodDecorator & ClassDecorator {
  return SetMetadata(ROUTE_ACCESS, { kind: 'public' } satisfies RouteAccess);
}

/** The caller, as the guards established it. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<Request>();
  if (!principal) throw new Error('A route without @Auth asked for its caller.');
  return principal;
});

/** The session of a caller who is signed in, as the guards established it. */
export const CallerSession = createParamDecorator(
  (_: unknown, context: ExecutionContext): KnownSession => {
    const { session } = context.switchToHttp().getRequest<Request>();
    if (!session) throw new Error('A route without @SignedIn asked for the session.');
    return session;
  },
);
