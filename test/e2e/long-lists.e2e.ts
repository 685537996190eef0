import type { Alert } from '../../src/alerts/alerts.schema.js';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import {
  addPerson,
  addRecords,
  addTag,
  addTeam,
  createTenant,
  linkOrganizations,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { nextLink, readAll } from '../outcomes.js';

/** More than a list looks at before it gathers all that match (src/access/visible-list.ts). */
const OWNED = 4_500;
const SHARED = 2_500;
const HOUR_MS = 3_600_000;
const BEGIN_MS = Date.parse('2026-01-01T00:00:00Z');

let api: TestApp;
let owner: Tenant;
let guest: Tenant;
let tag: { readonly id: number; readonly name: string };
let teamId: string;
let personId: string;

const at = (hour: number) => new Date(BEGIN_MS + hour * HOUR_MS);

async function makeRare(table: string, ids: readonly string[]): Promise<void> {
  const kind = table.slice(0, -1);
  await api.db.rows(
    `UPDATE ${table} SET title = 'a haystraw ' || title, source = 'rare', type = 'rare', source_ref = 'rare', assignee_id = $2,
       pap = 3, severity = 4, updated_at = created_at + interval '1 minute' * severity,
       status_id = (SELECT id FROM statuses WHERE kind = $3 AND value = 'in-progress') WHERE id = ANY($1::uuid[])`,
    [ids, personId, kind],
  );
  await api.db.rows(`INSERT INTO ${kind}_tags (${kind}_id, tag_id) SELECT unnest($1::uuid[]), $2`, [
    ids,
    tag.id,
  ]);
  await api.db.rows(
    `INSERT INTO ${kind}_teams (${kind}_id, team_id) SELECT unnest($1::uuid[]), $2`,
    [ids, teamId],
  );
  await api.db.rows(
    `INSERT INTO record_ttps (id, ${kind}_id, ttp_id, created_by_id)
     SELECT gen_random_uuid(), id, (SELECT id FROM ttps WHERE technique_id = 'T1566.001'), $2 FROM unnest($1::uuid[]) id`,
    [ids, owner.userId],
  );
}

async function share(table: string, ids: readonly string[]): Promise<void> {
  const kind = table.slice(0, -1);
  await api.db.rows(
    `INSERT INTO ${kind}_shares (${kind}_id, organization_id, created_at, updated_at, severity, tiny_id, status_id)
     SELECT id, $2, created_at, updated_at, severity, tiny_id, status_id FROM ${table} WHERE id = ANY($1::uuid[])`,
    [ids, guest.organizationId],
  );
}

beforeAll(async () => {
  api = await startTestApp();
  owner = await createTenant(api.db);
  guest = await createTenant(api.db);
  await linkOrganizations(api.db, owner.organizationId, guest.organizationId);
  tag = await addTag(api.db, owner.organizationId);
  teamId = (await addTeam(api.db, owner.organizationId)).id;
  personId = (await addPerson(api.db, owner.organizationId)).userId;
  for (const table of ['alerts', 'cases'] as const) {
    const add = (tenant: Tenant, count: number, hour: number) =>
      addRecords(api.db, table, tenant, count, at(hour));
    const oldest = await add(owner, 3, 1);
    const middle = await add(owner, 2, 3);
    const many = [...(await add(owner, OWNED, 2)), ...(await add(owner, OWNED, 4))];
    const newest = await add(owner, 2, 5);
    const own = await add(guest, 3, 3);
    await share(table, [
      ...oldest,
      ...middle,
      ...many.slice(0, SHARED),
      ...many.slice(-SHARED),
      ...newest,
    ]);
    await makeRare(table, [...oldest, ...middle, ...newest, ...own.slice(0, 1)]);
    await api.db.rows(
      `UPDATE ${table} SET visible_to_all_organizations = true WHERE id = ANY($1::uuid[])`,
      [[oldest[0], newest[0], many[0]]],
    );
  }
});

afterAll(() => api.close());

/** Filters, and the condition on `r` that each means. */
const FILTERS: readonly (readonly [query: () => string, condition: string])[] = [
  [() => 'q=haystraw', "r.title LIKE '%haystraw%'"],
  [() => 'q=a+haystraw+record', "r.title LIKE '%haystraw%'"],
  [() => 'source=rare', "r.source = 'rare'"],
  [() => 'source=rare&source=nowhere', "r.source = 'rare'"],
  [() => 'type=rare&severityMin=4', "r.type = 'rare'"],
  [() => 'sourceRef=rare', "r.source_ref = 'rare'"],
  [() => `assigneeId=${personId}`, `r.assignee_id = '$person'`],
  [
    () => `assigneeId=${personId},none&pap=3`,
    "(r.assignee_id = '$person' OR r.assignee_id IS NULL) AND r.pap = 3",
  ],
  [
    () => 'stage=InProgress,Closed&pap=3',
    "r.pap = 3 AND r.status_id IN (SELECT id FROM statuses WHERE stage <> 'New')",
  ],
  [() => 'status=in-progress&source=rare', "r.assignee_id = '$person'"],
  [() => `tag=${tag.id}`, "r.assignee_id = '$person'"],
  [() => `tag=${tag.name.toUpperCase()}`, "r.assignee_id = '$person'"],
  [() => `teamId=${teamId}`, "r.assignee_id = '$person'"],
  [
    () => 'technique=T1566',
    `EXISTS (SELECT 1 FROM record_ttps l JOIN ttps t ON t.id = l.ttp_id
       WHERE r.id IN (l.alert_id, l.case_id) AND 'T1566' IN (t.technique_id, t.parent_technique_id))`,
  ],
  [
    () => `createdAfter=${at(3).toISOString()}&createdBefore=${at(4).toISOString()}&source=rare`,
    `r.source = 'rare' AND r.created_at = '${at(3).toISOString()}'`,
  ],
  [
    () => `createdBefore=${at(2).toISOString()}&q=haystraw`,
    `r.title LIKE '%haystraw%' AND r.created_at = '${at(1).toISOString()}'`,
  ],
];

const SORTS = [
  ['createdAt', 'r.created_at, r.id'],
  ['-createdAt', 'r.created_at DESC, r.id DESC'],
  ['updatedAt', 'r.updated_at, r.id'],
  ['-severity', 'r.severity DESC, r.id DESC'],
  ['-tinyId', 'r.tiny_id DESC'],
] as const;

const KINDS = [
  { kind: 'alert', path: '/api/alerts' },
  { kind: 'case', path: '/api/cases' },
] as const;

/** What a plain statement finds that knows nothing of indexes. */
async function idsOf(kind: string, caller: string, condition: string, order: string) {
  const organization = { owner, guest }[caller]?.organizationId;
  const visible = organization
    ? `(r.organization_id = '${organization}' OR r.visible_to_all_organizations OR EXISTS (
         SELECT 1 FROM ${kind}_shares s WHERE s.${kind}_id = r.id AND s.organization_id = '${organization}'))`
    : 'true';
  const rows = await api.db.rows<{ id: string }>(
    `SELECT r.id FROM ${kind}s r WHERE r.deleted_at IS NULL AND ${visible} AND ${condition.replace('$person', personId)} ORDER BY ${order}`,
  );
  return rows.map(({ id }) => id);
}

describe.each(KINDS)('the filters of a long list of $path', ({ kind, path }) => {
  it.each(['owner', 'guest', 'platform'])(
    'find for the %s what lies far down, each record once and in order',
    async (caller) => {
      const key = { owner: owner.key, guest: guest.key }[caller] ?? api.adminKey;
      const agent = api.http(key);
      for (const [query, condition] of FILTERS) {
        for (const [sort, order] of SORTS) {
          const meant = await idsOf(kind, caller, condition, order);
          expect(meant.length).toBeGreaterThan(0);
          for (const limit of sort === '-createdAt' ? [3, 100] : [100]) {
            const url = `${path}?sort=${sort}&limit=${limit}&${query()}`;
            const seen = (await readAll<Alert>(agent, url)).map(({ id }) => id);
            expect({ url, seen }).toEqual({ url, seen: meant });
          }
          const counted = await agent.get(`${path}?limit=1&count=true&${query()}`);
          expect(counted.headers['x-total-count']).toBe(String(meant.length));
        }
      }
    },
    60_000,
  );

  it.each(SORTS)(
    'come in order to a guest without any: %s',
    async (sort, order) => {
      const meant = await idsOf(kind, 'guest', 'true', order);
      const url = `${path}?sort=${sort}&limit=1000`;
      const seen = (await readAll<Alert>(api.http(guest.key), url)).map(({ id }) => id);
      expect(seen.length).toBeGreaterThan(2 * SHARED);
      expect(seen).toEqual(meant);
    },
    60_000,
  );
});

it.each(KINDS)('follow for a guest what changes in $path', async ({ kind, path }) => {
  const organizations = [owner.organizationId, guest.organizationId];
  const body = { title: 'Shared', statusValue: 'new', severity: 1, organizations };
  const created = await api.http(owner.key).post(path).send(body);
  expect(created.status).toBe(200);
  const { id } = created.body as { id: string };
  const change = { severity: 4, statusValue: 'in-progress' };
  expect((await api.http(owner.key).patch(`${path}/${id}`).send(change)).status).toBe(200);
  for (const query of ['sort=-updatedAt', 'status=in-progress', 'sort=-severity']) {
    const listed = await api.http(guest.key).get(`${path}?limit=1&${query}`);
    expect({ query, ids: (listed.body as { id: string }[]).map((row) => row.id) }).toEqual({
      query,
      ids: [id],
    });
  }
  const stale = await api.db.rows(
    `SELECT r.id FROM ${kind}_shares s JOIN ${kind}s r ON r.id = s.${kind}_id
     WHERE (s.created_at, s.updated_at, s.severity, s.tiny_id, s.status_id)
       IS DISTINCT FROM (r.created_at, r.updated_at, r.severity, r.tiny_id, r.status_id)`,
  );
  expect(stale).toEqual([]);
});

it('is nothing of this to a stranger', async () => {
  const stranger = await createTenant(api.db);
  for (const path of ['/api/alerts', '/api/cases'])
    for (const [query] of FILTERS) {
      const seen = await readAll<Alert>(api.http(stranger.key), `${path}?limit=100&${query()}`);
      expect(seen.every(({ visibleToAllOrganizations }) => visibleToAllOrganizations)).toBe(true);
    }
});

describe.each(KINDS)('a list of large records: $path', ({ path }) => {
  it('has fewer of them on a page, and all of them on its pages', async () => {
    const fresh = await createTenant(api.db);
    const http = api.http(fresh.key);
    const titles = Array.from({ length: 22 }, (_, index) => `Large ${index}`);
    for (const title of titles) {
      const body = { title, description: 'd '.repeat(500_000), statusValue: 'new', severity: 1 };
      expect((await http.post(path).send(body)).status).toBe(200);
    }
    const large = async (query: string) =>
      (await readAll<Alert>(http, `${path}?organizationId=${fresh.organizationId}&${query}`)).map(
        ({ title }) => title,
      );
    const first = await http.get(`${path}?limit=1000&organizationId=${fresh.organizationId}`);
    expect(first.status).toBe(200);
    expect((first.body as unknown[]).length).toBeLessThan(22);
    expect(nextLink(first)).toBeDefined();
    expect(await large('limit=1000&sort=createdAt')).toEqual(titles);
    expect(await large('limit=3&sort=-createdAt')).toEqual([...titles].reverse());
  });
});
