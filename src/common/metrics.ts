import { Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** What the process measures of itself, in Prometheus' terms; labels never hold ids or secrets. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly requests = new Histogram({
    name: 'casebender_http_request_seconds',
    help: 'Duration of HTTP requests by route, method and status.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });

  readonly authFailures = new Counter({
    name: 'casebender_auth_failures_total',
    help: 'Requests refused with 401 (or 429 for too many of them), by error code.',
    labelNames: ['code'] as const,
    registers: [this.registry],
  });

  readonly legacyRequests = new Counter({
    name: 'casebender_legacy_auth_requests_total',
    help: 'Requests authenticated by a deprecated access and secret key.',
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry, prefix: 'casebender_' });
  }
}
