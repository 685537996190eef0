import { ConfigError } from '../config/config.js';
import { isConnectionLost } from '../database/database-errors.js';
import { EmbeddedPostgresError } from '../database/embedded-postgres.js';
import { MigrationError } from '../database/migrate.js';
import { StorageError } from '../storage/file-store.js';

/** A wrong configuration, as in sysexits.h. */
const EX_CONFIG = 78;

/** What a person needs to know of a start that failed: one clear line saying what, and what to do. */
export function explainFailure(
  error: unknown,
  env: NodeJS.ProcessEnv,
): { readonly text: string; readonly exitCode: number } {
  if (error instanceof ConfigError) {
    const list = error.problems.map((problem) => `  ${problem}`).join('\n');
    return {
      text: `${error.message}\n${list}\n.env.example describes every variable.`,
      exitCode: EX_CONFIG,
    };
  }
  if (
    error instanceof EmbeddedPostgresError ||
    error instanceof MigrationError ||
    error instanceof StorageError
  ) {
    return { text: error.message, exitCode: 1 };
  }
  const {
    code,
    port,
    message = String(error),
  } = error as {
    code?: unknown;
    port?: unknown;
    message?: string;
  };
  if (code === 'EADDRINUSE' || code === 'EACCES') {
    const reason =
      code === 'EACCES' ? 'may not be used by this user' : 'is in use by another program';
    const variable =
      env.METRICS_PORT && String(port) === env.METRICS_PORT ? 'METRICS_PORT' : 'PORT';
    return {
      text: `Port ${String(port)} on ${env.HOST ?? '127.0.0.1'} ${reason}. Set ${variable} to another one.`,
      exitCode: 1,
    };
  }
  if (isConnectionLost(error) || code === '28P01' || code === '3D000') {
    return {
      text: `The database cannot be reached (${message}). Check DATABASE_URL and that the server runs.`,
      exitCode: 1,
    };
  }
  return { text: error instanceof Error ? (error.stack ?? message) : message, exitCode: 1 };
}
