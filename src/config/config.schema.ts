import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { isApiKey } from '../auth/api-key-format.js';
import { newPasswordSchema } from '../auth/passwords.js';

const UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  kb: 1000,
  kib: 1024,
  mb: 1_000_000,
  mib: 1024 ** 2,
  gb: 1_000_000_000,
  gib: 1024 ** 3,
};

/** A size in bytes, written plainly (`1048576`) or with a unit (`50MiB`). */
const byteSize = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const match = /^(\d{1,12})\s*([a-z]{0,3})$/i.exec(text.trim());
      const factor = UNITS[match?.[2]?.toLowerCase() ?? '?'];
      if (!match || factor === undefined || Number(match[1]) * factor < 1) {
        context.addIssue('expected a size such as 2MiB or 1048576');
        return z.NEVER;
      }
      return Number(match[1]) * factor;
    });

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().int().min(min).max(max));

const port = integer(1, 65_535);

const postgresUrl = z.string().regex(/^postgres(ql)?:\/\/\S+$/, {
  error: 'expected postgresql://user:password@host:port/database',
});

const httpUrl = z.url({
  protocol: /^https?$/,
  error: 'expected a URL such as https://soc.example.org',
});

/** 32 bytes in base64, the size of an HMAC-SHA-256 key. */
const secret = z.string().refine((text) => Buffer.from(text, 'base64').length >= 32, {
  error: 'expected at least 32 bytes in base64, for example from: openssl rand -base64 32',
});

const word = z.string().regex(/^\S+$/, 'expected one word');

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

function isNetwork(text: string): boolean {
  return ipaddr.isValid(text) || ipaddr.isValidCIDR(text);
}

/** Rules between variables are held unless one of theirs is wrong: every problem is listed at once. */
const whenS3IsValid = ({ issues }: Pick<z.core.ParsePayload, 'issues'>) =>
  !issues.some(({ path }) => String(path?.[0]).startsWith('S3_'));

/** Every variable the server reads, with its default; spec/operations.md §2 in code. */
const variables = z.object({
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: integer(0, 65_535).default(3000),
  PUBLIC_URL: httpUrl.optional(),
  DATA_DIR: z.string().min(1).default('./data'),
  DATABASE_URL: postgresUrl.optional(),
  DIRECT_DATABASE_URL: postgresUrl.optional(),
  DATABASE_POOL_MAX: integer(1, 1000).default(10),
  EMBEDDED_PG_PORT: port.optional(),
  ADMIN_EMAIL: z.email().toLowerCase().default('admin@localhost.local'),
  ADMIN_PASSWORD: newPasswordSchema.optional(),
  ADMIN_API_KEY: z
    .string()
    .refine(isApiKey, {
      error: 'expected a well-formed cbr_live_ key (its checksum does not match)',
    })
    .optional(),
  API_KEY_PEPPER: secret.optional(),
  API_KEY_PEPPER_PREVIOUS: secret.optional(),
  SESSION_SECRET: secret.optional(),
  LEGACY_AUTH: z.enum(['on', 'off']).default('on'),
  LEGACY_AUTH_SUNSET: z
    .union([z.iso.date(), z.iso.datetime({ offset: true })], {
      error: 'expected an ISO date or instant such as 2027-06-30',
    })
    .transform((text) => new Date(text))
    .optional(),
  AUTH_FAILURES_PER_MINUTE: integer(1, 1_000_000).default(60),
  ALERT_DEDUP: z.enum(['create', 'count', 'reject']).default('create'),
  WEB_CONCURRENCY: z
    .enum(['1'], { error: 'this version runs one process: leave it unset or 1' })
    .default('1'),
  STORAGE: z.enum(['disk', 's3']).default('disk'),
  S3_ENDPOINT: httpUrl.optional(),
  S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected the name of a bucket')
    .optional(),
  S3_REGION: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'expected a region such as eu-central-1')
    .default('us-east-1'),
  S3_ACCESS_KEY_ID: word.optional(),
  S3_SECRET_ACCESS_KEY: word.optional(),
  S3_FORCE_PATH_STYLE: z.enum(['on', 'off', 'true', 'false']).optional(),
  TRUST_PROXY: list
    .refine((parts) => parts.every(isNetwork), {
      error: 'expected addresses or networks separated by commas, such as 10.0.0.0/8',
    })
    .default([]),
  CORS_ORIGINS: list
    .refine((parts) => parts.every((part) => httpUrl.safeParse(part).success), {
      error: 'expected origins separated by commas, such as https://soc.example.org',
    })
    .default([]),
  BODY_LIMIT: byteSize('2MiB'),
  UPLOAD_LIMIT: byteSize('50MiB'),
  UPLOAD_FILES_MAX: integer(1, 100).default(10),
  CASE_FILES_LIMIT: byteSize('1GiB'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  LOG_FORMAT: z.enum(['json', 'pretty']).optional(),
  METRICS_PORT: port.optional(),
});

/** The same, with the rules between them. */
export const environmentSchema = variables
  .refine((env) => env.STORAGE !== 's3' || env.S3_BUCKET !== undefined, {
    path: ['S3_BUCKET'],
    error: 'STORAGE=s3 needs the name of a bucket',
    when: whenS3IsValid,
  })
  .refine(
    (env) => (env.S3_ACCESS_KEY_ID === undefined) === (env.S3_SECRET_ACCESS_KEY === undefined),
    {
      path: ['S3_SECRET_ACCESS_KEY'],
      error: 'goes together with S3_ACCESS_KEY_ID: set both, or none',
      when: whenS3IsValid,
    },
  );

export type Environment = z.output<typeof environmentSchema>;
