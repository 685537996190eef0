import http from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { createApp } from '../app.setup.js';
import { CredentialDigester } from '../auth/credential-digest.js';
import { Metrics } from '../common/metrics.js';
import { AppConfig, parseEnvironment } from '../config/config.js';
import { loadSecrets } from '../config/secrets.js';
import { Database } from '../database/database.service.js';
import { startEmbeddedPostgres } from '../database/embedded-postgres.js';
import type { EmbeddedPostgres } from '../database/embedded-postgres.js';
import { migrate, migrationsDir } from '../database/migrate.js';
import { Drain } from '../health/drain.js';
import { banner } from './banner.js';
import { beginFirstStart } from './first-start.js';

/** How long running requests may go on after the signal to stop. */
const DRAIN_MS = 25_000;

/** Variables of later versions, and what follows from their absence: nobody should rely on them unawares. */
const UNUSED = {
  REDIS_URL: 'rate limits hold for each process by itself',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'no traces are sent',
};

/** A running server. */
export interface Instance {
  readonly url: string;
  /** Finishes running requests, writes what is buffered, and stops the embedded database last. */
  stop(): Promise<void>;
}

/** Starts everything a server needs, in order; what fails is undone. */
export async function startInstance(
  env: NodeJS.ProcessEnv,
  print: (text: string) => void,
): Promise<Instance> {
  const environment = parseEnvironment(env);
  for (const [name, meaning] of Object.entries(UNUSED)) {
    if (env[name]) print(`${name} is not used by this version: ${meaning}.`);
  }
  const secrets = loadSecrets(environment);
  const embedded =
    environment.DATABASE_URL === undefined
      ? await startEmbeddedPostgres({
          dataDir: environment.DATA_DIR,
          port: environment.EMBEDDED_PG_PORT,
          password: secrets.databasePassword,
          onNote: print,
        })
      : null;
  try {
    const databaseUrl = environment.DATABASE_URL ?? embedded?.url;
    return await serve(
      new AppConfig({ ...environment, DATABASE_URL: databaseUrl }, secrets),
      embedded,
      print,
    );
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

async function serve(
  config: AppConfig,
  embedded: EmbeddedPostgres | null,
  print: (text: string) => void,
): Promise<Instance> {
  await migrate(config.directDatabaseUrl ?? config.databaseUrl ?? '', migrationsDir, print);
  const first = await beginFirstStart(config);
  const app = await createApp(config).catch(async (error: unknown) => {
    await first?.abandon();
    throw error;
  });
  const { server, metricsServer } = await open(app, config).catch(async (error: unknown) => {
    await first?.abandon();
    await app.close();
    throw error;
  });
  await first?.commit();
  const url = urlOf(config, server);
  if (first) print(banner(config, config.hasPublicUrl ? config.publicUrl : url, first.secrets));
  const warning = await otherPepper(app);
  if (warning !== null) print(warning);

  return {
    url,
    async stop() {
      app.get(Drain).begin();
      await drain(server);
      metricsServer?.close();
      await app.close();
      await embedded?.stop();
    },
  };
}

/** What to do when no stored key can be found, as they were digested under another pepper; else null. */
export async function otherPepper(app: INestApplicationContext): Promise<string | null> {
  const { credential } = app.get(Database).prisma;
  const { pepperIds } = app.get(CredentialDigester);
  const stored = await credential.count();
  const known = await credential.count({ where: { pepperId: { in: pepperIds } } });
  if (stored === 0 || known > 0) return null;
  return (
    'API_KEY_PEPPER is not the one that the stored keys were made with: none of them works. ' +
    'Restore it (DATA_DIR/secrets.json), or set it as API_KEY_PEPPER_PREVIOUS.'
  );
}

async function open(app: NestExpressApplication, config: AppConfig) {
  await app.listen(config.port, config.host);
  const metricsServer =
    config.metricsPort === undefined ? null : await serveMetrics(app.get(Metrics), config);
  return { server: app.getHttpServer(), metricsServer };
}

function urlOf(config: AppConfig, server: Server): string {
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return `http://${host}:${port}`;
}

/** How long new connections are still taken, so that load balancers see the server as not ready. */
const NOTICE_MS = 1_000;

/** Takes no new connections after a notice, lets running requests finish, and cuts what is left after 25 s. */
async function drain(server: http.Server): Promise<void> {
  await sleep(NOTICE_MS);
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  const idle = setInterval(() => {
    server.closeIdleConnections();
  }, 100);
  await Promise.race([closed, sleep(DRAIN_MS, undefined, { ref: false })]);
  clearInterval(idle);
  server.closeAllConnections();
}

async function serveMetrics(metrics: Metrics, config: AppConfig): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metrics.registry.metrics().then(
      (text) => response.writeHead(200, { 'Content-Type': metrics.registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(config.metricsPort, config.host, resolve);
  });
  return server;
}
