import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { AppConfig, ConfigError, parseEnvironment } from './config.js';
import { environmentSchema } from './config.schema.js';

const example = readFileSync(resolve('.env.example'), 'utf8');
const variables = Object.keys(environmentSchema.shape);

/** The assignments of an env file, as `node --env-file` reads them. */
function assignments(text: string): [name: string, value: string][] {
  return [...text.matchAll(/^([A-Z0-9_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [
    name,
    value,
  ]);
}

function problemsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    parseEnvironment(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('.env.example', () => {
  const named = assignments(example).map(([name]) => name);

  it('names every variable once, and no other', () => {
    expect([...named].sort()).toEqual([...variables].sort());
  });

  it('explains every variable in the line above it', () => {
    const lines = example.split('\n');
    const unexplained = lines.filter(
      (line, index) => /^[A-Z]/.test(line) && !lines[index - 1]?.startsWith('# '),
    );
    expect(unexplained).toEqual([]);
  });

  it('shows the defaults: as it stands it means the same as an empty environment', () => {
    expect(parseEnvironment(Object.fromEntries(assignments(example)))).toEqual(
      parseEnvironment({}),
    );
  });
});

describe('parseEnvironment', () => {
  const key = 'cbr_live_00000000000000000000000000000000';
  const wrong: [name: string, value: string][] = [
    ['PORT', 'http'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '3000.5'],
    ['PUBLIC_URL', 'soc.example.org'],
    ['PUBLIC_URL', 'ftp://soc.example.org'],
    ['DATABASE_URL', 'mysql://localhost/casebender'],
    ['DATABASE_URL', 'localhost:5432'],
    ['DIRECT_DATABASE_URL', 'postgresql'],
    ['DATABASE_POOL_MAX', '0'],
    ['DATABASE_POOL_MAX', 'many'],
    ['EMBEDDED_PG_PORT', '0'],
    ['EMBEDDED_PG_PORT', '70000'],
    ['ADMIN_EMAIL', 'administrator'],
    ['ADMIN_PASSWORD', 'short'],
    ['ADMIN_PASSWORD', 'x'.repeat(257)],
    ['ADMIN_API_KEY', `${key}000000`],
    ['ADMIN_API_KEY', 'secret'],
    ['API_KEY_PEPPER', Buffer.alloc(31).toString('base64')],
    ['API_KEY_PEPPER_PREVIOUS', 'pepper'],
    ['SESSION_SECRET', 'changeme'],
    ['LEGACY_AUTH', 'maybe'],
    ['LEGACY_AUTH_SUNSET', 'next summer'],
    ['LEGACY_AUTH_SUNSET', '2027-02-30'],
    ['AUTH_FAILURES_PER_MINUTE', '0'],
    ['ALERT_DEDUP', 'merge'],
    ['WEB_CONCURRENCY', '4'],
    ['STORAGE', 'tape'],
    ['S3_ENDPOINT', 'store:8333'],
    ['S3_BUCKET', 'Evidence Files'],
    ['S3_REGION', 'EU (Frankfurt)'],
    ['S3_ACCESS_KEY_ID', 'two words'],
    ['S3_SECRET_ACCESS_KEY', 'two words'],
    ['S3_FORCE_PATH_STYLE', 'maybe'],
    ['TRUST_PROXY', 'proxy.internal'],
    ['TRUST_PROXY', '10.0.0.0/8,10.0.0.0/99'],
    ['CORS_ORIGINS', '*'],
    ['CORS_ORIGINS', 'https://a.example.org, b.example.org'],
    ['BODY_LIMIT', '2 parsecs'],
    ['BODY_LIMIT', '0'],
    ['UPLOAD_LIMIT', '-1MiB'],
    ['UPLOAD_FILES_MAX', '0'],
    ['CASE_FILES_LIMIT', 'plenty'],
    ['LOG_LEVEL', 'loud'],
    ['LOG_FORMAT', 'xml'],
    ['METRICS_PORT', '0'],
  ];

  it.each(wrong)('names %s when it is %s', (name, value) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${name}: \\S`));
  });

  it('checks every variable that has rules', () => {
    const free = new Set(['HOST', 'DATA_DIR']);
    const checked = new Set(wrong.map(([name]) => name));
    expect(variables.filter((name) => !checked.has(name) && !free.has(name))).toEqual([]);
  });

  it('names every wrong variable at once', () => {
    const all = Object.fromEntries(wrong);
    const named = problemsOf(all).map((problem) => problem.split(':')[0]);
    expect([...named].sort()).toEqual(Object.keys(all).sort());
  });

  it('never repeats a secret that is wrong', () => {
    const secrets = {
      ADMIN_API_KEY: `${key}111111`,
      ADMIN_PASSWORD: 'hunter2',
      SESSION_SECRET: 'hunter3',
    };
    const text = problemsOf(secrets).join('\n');
    for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
  });

  it.each(variables)('takes an empty %s as unset', (name) => {
    expect(parseEnvironment({ [name]: '' })).toEqual(parseEnvironment({}));
  });

  it.each([
    ['S3_BUCKET', { STORAGE: 's3' }],
    ['S3_BUCKET', { STORAGE: 's3', PORT: '-1' }],
    ['S3_SECRET_ACCESS_KEY', { S3_ACCESS_KEY_ID: 'id' }],
    ['S3_SECRET_ACCESS_KEY', { S3_SECRET_ACCESS_KEY: 'secret' }],
  ])('names %s where it is missing beside %j', (name, env) => {
    const named = problemsOf(env).map((problem) => problem.split(':')[0]);
    expect(named).toContain(name);
    expect(named).toHaveLength('PORT' in env ? 2 : 1);
  });

  it('ignores variables of other programs', () => {
    expect(parseEnvironment({ PATH: '/usr/bin', npm_config_cache: 'x' })).toEqual(
      parseEnvironment({}),
    );
  });

  it.each([
    ['1048576', 1_048_576],
    ['2MiB', 2_097_152],
    ['2 mib', 2_097_152],
    ['50MB', 50_000_000],
    ['1GiB', 1_073_741_824],
    ['512kb', 512_000],
    ['7b', 7],
  ])('reads the size %s as %d bytes', (text, bytes) => {
    expect(parseEnvironment({ BODY_LIMIT: text }).BODY_LIMIT).toBe(bytes);
  });

  it('reads lists, dates and addresses', () => {
    const env = parseEnvironment({
      TRUST_PROXY: '10.0.0.0/8, ::1,192.0.2.7',
      CORS_ORIGINS: 'https://a.example.org, https://b.example.org',
      LEGACY_AUTH_SUNSET: '2027-06-30',
      ADMIN_EMAIL: 'Root@Example.ORG',
    });
    expect(env.TRUST_PROXY).toEqual(['10.0.0.0/8', '::1', '192.0.2.7']);
    expect(env.CORS_ORIGINS).toEqual(['https://a.example.org', 'https://b.example.org']);
    expect(env.LEGACY_AUTH_SUNSET).toEqual(new Date('2027-06-30T00:00:00.000Z'));
    expect(env.ADMIN_EMAIL).toBe('root@example.org');
  });
});

describe('AppConfig', () => {
  const secrets = {
    apiKeyPepper: '',
    apiKeyPepperPrevious: undefined,
    sessionSecret: '',
    databasePassword: '',
  };
  const configOf = (env: NodeJS.ProcessEnv) => new AppConfig(parseEnvironment(env), secrets);

  it('derives the public address from host and port, without a slash at its end', () => {
    expect(configOf({}).publicUrl).toBe('http://127.0.0.1:3000');
    expect(configOf({ HOST: '::1', PORT: '8080' }).publicUrl).toBe('http://[::1]:8080');
    expect(configOf({ PUBLIC_URL: 'https://soc.example.org/' }).publicUrl).toBe(
      'https://soc.example.org',
    );
  });

  it('keeps files on disk, or in a bucket, named in the path where the store is not that of AWS', () => {
    expect(configOf({ S3_BUCKET: 'evidence' }).s3).toBeNull();
    const bucket = { STORAGE: 's3', S3_BUCKET: 'evidence' };
    expect(configOf(bucket).s3).toEqual({
      bucket: 'evidence',
      region: 'us-east-1',
      endpoint: undefined,
      credentials: undefined,
      forcePathStyle: false,
    });
    const store = { ...bucket, S3_ENDPOINT: 'http://store:8333' };
    expect(configOf(store).s3?.forcePathStyle).toBe(true);
    expect(configOf({ ...store, S3_FORCE_PATH_STYLE: 'off' }).s3?.forcePathStyle).toBe(false);
    const keyed = { ...store, S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' };
    expect(configOf(keyed).s3?.credentials).toEqual({
      accessKeyId: 'id',
      secretAccessKey: 'secret',
    });
  });

  it('lets bulk bodies be 16 MiB at least', () => {
    expect(configOf({}).bulkBodyBytesMax).toBe(16_777_216);
    expect(configOf({ BODY_LIMIT: '32MiB' }).bulkBodyBytesMax).toBe(33_554_432);
  });
});
