import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { apiKeyLast4, apiKeyPrefix, generateApiKey } from '../../src/auth/api-key-format.js';
import { CredentialDigester } from '../../src/auth/credential-digest.js';
import { Cursors } from '../../src/common/pagination.js';
import type { AppConfig } from '../../src/config/config.js';
import { PLATFORM_ADMIN_ID, organizationId, userId } from './fill-sql.js';
import type { Caller, Facts } from './requests.js';

const PEOPLE: Readonly<
  Record<
    Caller,
    { readonly userId: string; readonly organizationId: string; readonly scope: string }
  >
> = {
  owner: {
    userId: userId(0, 1),
    organizationId: organizationId(0),
    scope: '{alerts:read,alerts:write,cases:read,observables:read}',
  },
  guest: {
    userId: userId(1, 1),
    organizationId: organizationId(1),
    scope: '{alerts:read,alerts:write,cases:read,observables:read}',
  },
  platform: { userId: PLATFORM_ADMIN_ID, organizationId: organizationId(0), scope: '{admin:*}' },
};

const KEY_NAME = 'Benchmark';

/** A key without limits for each caller; those of earlier runs end. */
export async function createKeys(
  client: pg.Client,
  config: AppConfig,
): Promise<Record<Caller, string>> {
  const digester = new CredentialDigester(config);
  await client.query('DELETE FROM credentials WHERE name = $1', [KEY_NAME]);
  const create = async (caller: Caller) => {
    const key = generateApiKey();
    const { digest, pepperId } = digester.digest(key);
    const person = PEOPLE[caller];
    await client.query(
      `INSERT INTO credentials (id, name, owner_id, organization_id, tier, scopes, digest, pepper_id, prefix, last4)
       VALUES ($1, $2, $3, $4, 'unlimited', $5, $6, $7, $8, $9)`,
      [
        uuidv7(),
        KEY_NAME,
        person.userId,
        person.organizationId,
        person.scope,
        digest,
        pepperId,
        apiKeyPrefix(key),
        apiKeyLast4(key),
      ],
    );
    return key;
  };
  return {
    owner: await create('owner'),
    guest: await create('guest'),
    platform: await create('platform'),
  };
}

/** What the requests ask for by name. */
export async function readFacts(client: pg.Client, config: AppConfig): Promise<Facts> {
  const one = async <Row>(statement: string, values: readonly unknown[] = []) => {
    const { rows } = await client.query(statement, values as unknown[]);
    if (rows.length === 0) throw new Error(`No row: ${statement}`);
    return rows[0] as Row;
  };
  const cursors = new Cursors(config);
  const deep = async (where: string) => {
    const [first, total] = [
      `FROM alerts r WHERE ${where}`,
      `count(*) FROM alerts r WHERE ${where}`,
    ];
    const { createdAt, id } = await one<{ createdAt: string; id: string }>(
      `SELECT to_json(r.created_at)#>>'{}' AS "createdAt", r.id ${first} ORDER BY r.created_at DESC, r.id DESC
       OFFSET (SELECT ${total}) / 2 LIMIT 1`,
    );
    return cursors.encode('alerts', { sort: '-createdAt' }, [createdAt, id]);
  };
  const own = `r.organization_id = '${organizationId(0)}'`;
  const { id: alertId, newest } = await one<{ id: string; newest: Date }>(
    `SELECT id, created_at AS newest FROM alerts r WHERE ${own} AND tlp < 3 ORDER BY created_at DESC, id DESC OFFSET 100 LIMIT 1`,
  );
  const shared = `r.id IN (SELECT alert_id FROM alert_shares WHERE organization_id = '${organizationId(1)}')`;
  const { id: sharedAlertId } = await one<{ id: string }>(
    `SELECT id FROM alerts r WHERE ${shared} ORDER BY created_at DESC LIMIT 1`,
  );
  const { id: caseId } = await one<{ id: string }>(
    `SELECT case_id AS id FROM alerts r WHERE ${own} AND case_id IS NOT NULL ORDER BY created_at DESC LIMIT 1`,
  );
  const { data } = await one<{ data: string }>(
    `SELECT data FROM observables WHERE alert_id = $1 ORDER BY type_id LIMIT 1`,
    [alertId],
  );
  const { commonId } = await one<{ commonId: string }>(
    `SELECT o.id AS "commonId" FROM observables o JOIN alerts r ON r.id = o.alert_id
     WHERE ${own} AND o.normalized = '8.8.8.8' AND o.tlp < 3 ORDER BY o.created_at DESC LIMIT 1`,
  );
  const { rows: tags } = await client.query<{ id: number }>(
    "SELECT id FROM tags WHERE name IN ('vip', 'edr')",
  );
  const daysAgo = (days: number) => new Date(newest.getTime() - days * 86_400_000).toISOString();
  return {
    alertId,
    sharedAlertId,
    caseId,
    observable: data,
    commonId,
    deepCursors: {
      owner: await deep(own),
      guest: await deep(shared),
      platform: await deep('true'),
    },
    lastDay: daysAgo(1),
    firstDay: daysAgo(364),
    middle: [daysAgo(200), daysAgo(199)],
    tagIds: tags.map((tag) => tag.id),
  };
}
