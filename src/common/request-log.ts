import type { NextFunction, Request, Response } from 'express';
import type { Logger as Pino } from 'pino';
import type { UsageRecorder } from '../api-keys/usage-recorder.js';
import type { Metrics } from './metrics.js';
import { pathOf } from './request.js';

/** One log line a request, its duration for the metrics and its outcome for the key's usage. Never a body. */
export function logRequests(logger: Pino, metrics: Metrics, usage: UsageRecorder) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const startedAtMs = performance.now();
    response.once('close', () => {
      const durationMs = performance.now() - startedAtMs;
      const status = response.writableFinished ? response.statusCode : 499;
      const { principal, method } = request;
      const route = (request.route as { path?: unknown } | undefined)?.path;
      metrics.requests.observe(
        { method, route: typeof route === 'string' ? route : 'none', status },
        durationMs / 1000,
      );
      if (principal && principal.credentialKind !== 'session')
        usage.record(principal.credentialId, principal.ip, status);
      const path = pathOf(request);
      // Probes come every few seconds, from every balancer; only their failures are news.
      const level = path.startsWith('/health/') && status < 400 ? 'debug' : 'info';
      logger[level]({
        message: 'request',
        requestId: request.requestId,
        method,
        path,
        status,
        ms: Math.round(durationMs * 10) / 10,
        ip: request.ip,
        credentialId: principal?.credentialId,
      });
    });
    next();
  };
}
