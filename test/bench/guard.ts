import http from 'node:http';
import { Socket } from 'node:net';
import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import express from 'express';
import type { Express, Request, Response } from 'express';
import type { AppConfig } from '../../src/config/config.js';
import type { ChangeFeed } from '../../src/database/change-feed.js';
import type { Database } from '../../src/database/database.service.js';

/**
 * The CPU that authentication and limiting add to a request of a known key.
 *
 * The guards are those of the build, the request and response objects those of Node and Express;
 * only the database behind the credential cache is replaced. What the objects cost by themselves is
 * measured in a loop of its own and taken off. Prints one line of JSON.
 */
const WARM_UP = 60_000;
const ITERATIONS = 240_000;
/** So many that none meets its limit: an `enterprise` key may make 5 500 requests a minute. */
const KEYS = 100;

async function built(path: string): Promise<unknown> {
  return import(new URL(`../../dist/${path}`, import.meta.url).href);
}

const { AuthGuard } = (await built(
  'auth/auth.guard.js',
)) as typeof import('../../src/auth/auth.guard.js');
const { Auth } = (await built(
  'auth/auth.decorator.js',
)) as typeof import('../../src/auth/auth.decorator.js');
const { generateApiKey } = (await built(
  'auth/api-key-format.js',
)) as typeof import('../../src/auth/api-key-format.js');
const { CredentialDigester } = (await built(
  'auth/credential-digest.js',
)) as typeof import('../../src/auth/credential-digest.js');
const { CredentialService } = (await built(
  'auth/credential.service.js',
)) as typeof import('../../src/auth/credential.service.js');
const { SessionService } = (await built(
  'auth/session.service.js',
)) as typeof import('../../src/auth/session.service.js');
const { Metrics } = (await built(
  'common/metrics.js',
)) as typeof import('../../src/common/metrics.js');
const { RateLimitGuard } = (await built(
  'rate-limit/rate-limit.guard.js',
)) as typeof import('../../src/rate-limit/rate-limit.guard.js');

const config = {
  secrets: {
    apiKeyPepper: Buffer.alloc(32, 7).toString('base64'),
    sessionSecret: Buffer.alloc(32, 8).toString('base64'),
  },
  sessionCookie: { name: 'session', isSecure: false },
  authFailuresPerMinute: 60,
  legacyAuth: { enabled: true, sunset: undefined },
} as AppConfig;

/** The row of any digest asked for: an `enterprise` key of an analyst. */
const database = {
  sql: (_statement: string, [[digest]]: [[Buffer]]) =>
    Promise.resolve([
      {
        id: digest.toString('hex', 0, 16),
        kind: 'key',
        name: 'Benchmark',
        digest,
        state: 'active',
        tier: 'enterprise',
        scopes: ['alerts:read', 'alerts:write'],
        allowed_cidrs: [],
        tlp_max: 4,
        pap_max: 4,
        organization_id: '01900000-0000-7000-8000-000000000001',
        expires_at: new Date(Date.now() + 86_400_000),
        grace_until: null,
        replaced_at: null,
        owner_id: '01900000-0000-7000-8000-000000000002',
        email: 'analyst@example.org',
        full_name: 'An Analyst',
        role: 'analyst',
        owner_tlp_max: 4,
        owner_pap_max: 4,
        owner_tier_max: 'enterprise',
        owner_active: true,
        is_member: true,
      },
    ]),
} as unknown as Database;
const changes = { isConnected: () => true, onChange: () => undefined } as unknown as ChangeFeed;

class Route {
  handle(): void {
    throw new Error('Guards do not call the handler.');
  }
}
const descriptor = Object.getOwnPropertyDescriptor(Route.prototype, 'handle');
if (descriptor) Auth('alerts:read')(Route.prototype, 'handle', descriptor);
const handler = descriptor?.value as () => void;

const reflector = new Reflector();
const authGuard = new AuthGuard(
  reflector,
  new CredentialService(database, new CredentialDigester(config), changes),
  config,
  new Metrics(),
  new SessionService(database, changes, config),
);
const rateLimitGuard = new RateLimitGuard(reflector);

const app: Express = express();
app.set('trust proxy', false);
const keys = Array.from({ length: KEYS }, () => generateApiKey());
const socket = new Socket();
Object.defineProperty(socket, 'remoteAddress', { value: '127.0.0.1' });

/** The objects of a request as a small client sends it, with the prototypes that the server gives them. */
function exchange(key: string): [Request, Response] {
  const request = new http.IncomingMessage(socket);
  const headers = {
    host: 'soc.example.org',
    connection: 'keep-alive',
    authorization: `Bearer ${key}`,
    accept: 'application/json',
    'user-agent': 'intake/1.0',
  };
  request.method = 'GET';
  request.url = '/api/alerts';
  request.headers = headers;
  request.rawHeaders = Object.entries(headers).flat();
  Object.setPrototypeOf(request, app.request);
  const response = new http.ServerResponse(request);
  Object.setPrototypeOf(response, app.response);
  const expressRequest = request as Request;
  expressRequest.requestId = 'benchmark';
  response.setHeader('X-Request-Id', 'benchmark');
  return [expressRequest, response as Response];
}

async function guarded(request: Request, response: Response): Promise<void> {
  const context = new ExecutionContextHost([request, response], Route, handler);
  const isKnown = authGuard.canActivate(context);
  if (isKnown instanceof Promise) await isKnown;
  rateLimitGuard.canActivate(context);
}

/** CPU microseconds of one turn, without the objects when `guards` is false. */
async function measure(iterations: number, guards: boolean): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < iterations; index++) {
    const [request, response] = exchange(keys[index % KEYS] ?? '');
    if (guards) await guarded(request, response);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / iterations;
}

await measure(WARM_UP, true);
await measure(WARM_UP, false);
const withGuards = await measure(ITERATIONS, true);
const without = await measure(ITERATIONS, false);

const [request, response] = exchange(keys[0] ?? '');
await guarded(request, response);
const headers = response.getHeaderNames().filter((name) => name.includes('ratelimit'));
if (request.principal?.tier !== 'enterprise' || headers.length !== 5) {
  throw new Error('The guards did not authenticate and limit the request.');
}
process.stdout.write(
  `${JSON.stringify({ iterations: ITERATIONS, microseconds: withGuards - without, objects: without })}\n`,
);
