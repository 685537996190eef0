import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The administrator's key of every test database. */
export const ADMIN_API_KEY = 'cbr_live_TestAdministratorKey0000000000000MgFjC';

/** What every test application is configured with, unless it is overridden. */
export const TEST_ENVIRONMENT = {
  HOST: '127.0.0.1',
  PORT: '0',
  // A content is removed when its database no longer names it: each database has files of its own.
  DATA_DIR: join(tmpdir(), 'casebender-test-data', process.env.JEST_WORKER_ID ?? '0'),
  ADMIN_EMAIL: 'admin@casebender.test',
  ADMIN_PASSWORD: 'administrator of the tests',
  ADMIN_API_KEY,
  API_KEY_PEPPER: Buffer.alloc(32, 'pepper').toString('base64'),
  SESSION_SECRET: Buffer.alloc(32, 'session').toString('base64'),
  AUTH_FAILURES_PER_MINUTE: '1000000',
  LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
} as const satisfies NodeJS.ProcessEnv;
