import { NestFactory } from '@nestjs/core';
import { VERSION_NEUTRAL, VersioningType } from '@nestjs/common';
import type { ArgumentMetadata, NestApplicationOptions, PipeTransform } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { UsageRecorder } from './api-keys/usage-recorder.js';
import { FastExpressAdapter } from './common/fast-express.adapter.js';
import { OtherBody } from './common/input.guard.js';
import { issuesToError } from './common/issues.js';
import { AppLogger, createLogs } from './common/logger.js';
import { Metrics } from './common/metrics.js';
import { logRequests } from './common/request-log.js';
import { assignRequestId } from './common/request.js';
import { securityHeaders } from './common/security-headers.js';
import { answerOptions } from './common/route-table.js';
import type { AppConfig } from './config/config.js';
import { readConsoleAssets } from './console/console-assets.js';
import { setupConsole } from './console/console.setup.js';
import { ChangeFeed } from './database/change-feed.js';
import { setupDocs } from './docs/docs.setup.js';

/** Routes that are not part of the API and not under its prefix. */
export const ROOT_ROUTES = ['health/live', 'health/ready', 'metrics'];

/** Validates every argument by its schema; the 400 names the parameter, or the path in the body. */
class SchemaPipe implements PipeTransform {
  transform(value: unknown, { schema, type, data }: ArgumentMetadata): unknown {
    if (!schema || type === 'custom' || value instanceof OtherBody) return value;
    const result = schema['~standard'].validate(value);
    if (result instanceof Promise) throw new Error('Schemas of routes are synchronous.');
    if (result.issues) throw issuesToError(result.issues, type === 'param' ? (data ?? '') : '');
    return result.value;
  }
}

/** The whole application, ready to listen; `main` and the tests share it. */
export async function createApp(config: AppConfig): Promise<NestExpressApplication> {
  const logs = createLogs(config);
  const logger = new AppLogger(logs.events);
  const options: NestApplicationOptions = { logger, bodyParser: false, abortOnError: false };
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.with(config),
    new FastExpressAdapter(),
    options,
  );
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.set('trust proxy', config.trustProxy.length > 0 ? [...config.trustProxy] : false);
  app.use(assignRequestId);
  app.use(logRequests(logs.requests, app.get(Metrics), app.get(UsageRecorder)));
  app.use(securityHeaders(config.publicUrl.startsWith('https:')));
  if (config.corsOrigins.length > 0) {
    app.enableCors({ origin: [...config.corsOrigins], exposedHeaders: EXPOSED_HEADERS });
  }
  app.use(answerOptions);
  app.setGlobalPrefix('api', { exclude: ROOT_ROUTES });
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: [VERSION_NEUTRAL, '1'] });
  app.useGlobalPipes(new SchemaPipe());
  const assets = readConsoleAssets();
  setupConsole(app, assets);
  setupDocs(app, assets);
  app.get(ChangeFeed).start();
  return app;
}

const EXPOSED_HEADERS = [
  'Deprecation',
  'ETag',
  'Idempotent-Replayed',
  'Link',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'Sunset',
  'WWW-Authenticate',
  'X-Alert-Deduplicated',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'X-Request-Id',
  'X-Total-Count',
  'X-Total-Count-Capped',
];
