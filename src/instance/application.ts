import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { AppModule } from '../app.module.js';
import type { Principal } from '../auth/principal.js';
import { SCOPE_NAMES } from '../auth/scopes.js';
import { AppError } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { AppConfig } from '../config/config.js';
import type { Environment } from '../config/config.schema.js';
import { loadSecrets } from '../config/secrets.js';
import type { Secrets } from '../config/secrets.js';
import {
  findEmbeddedPostgres,
  hasEmbeddedPostgres,
  startEmbeddedPostgres,
} from '../database/embedded-postgres.js';
import { explainFailure } from './failure.js';

/** What a person at the terminal asked for, wrongly. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Runs what a person started at the terminal; what goes wrong is told on standard error, with an exit code. */
export async function runProgram(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    const isTold = error instanceof UsageError || error instanceof AppError;
    const { text, exitCode } = isTold
      ? { text: error.message, exitCode: 2 }
      : explainFailure(error, process.env);
    process.stderr.write(`${text}\n`);
    process.exitCode = exitCode;
  }
}

/**
 * Does `work` with the services of the server, on the database it is configured for, whether it runs or not.
 *
 * With `prepare` a database that is not there yet is made, and that comes before anything looks into it.
 */
export async function withApplication<T>(
  environment: Environment,
  work: (app: INestApplicationContext, config: AppConfig) => Promise<T>,
  prepare?: (config: AppConfig) => Promise<void>,
): Promise<T> {
  const secrets = loadSecrets(environment);
  const database = await openDatabase(environment, secrets, prepare !== undefined);
  const leave = leaving(database);
  try {
    const config = new AppConfig({ ...environment, DATABASE_URL: database.url }, secrets);
    await prepare?.(config);
    const app = await NestFactory.createApplicationContext(AppModule.with(config), {
      logger: false,
      abortOnError: false,
    });
    try {
      return await work(app, config);
    } finally {
      await app.close();
    }
  } finally {
    leave.abort();
    await database.close();
  }
}

/** Ends the program on a signal, with the database that it started; what was not committed is undone by that. */
function leaving(database: OpenDatabase): AbortController {
  const ended = new AbortController();
  const signals = { SIGINT: 130, SIGTERM: 143 } as const;
  for (const [signal, exitCode] of Object.entries(signals)) {
    const stop = () => {
      process.stderr.write('\nStopping: what was not finished is undone.\n');
      void database.close().finally(() => process.exit(exitCode));
    };
    process.once(signal, stop);
    ended.signal.addEventListener('abort', () => process.off(signal, stop));
  }
  return ended;
}

interface OpenDatabase {
  readonly url: string;
  close(): Promise<void>;
}

/** The configured database; the embedded one is joined where it runs, and else started for the while. */
async function openDatabase(
  environment: Environment,
  secrets: Secrets,
  mayBeNew: boolean,
): Promise<OpenDatabase> {
  if (environment.DATABASE_URL !== undefined)
    return { url: environment.DATABASE_URL, close: () => Promise.resolve() };
  const options = {
    dataDir: environment.DATA_DIR,
    port: environment.EMBEDDED_PG_PORT,
    password: secrets.databasePassword,
  };
  const isNew = mayBeNew && !(await hasEmbeddedPostgres(environment.DATA_DIR));
  const running = isNew ? null : await findEmbeddedPostgres(options);
  if (running !== null) return { url: running, close: () => Promise.resolve() };
  const embedded = await startEmbeddedPostgres(options);
  return { url: embedded.url, close: () => embedded.stop() };
}

/** Whoever may read the secrets of the server may do all; what is done is done for the person. */
export function atTerminal(person: { readonly id: string; readonly email: string }): Principal {
  return {
    credentialId: newId(),
    credentialKind: 'terminal',
    credentialName: 'terminal',
    userId: person.id,
    userEmail: person.email,
    userName: 'terminal',
    role: 'super-admin',
    scopes: new Set(SCOPE_NAMES),
    tier: 'unlimited',
    tierMax: 'unlimited',
    tlpMax: 4,
    papMax: 4,
    organizationId: '',
    organizationIds: [],
    everyOrganization: true,
    requestId: 'terminal',
    ip: '',
    transaction: null,
  };
}
