import { resolve } from 'node:path';
import { environmentSchema } from './config.schema.js';
import type { Environment } from './config.schema.js';
import type { Secrets } from './secrets.js';

/** Wrong environment variables, each named with the rule it breaks. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly string[]) {
    super(`The environment has ${problems.length} wrong value${problems.length === 1 ? '' : 's'}.`);
  }
}

/** Bulk routes take larger bodies than others, by this factor at least (spec/operations.md §2). */
const BULK_BODY_BYTES_MIN = 16 * 1024 ** 2;

export const SESSION_COOKIE = 'casebender_session';

/** The bucket that files are kept in. */
export interface S3Config {
  readonly bucket: string;
  readonly region: string;
  /** That of the region at AWS when undefined. */
  readonly endpoint: string | undefined;
  /** Those of the machine when undefined, as AWS hands them out. */
  readonly credentials:
    { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  readonly forcePathStyle: boolean;
}

/** The whole configuration of a process: parsed once at start, injected everywhere, never changed. */
export class AppConfig {
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string;
  /** Whether `publicUrl` was set, so that it holds whatever port is listened on. */
  readonly hasPublicUrl: boolean;
  /** Behind TLS the name binds the cookie to this host and to `Secure` (RFC 6265bis §4.1.3.2). */
  readonly sessionCookie: { readonly name: string; readonly isSecure: boolean };
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly directDatabaseUrl: string | undefined;
  readonly databasePoolMax: number;
  readonly admin: {
    readonly email: string;
    readonly password: string | undefined;
    readonly apiKey: string | undefined;
  };
  readonly legacyAuth: { readonly enabled: boolean; readonly sunset: Date | undefined };
  readonly authFailuresPerMinute: number;
  readonly alertDedup: Environment['ALERT_DEDUP'];
  /** Null when files are kept on disk. */
  readonly s3: S3Config | null;
  readonly trustProxy: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly bodyBytesMax: number;
  readonly bulkBodyBytesMax: number;
  readonly uploadBytesMax: number;
  readonly uploadFilesMax: number;
  readonly caseFilesBytesMax: number;
  readonly logLevel: Environment['LOG_LEVEL'];
  readonly logFormat: 'json' | 'pretty';
  readonly metricsPort: number | undefined;

  constructor(
    env: Environment,
    readonly secrets: Secrets,
  ) {
    this.host = env.HOST;
    this.port = env.PORT;
    const host = env.HOST.includes(':') ? `[${env.HOST}]` : env.HOST;
    this.publicUrl = (env.PUBLIC_URL ?? `http://${host}:${env.PORT}`).replace(/\/+$/, '');
    this.hasPublicUrl = env.PUBLIC_URL !== undefined;
    const isSecure = this.publicUrl.startsWith('https:');
    this.sessionCookie = { name: `${isSecure ? '__Host-' : ''}${SESSION_COOKIE}`, isSecure };
    this.dataDir = resolve(env.DATA_DIR);
    this.databaseUrl = env.DATABASE_URL;
    this.directDatabaseUrl = env.DIRECT_DATABASE_URL;
    this.databasePoolMax = env.DATABASE_POOL_MAX;
    this.admin = {
      email: env.ADMIN_EMAIL,
      password: env.ADMIN_PASSWORD,
      apiKey: env.ADMIN_API_KEY,
    };
    this.legacyAuth = { enabled: env.LEGACY_AUTH === 'on', sunset: env.LEGACY_AUTH_SUNSET };
    this.authFailuresPerMinute = env.AUTH_FAILURES_PER_MINUTE;
    this.alertDedup = env.ALERT_DEDUP;
    this.s3 = env.STORAGE === 's3' ? s3ConfigOf(env) : null;
    this.trustProxy = env.TRUST_PROXY;
    this.corsOrigins = env.CORS_ORIGINS;
    this.bodyBytesMax = env.BODY_LIMIT;
    this.bulkBodyBytesMax = Math.max(env.BODY_LIMIT, BULK_BODY_BYTES_MIN);
    this.uploadBytesMax = env.UPLOAD_LIMIT;
    this.uploadFilesMax = env.UPLOAD_FILES_MAX;
    this.caseFilesBytesMax = env.CASE_FILES_LIMIT;
    this.logLevel = env.LOG_LEVEL;
    this.logFormat = env.LOG_FORMAT ?? (process.stdout.isTTY ? 'pretty' : 'json');
    this.metricsPort = env.METRICS_PORT;
  }
}

function s3ConfigOf(env: Environment): S3Config {
  const { S3_ENDPOINT: endpoint, S3_FORCE_PATH_STYLE: pathStyle } = env;
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = env;
  const isKeyed = accessKeyId !== undefined && secretAccessKey !== undefined;
  return {
    bucket: env.S3_BUCKET ?? '',
    region: env.S3_REGION,
    endpoint,
    credentials: isKeyed ? { accessKeyId, secretAccessKey } : undefined,
    // Other stores than that of AWS mostly have no host name for each bucket.
    forcePathStyle:
      pathStyle === undefined ? endpoint !== undefined : pathStyle === 'on' || pathStyle === 'true',
  };
}

/**
 * The environment, validated; an empty variable counts as unset.
 *
 * @throws ConfigError naming every wrong variable at once.
 */
export function parseEnvironment(env: NodeJS.ProcessEnv): Environment {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = environmentSchema.safeParse(given);
  if (result.success) return result.data;
  throw new ConfigError(
    result.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`),
  );
}
