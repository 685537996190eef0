import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { apiKeyLast4, apiKeyPrefix, generateApiKey } from '../src/auth/api-key-format.js';
import { CredentialDigester, pairSecret } from '../src/auth/credential-digest.js';
import { hashPassword } from '../src/auth/passwords.js';
import { scopesOfRole } from '../src/auth/scopes.js';
import type { Role, Scope } from '../src/auth/scopes.js';
import type { Tier } from '../src/rate-limit/tiers.js';
import { testConfig } from './app.js';
import type { TestDatabase } from './database.js';

export interface PersonOptions {
  readonly role?: Role;
  readonly tlpMax?: number;
  readonly papMax?: number;
  readonly tierMax?: Tier;
  readonly status?: 'active' | 'inactive' | 'invited';
  readonly password?: string;
}

export interface KeyOptions {
  readonly scopes?: readonly Scope[];
  readonly tier?: Tier;
  readonly tlpMax?: number;
  readonly papMax?: number;
  readonly state?: 'active' | 'suspended' | 'revoked';
  readonly expiresAt?: Date | null;
  readonly allowedCidrs?: readonly string[];
}

export interface Person {
  readonly userId: string;
  readonly email: string;
  readonly role: Role;
}

export interface Key {
  readonly id: string;
  readonly key: string;
}

