import pg from 'pg';
import { insertAuditSql, toSystemAuditRow } from '../audit/audit-entry.js';
import { apiKeyLast4, apiKeyPrefix, generateApiKey } from '../auth/api-key-format.js';
import { CredentialDigester } from '../auth/credential-digest.js';
import { generatePassword, hashPassword } from '../auth/passwords.js';
import { newId } from '../common/ids.js';
import type { AppConfig } from '../config/config.js';

/** Keeps two processes from both being the first. */
const FIRST_START_LOCK = 72_707_370;

/** What the first start shows once and never again. */
export interface FirstStart {
  readonly email: string;
  readonly password: string;
  readonly apiKey: string;
}

/** A first start that is written but not yet committed. */
export interface PendingFirstStart {
  readonly secrets: FirstStart;
  commit(): Promise<void>;
  /** Leaves the database empty, so that the next start is the first. */
  abandon(): Promise<void>;
}

/**
 * Writes organization, administrator and key into an empty database; null when there are users already.
 *
 * The caller commits once the port is open: a start that fails later must not lose what is shown once.
 */
export async function beginFirstStart(config: AppConfig): Promise<PendingFirstStart | null> {
  const client = new pg.Client({ connectionString: config.databaseUrl });
  await client.connect();
  const abandon = () => client.end();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [FIRST_START_LOCK]);
    const { rowCount } = await client.query('SELECT 1 FROM users LIMIT 1');
    if (rowCount) {
      await abandon();
      return null;
    }
    const secrets = await createAdministrator(client, config);
    return { secrets, abandon, commit: () => client.query('COMMIT').then(abandon) };
  } catch (error) {
    await abandon();
    throw error;
  }
}

async function createAdministrator(client: pg.Client, config: AppConfig): Promise<FirstStart> {
  const { email } = config.admin;
  const password = config.admin.password ?? generatePassword();
  const apiKey = config.admin.apiKey ?? generateApiKey();
  const { digest, pepperId } = new CredentialDigester(config).digest(apiKey);
  const organizationId = newId();
  const userId = newId();
  const keyId = newId();
  await client.query('INSERT INTO organizations (id, name) VALUES ($1, $2)', [
    organizationId,
    'Default organization',
  ]);
  await client.query(
    `INSERT INTO users (id, email, first_name, last_name, role, tier_max, password_hash)
     VALUES ($1, $2, 'Administrator', '', 'super-admin', 'unlimited', $3)`,
    [userId, email, await hashPassword(password)],
  );
  await client.query(
    'INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2)',
    [organizationId, userId],
  );
  await client.query(
    `INSERT INTO credentials (id, name, description, owner_id, organization_id, created_by_id, tier, scopes, digest,
       pepper_id, prefix, last4)
     VALUES ($1, 'First administrator key', 'Created at the first start.', $2, $3, $2, 'unlimited', '{admin:*}', $4, $5, $6, $7)`,
    [keyId, userId, organizationId, digest, pepperId, apiKeyPrefix(apiKey), apiKeyLast4(apiKey)],
  );
  const created = [
    { action: 'instance.created', targetKind: 'organization', targetId: organizationId },
    { action: 'user.created', targetKind: 'user', targetId: userId },
    { action: 'key.created', targetKind: 'apiKey', targetId: keyId },
  ].map((event) => toSystemAuditRow({ ...event, organizationId }));
  await client.query(`WITH entries AS (${insertAuditSql('$1::jsonb')}) SELECT 1`, [
    JSON.stringify(created),
  ]);
  return { email, password, apiKey };
}
