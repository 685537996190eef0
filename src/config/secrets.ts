import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from './config.js';
import type { Environment } from './config.schema.js';
import { makeDirectory } from './directory.js';

/** The secrets of an instance; none has a default, missing ones are generated once. */
export interface Secrets {
  /** Keys the digests of credentials (base64, 32 bytes). */
  readonly apiKeyPepper: string;
  readonly apiKeyPepperPrevious: string | undefined;
  /** Keys the digests of sessions and signs cursors (base64, 32 bytes). */
  readonly sessionSecret: string;
  /** Of the embedded database's only role. */
  readonly databasePassword: string;
}

const secretsFileSchema = z.object({
  apiKeyPepper: z.string().optional(),
  sessionSecret: z.string().optional(),
  databasePassword: z.string().optional(),
});

/**
 * The instance's secrets: from the environment, else from `DATA_DIR/secrets.json` (mode 0600),
 * which receives what had to be generated.
 *
 * @throws ConfigError when the file cannot be read, written or understood.
 */
export function loadSecrets(env: Environment): Secrets {
  const path = join(env.DATA_DIR, 'secrets.json');
  const stored = readSecretsFile(path);
  const fresh = () => randomBytes(32).toString('base64');
  const kept = {
    apiKeyPepper: stored.apiKeyPepper ?? (env.API_KEY_PEPPER ? undefined : fresh()),
    sessionSecret: stored.sessionSecret ?? (env.SESSION_SECRET ? undefined : fresh()),
    databasePassword:
      stored.databasePassword ??
      (env.DATABASE_URL ? undefined : randomBytes(24).toString('base64url')),
  };
  if (!stored.databasePassword && !env.DATABASE_URL && existsSync(join(env.DATA_DIR, 'postgres'))) {
    throw new ConfigError([
      `DATA_DIR: ${path} is missing, and without it the database beside it cannot be opened; restore it from a backup`,
    ]);
  }
  if (JSON.stringify(kept) !== JSON.stringify(stored)) writeSecretsFile(env.DATA_DIR, path, kept);
  return {
    apiKeyPepper: env.API_KEY_PEPPER ?? kept.apiKeyPepper ?? '',
    apiKeyPepperPrevious: env.API_KEY_PEPPER_PREVIOUS,
    sessionSecret: env.SESSION_SECRET ?? kept.sessionSecret ?? '',
    databasePassword: kept.databasePassword ?? '',
  };
}

function readSecretsFile(path: string): z.output<typeof secretsFileSchema> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new ConfigError([`DATA_DIR: ${path} cannot be read (${messageOf(error)})`]);
  }
  try {
    return secretsFileSchema.parse(JSON.parse(text));
  } catch {
    throw new ConfigError([`DATA_DIR: ${path} is not valid; restore it from a backup`]);
  }
}

function writeSecretsFile(dataDir: string, path: string, content: object): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    makeDirectory(dataDir);
    writeFileSync(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
    chmodSync(temporary, 0o600);
    renameSync(temporary, path);
  } catch (error) {
    throw new ConfigError([`DATA_DIR: ${path} cannot be written (${messageOf(error)})`]);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