export interface Pair {
  readonly id: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** An organization with one person and one key of that person. */
export interface Tenant extends Person {
  readonly organizationId: string;
  readonly organizationName: string;
  readonly keyId: string;
  readonly key: string;
}

/** A short text that no other call answers. */
export function unique(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** A fresh organization with a person and a key that is not limited and holds all the role may. */
export async function createTenant(
  db: TestDatabase,
  options: PersonOptions & { readonly key?: KeyOptions } = {},
): Promise<Tenant> {
  const organizationId = uuidv7();
  const organizationName = unique('org');
  await db.rows('INSERT INTO organizations (id, name) VALUES ($1, $2)', [
    organizationId,
    organizationName,
  ]);
  const person = await addPerson(db, organizationId, options);
  const { id: keyId, key } = await addKey(db, { ...person, organizationId }, options.key);
  return { ...person, organizationId, organizationName, keyId, key };
}

/** Another person of an organization. */
export async function addPerson(
  db: TestDatabase,
  organizationId: string,
  options: PersonOptions = {},
): Promise<Person> {
  const {
    role = 'analyst',
    tlpMax = 4,
    papMax = 4,
    tierMax = 'unlimited',
    status = 'active',
    password,
  } = options;
  const userId = uuidv7();
  const email = `${unique('person')}@casebender.test`;
  await db.rows(
    `INSERT INTO users (id, email, first_name, last_name, role, status, tlp_max, pap_max, tier_max, password_hash)
     VALUES ($1, $2, 'Test', 'Person', $3, $4, $5, $6, $7, $8)`,
    [
      userId,
      email,
      role,
      status,
      tlpMax,
      papMax,
      tierMax,
      password === undefined ? null : await hashPassword(password),
    ],
  );
  await addMember(db, organizationId, userId);
  return { userId, email, role };
}

export async function addMember(
  db: TestDatabase,
  organizationId: string,
  userId: string,
): Promise<void> {
  await db.rows('INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2)', [
    organizationId,
    userId,
  ]);
}

interface KeyOwner {
  readonly userId: string;
  readonly role: Role;
  readonly organizationId: string;
}

let digester: Promise<CredentialDigester> | undefined;

/** Another key of a person. */
export async function addKey(
  db: TestDatabase,
  owner: KeyOwner,
  options: KeyOptions = {},
): Promise<Key> {
  const key = generateApiKey();
  const id = await addCredential(db, owner, options, {
    secret: key,
    accessKey: null,
    prefix: apiKeyPrefix(key),
    last4: apiKeyLast4(key),
  });
  return { id, key };
}

/** A deprecated access and secret key of a person. */
export async function addPair(
  db: TestDatabase,
  owner: KeyOwner,
  options: KeyOptions = {},
): Promise<Pair> {
  const accessKey = randomBytes(16).toString('hex');
  const secretKey = randomBytes(32).toString('hex');
  const id = await addCredential(db, owner, options, {
    secret: pairSecret(accessKey, secretKey),
    accessKey,
    prefix: accessKey.slice(0, 13),
    last4: accessKey.slice(-4),
  });
  return { id, accessKey, secretKey };
}

async function addCredential(
  db: TestDatabase,
  owner: KeyOwner,
  options: KeyOptions,
  material: {
    readonly secret: string;
    readonly accessKey: string | null;
    readonly prefix: string;
    readonly last4: string;
  },
): Promise<string> {
  const {
    scopes = scopesOfRole(owner.role),
    tier = 'unlimited',
    tlpMax = 4,
    papMax = 4,
    state = 'active',
    expiresAt = null,
    allowedCidrs = [],
  } = options;
  digester ??= testConfig().then((config) => new CredentialDigester(config));
  const { digest, pepperId } = (await digester).digest(material.secret);
  const id = uuidv7();
  await db.rows(
    `INSERT INTO credentials (id, kind, name, owner_id, organization_id, created_by_id, tier, scopes, digest, pepper_id,
       prefix, last4, access_key, tlp_max, pap_max, state, revoked_at, expires_at, allowed_cidrs)
     VALUES ($1, $2, 'Test key', $3, $4, $3, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
    [
      id,
      material.accessKey === null ? 'key' : 'pair',
      owner.userId,
      owner.organizationId,
      tier,
      scopes,
      digest,
      pepperId,
      material.prefix,
      material.last4,
      material.accessKey,
      tlpMax,
      papMax,
      state,
      state === 'revoked' ? new Date() : null,
      expiresAt,
      allowedCidrs,
    ],
  );
  return id;
}

/** Lets two organizations share records with each other, as a platform administrator would. */
export async function linkOrganizations(db: TestDatabase, a: string, b: string): Promise<void> {
  await db.rows(
    'INSERT INTO organization_links (organization_id, linked_id) VALUES ($1, $2), ($2, $1)',
    [a, b],
  );
}

export async function addTeam(db: TestDatabase, organizationId: string): Promise<Named> {
  const team = { id: uuidv7(), name: unique('team') };
  await db.rows('INSERT INTO teams (id, organization_id, name) VALUES ($1, $2, $3)', [
    team.id,
    organizationId,
    team.name,
  ]);
  return team;
}

export async function addClient(db: TestDatabase, organizationId: string): Promise<Named> {
  const client = { id: uuidv7(), name: unique('client') };
  await db.rows('INSERT INTO clients (id, organization_id, name) VALUES ($1, $2, $3)', [
    client.id,
    organizationId,
    client.name,
  ]);
  return client;
}

/** A declared key of type text, which servers may know only after a moment. */
export async function addCustomField(db: TestDatabase, organizationId: string): Promise<string> {
  const id = uuidv7();
  await db.rows(
    `INSERT INTO custom_fields (id, organization_id, key, label, type, applies_to)
     VALUES ($1, $2, $3, 'Field', 'text', '{alert}')`,
    [id, organizationId, unique('key')],
  );
  return id;
}

export async function addCaseTemplate(db: TestDatabase, organizationId: string): Promise<string> {
  const id = uuidv7();
  await db.rows(
    `INSERT INTO case_templates (id, organization_id, name, custom_fields, tasks) VALUES ($1, $2, $3, '{}', '[]')`,
    [id, organizationId, unique('template')],
  );
  return id;
}

/** A reusable SLA configuration. */
export async function addSlaConfig(
  db: TestDatabase,
  organizationId: string,
  config: object = { deadlineHours: 8, warningThresholdPercent: 50, criticalThresholdPercent: 80 },
): Promise<string> {
  const id = uuidv7();
  await db.rows(
    'INSERT INTO sla_configs (id, organization_id, name, config) VALUES ($1, $2, $3, $4)',
    [id, organizationId, unique('sla'), JSON.stringify(config)],
  );
  return id;
}

/** A technique that the organization added to ATT&CK's. */
export async function addTtp(db: TestDatabase, organizationId: string): Promise<Technique> {
  const ttp = { id: uuidv7(), techniqueId: unique('X').toUpperCase() };
  await db.rows(
    `INSERT INTO ttps (id, organization_id, technique_id, name, tactics) VALUES ($1, $2, $3, 'Ours', '{impact}')`,
    [ttp.id, organizationId, ttp.techniqueId],
  );
  return ttp;
}

interface Technique {
  readonly id: string;
  readonly techniqueId: string;
}

export async function addTag(
  db: TestDatabase,
  organizationId: string,
): Promise<{ readonly id: number; readonly name: string }> {
  return db.row('INSERT INTO tags (organization_id, name) VALUES ($1, $2) RETURNING id, name', [
    organizationId,
    unique('tag'),
  ]);
}

interface Named {
  readonly id: string;
  readonly name: string;
}

/** Many alerts or cases of one moment, with the status `new`; answers their ids. */
export async function addRecords(
  db: TestDatabase,
  table: 'alerts' | 'cases',
  tenant: Tenant,
  count: number,
  createdAt: Date,
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => uuidv7());
  await db.rows(
    `INSERT INTO ${table} (id, organization_id, title, status_id, severity, created_by_id, created_at, updated_at)
     SELECT x.id, $2, 'Record ' || x.n, s.id, 1 + x.n % 4, $3, $4, $4
     FROM unnest($1::uuid[]) WITH ORDINALITY AS x(id, n) JOIN statuses s ON s.kind = $5 AND s.value = 'new'`,
    [ids, tenant.organizationId, tenant.userId, createdAt, table === 'alerts' ? 'alert' : 'case'],
  );
  return ids;
}

/**
 * A digest of every row version in the tables that a request may change; equal before and after means
 * nothing was written.
 */
export async function fingerprint(db: TestDatabase): Promise<string> {
  const digests = WRITTEN_TABLES.map(
    (table) =>
      `(SELECT md5(string_agg(ctid::text || xmin::text, ' ' ORDER BY ctid)) FROM ${table}) AS ${table}`,
  );
  return JSON.stringify(await db.row(`SELECT ${digests.join(', ')}`));
}

const WRITTEN_TABLES = [
  'alerts',
  'alert_shares',
  'alert_tags',
  'alert_teams',
  'cases',
  'case_shares',
  'case_tags',
  'case_teams',
  'case_links',
  'observables',
  'attachments',
  'comments',
  'timeline_events',
  'tasks',
  'task_teams',
  'ttps',
  'record_ttps',
  'observable_tags',
  'observable_types',
  'tags',
  'clients',
  'custom_fields',
  'case_templates',
  'case_template_tags',
  'case_template_teams',
  'sla_configs',
  'jobs',
  'statuses',
  'activities',
  'idempotency_records',
  'users',
  'organizations',
  'organization_members',
  'organization_links',
  'teams',
  'team_members',
  'sessions',
];
