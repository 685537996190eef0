import pg from 'pg';
import { z } from 'zod';
import { SqlParams } from '../../src/database/sql.js';
import { mayHaveOne } from '../../src/observables/value-text.js';
import { observableSchema } from '../../src/records/answer.schema.js';
import type { Observable } from '../../src/records/answer.schema.js';
import {
  observableSearchAnswer,
  sightingSchema,
} from '../../src/observables/observables.schema.js';
import type { ObservableSearchAnswer, Sighting } from '../../src/observables/observables.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, addTag, createTenant, linkOrganizations, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches } from '../matchers.js';
import { MISSING_ID, outcomesOf, readAll } from '../outcomes.js';
import { brief } from '../record-fields.js';

let api: TestApp;
let tenant: Tenant;
/** Linked with the tenant. */
let guest: Tenant;
let stranger: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  guest = await createTenant(api.db);
  stranger = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));

type Kind = 'alert' | 'case';

async function record(kind: Kind, body: object = {}, agent = http): Promise<string> {
  const response = await agent
    .post(`/api/${kind}s`)
    .send({ title: 'Record', statusValue: 'new', severity: 2, ...body });
  expect(response.status).toBe(200);
  return (response.body as { id: string }).id;
}

async function add(kind: Kind, id: string, body: object, agent = http): Promise<Observable> {
  const response = await agent
    .post(`/api/${kind}s/${id}/observables`)
    .send({ dataType: 'other', data: unique('value'), ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return response.body as Observable;
}

const idsOf = async (query: Record<string, string>, agent = http): Promise<string[]> => {
  const parameters = new URLSearchParams({ ...query, sort: 'createdAt' }).toString();
  return (await readAll<Observable>(agent, `/api/observables?${parameters}`)).map(({ id }) => id);
};

async function search(body: object, agent = http): Promise<ObservableSearchAnswer> {
  const response = await agent.post('/api/observables/search').send(body);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(observableSearchAnswer, response.body);
}

describe('the filters of GET /observables', () => {
  let agent: Agent;
  let fresh: Tenant;
  let alertId: string;
  let caseId: string;
  let ip: Observable;
  let domain: Observable;
  let url: Observable;
  let other: Observable;

  beforeAll(async () => {
    fresh = await createTenant(api.db);
    agent = api.http(fresh.key);
    alertId = await record('alert', {}, agent);
    caseId = await record('case', {}, agent);
    ip = await add(
      'alert',
      alertId,
      { dataType: 'ip', data: '10.9.8.7', ioc: true, tlp: 0 },
      agent,
    );
    domain = await add(
      'alert',
      alertId,
      { dataType: 'domain', data: 'C2[.]Evil-Corp.example', sighted: true, tags: ['Beacon'] },
      agent,
    );
    url = await add(
      'case',
      caseId,
      {
        dataType: 'url',
        data: 'https://c2.evil-corp.example/a%b_c',
        tlp: 4,
        ioc: true,
        sighted: true,
      },
      agent,
    );
    other = await add('case', caseId, { tags: ['beacon', 'c2, old'] }, agent);
  });

  const every = () => [ip, domain, url, other];
  const cases: readonly (readonly [
    query: Record<string, string>,
    found: () => readonly Observable[],
  ])[] = [
    [{ dataType: 'ip' }, () => [ip]],
    [{ dataType: 'IP,url' }, () => [ip, url]],
    [{ dataType: 'no such' }, () => []],
    [{ ioc: 'true' }, () => [ip, url]],
    [{ ioc: 'false' }, () => [domain, other]],
    [{ sighted: 'true' }, () => [domain, url]],
    [{ sighted: 'false' }, () => [ip, other]],
    [{ ioc: 'true', sighted: 'true' }, () => [url]],
    [{ ioc: 'true', dataType: 'ip' }, () => [ip]],
    [{ tlp: '4' }, () => [url]],
    [{ tlp: '0,4' }, () => [ip, url]],
    [{ tag: 'BEACON' }, () => [domain, other]],
    [{ tag: 'c2, old' }, () => [other]],
    [{ tag: 'no such' }, () => []],
    [{ tag: '2000000000' }, () => []],
    [{ data: 'c2.evil-corp.example' }, () => [domain]],
    [{ data: '10.9.8.7', dataType: 'ip' }, () => [ip]],
    [{ data: '10.9.8.7', ioc: 'false' }, () => []],
    [{ contains: 'EVIL-corp' }, () => [domain, url]],
    [{ contains: 'c2[.]evil' }, () => [domain, url]],
    [{ contains: 'hxxps://c2' }, () => [url]],
    [{ contains: 'a%b_c' }, () => [url]],
    [{ contains: 'a_b_c' }, () => []],
    [{ contains: '%%%' }, () => []],
    [{ contains: 'evil', dataType: 'domain' }, () => [domain]],
    [{ contains: 'no such text' }, () => []],
  ];

  it.each(cases.map(([query, found]) => ({ query, found, name: brief(query) })))(
    'finds what $name means',
    async ({ query, found }) => {
      const wanted = found().map(({ id }) => id);
      expect(await idsOf(query, agent)).toEqual(wanted);
      const counted = await agent.get('/api/observables').query({ ...query, count: 'true' });
      expect(counted.headers['x-total-count']).toBe(String(wanted.length));
      expectMatches(z.array(observableSchema), counted.body);
    },
  );

  it('finds by parent, by the id of a tag, and from an instant on', async () => {
    expect(await idsOf({ alertId }, agent)).toEqual([ip.id, domain.id]);
    expect(await idsOf({ caseId, ioc: 'true' }, agent)).toEqual([url.id]);
    expect(await idsOf({ caseId, data: url.data }, agent)).toEqual([url.id]);
    expect(await idsOf({ tag: String(domain.tags[0]?.id) }, agent)).toEqual([domain.id, other.id]);
    expect(await idsOf({ createdAfter: '2020-01-01T00:00:00Z' }, agent)).toHaveLength(4);
    expect(await idsOf({ createdAfter: url.createdAt }, agent)).toEqual(
      every()
        .filter(({ createdAt }) => createdAt >= url.createdAt)
        .map(({ id }) => id),
    );
    expect(await idsOf({ createdAfter: '2999-01-01T00:00:00Z' }, agent)).toEqual([]);
  });

  it('keeps the value of a file found by its name', async () => {
    const path = unique('C:\\Users\\x\\invoice');
    const file = await add('alert', alertId, { dataType: 'file', data: path }, agent);
    expect(await idsOf({ contains: path.slice(3).toUpperCase() }, agent)).toEqual([file.id]);
    expect((await agent.delete(`/api/observables/${file.id}`)).status).toBe(204);
  });

  it('shows what POST /observables/search finds, with several values each and with words', async () => {
    const found = async (body: object) =>
      (await search({ ...body, sort: 'createdAt' }, agent)).items.map(({ id }) => id);
    expect(await found({})).toEqual(every().map(({ id }) => id));
    expect(await found({ alertId: [alertId], caseId: [caseId] })).toHaveLength(4);
    expect(await found({ alertId, ioc: true })).toEqual([ip.id]);
    expect(await found({ data: ['10.9.8.7', 'C2.evil-corp.example'] })).toEqual([ip.id, domain.id]);
    expect(await found({ contains: ['10.9', '/a%b'] })).toEqual([ip.id, url.id]);
    expect(await found({ q: 'corp c2.' })).toEqual([domain.id, url.id]);
    expect(await found({ q: 'corp nothing' })).toEqual([]);
    expect(await found({ tag: ['beacon'], tlp: [2, 3], dataType: ['domain', 'url'] })).toEqual([
      domain.id,
    ]);
    const page = await search({ limit: 3, count: true }, agent);
    expect(page).toMatchObject({ total: 4, totalCapped: false });
    const next = await search({ limit: 3, cursor: page.nextCursor }, agent);
    expect([...page.items, ...next.items].map(({ id }) => id)).toEqual(
      every()
        .map(({ id }) => id)
        .reverse(),
    );
    expect(next.nextCursor).toBeNull();
  });

  it.each([
    ['ioc=yes', 'ioc'],
    ['tlp=5', 'tlp[0]'],
    ['contains=ab', 'contains'],
    ['contains=', 'contains'],
    ['createdAfter=yesterday', 'createdAfter'],
    ['data=', 'data'],
    ['q=word', 'q'],
    [`alertId=${MISSING_ID}&caseId=${MISSING_ID}`, 'caseId'],
  ])('answers 400 to ?%s', async (query, path) => {
    const { errors } = expectNamed(await http.get(`/api/observables?${query}`));
    expect(errors?.map((error) => error.path.split('[')[0])).toContain(path.split('[')[0]);
  });

  it.each([
    [{ q: 'ab' }, 'q'],
    [{ q: '' }, 'q'],
    [{ contains: 'ab' }, 'contains'],
    [{ nonsense: 1 }, 'nonsense'],
    [{ limit: 1001 }, 'limit'],
  ] as const)('answers 400 to a search for %j', async (body, path) => {
    const { errors } = expectNamed(await http.post('/api/observables/search').send(body));
    expect(errors?.[0]?.path.split('[')[0]).toBe(path);
  });
});

/** A 400 that names what is wrong. */
function expectNamed(response: Parameters<typeof expectInvalid>[0]) {
  const paths = ((response.body as { errors?: { path: string }[] }).errors ?? []).map(
    ({ path }) => path,
  );
  return expectInvalid(response, [...new Set(paths)]);
}

describe('what a guest finds', () => {
  it('is what is shared with it or shown to all, in one order with its own, by any filter', async () => {
    const [marker, tag] = [unique('marker'), unique('tag')];
    const body = { data: marker, ioc: true, sighted: true, tags: [tag] };
    const own = api.http(guest.key);
    const organizations = [tenant.organizationId, guest.organizationId];
    const first = await add('case', await record('case', {}, own), body, own);
    const shared = await add('alert', await record('alert', { organizations }), body);
    const shown = await add(
      'case',
      await record('case', { visibleToAllOrganizations: true }),
      body,
    );
    const last = await add('alert', await record('alert', {}, own), body, own);
    await add('alert', await record('alert'), body);
    await add('alert', await record('alert', { organizations, tlp: 4 }), body);
    await add('alert', await record('alert', { organizations }), { ...body, tlp: 4 });
    const low = api.http((await addKey(api.db, guest, { tlpMax: 2 })).key);
    const wanted = [first.id, shared.id, shown.id, last.id];
    for (const query of [
      { data: marker },
      { contains: marker.slice(2) },
      { tag },
      { contains: marker, ioc: 'true' },
      { contains: marker, sighted: 'true' },
      { contains: marker, dataType: 'other' },
    ]) {
      expect(await idsOf({ ...query, limit: '1' }, low)).toEqual(wanted);
      const counted = await low.get('/api/observables').query({ ...query, count: 'true' });
      expect(counted.headers['x-total-count']).toBe('4');
    }
    const strangers = api.http(stranger.key);
    expect(await idsOf({ data: marker }, strangers)).toEqual([shown.id]);
    expect(await idsOf({ tag }, strangers)).toEqual([shown.id]);
    const every = await idsOf({ data: marker }, api.http(api.adminKey));
    expect(every).toHaveLength(7);
    // What all may see would be in the lists of other tests.
    expect((await http.delete(`/api/cases/${shown.caseId ?? ''}`)).status).toBe(204);
  });

  it('is the same when more is shared with it than is read at once', async () => {
    const [owner, reader] = [await createTenant(api.db), await createTenant(api.db)];
    await linkOrganizations(api.db, owner.organizationId, reader.organizationId);
    const by = api.http(owner.key);
    const organizations = [owner.organizationId, reader.organizationId];
    const marker = unique('marker');
    const alerts = Array.from({ length: 1000 }, (_, index) => ({
      title: `Shared ${index}`,
      statusValue: 'new',
      severity: 1,
      organizations,
      observables: [
        { dataType: 'other', data: `${marker} ${index}` },
        ...(index % 300 === 0 ? [{ dataType: 'other', data: marker }] : []),
      ],
    }));
    for (const part of [alerts, alerts.slice(0, 1)]) {
      const response = await by.post('/api/alerts/bulk').send({ alerts: part });
      expect(response.body).toMatchObject({ failedCount: 0 });
    }
    const seen = api.http(reader.key);
    const listed = await readAll<Observable>(seen, '/api/observables?limit=400');
    const all = listed.filter((each) => each.data.startsWith(marker));
    expect(all).toHaveLength(1006);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1006);
    expect(await idsOf({ data: marker }, seen)).toHaveLength(5);
    expect(await idsOf({ contains: `${marker} 77` }, seen)).toHaveLength(11);
  });
});

describe('parts of values', () => {
  let owner: Tenant;
  let reader: Tenant;
  const values = [
    'https://Evil-Site.example/Stage_2?id=7%20x&y=1',
    'evil-site.example',
    'ops@evil-site.example',
    'HKLM\\Software\\Run_Once\\Üpdater',
    '10.11.0.77',
    '10.11.177.1',
    'Ποσειδών ΣΟΦΟΣ',
    'rundll32 !!! ***',
    'a'.repeat(180) + '.tail',
  ];
  const parts = [
    ...values,
    'evil-site',
    'EVIL-SITE.EX',
    'L-SITE.EXAMPLE/STAGE_2',
    '_2?',
    '7%20',
    '&y=',
    's@e',
    '\\run_once\\ü',
    '.77',
    '.177.',
    '77.',
    'σοφο',
    'ΔΏΝ ΣΟ',
    '!!!',
    '2 !',
    'aaa.tail',
    '---',
    '...',
    'evil_site',
    'nowhere at all',
    'hxxps://evil-site[.]example/st',
  ];

  beforeAll(async () => {
    owner = await createTenant(api.db);
    reader = await createTenant(api.db);
    await linkOrganizations(api.db, owner.organizationId, reader.organizationId);
  });

  const write = async (count: number, valueOf: (place: number) => string, shared: boolean) => {
    const organizations = [owner.organizationId, ...(shared ? [reader.organizationId] : [])];
    const observables = Array.from({ length: count }, (_, place) => ({
      dataType: 'other',
      data: valueOf(place),
    }));
    const by = api.http(owner.key);
    return record('alert', { organizations, observables }, by);
  };

  const partOf = (value: string, part: string) => value.toLowerCase().includes(part.toLowerCase());

  const expectFound = async (sought: readonly string[], limit: number) => {
    const of = async (tenant: Tenant) =>
      readAll<Observable>(api.http(tenant.key), '/api/observables?sort=createdAt&limit=400');
    for (const tenant of [owner, reader]) {
      const all = await of(tenant);
      for (const part of sought) {
        const texts = [part, part.replace('hxxps', 'https').replaceAll('[.]', '.')];
        const wanted = all.filter(({ data }) => texts.some((text) => partOf(data, text)));
        const by = api.http(tenant.key);
        expect({ part, ids: await idsOf({ contains: part, limit: String(limit) }, by) }).toEqual({
          part,
          ids: wanted.map(({ id }) => id),
        });
        const counted = await by.get('/api/observables').query({ contains: part, count: 'true' });
        expect(counted.headers['x-total-count']).toBe(String(wanted.length));
      }
    }
    const platform = api.http(api.adminKey);
    const theirs = (await of(owner)).filter(({ data }) => partOf(data, 'evil-site'));
    const found = await idsOf({ contains: 'evil-site', limit: '200' }, platform);
    expect(found).toEqual(expect.arrayContaining(theirs.map(({ id }) => id)));
  };

  it('are found among the newest', async () => {
    await write(values.length, (place) => values[place] ?? '', true);
    await write(values.length, (place) => `${values[place] ?? ''} again`, false);
    await expectFound(parts, 3);
  });

  it('are found among many others that are newer', async () => {
    const marker = unique('newer');
    for (const round of [1, 2])
      await write(600, (place) => `${marker} ${round} ${place}`, round === 2);
    await expectFound(parts, 3);
    const filters = { contains: 'evil-site', dataType: 'other', ioc: 'false' };
    expect(await idsOf({ ...filters, data: values[1] ?? '' }, api.http(owner.key))).toHaveLength(1);
    expect(await idsOf({ ...filters, sighted: 'true' }, api.http(owner.key))).toEqual([]);
    const asked = { contains: ['evil-site', '.77'], q: 'site.ex stage_2', limit: 1 };
    const answer = await search(asked, api.http(reader.key));
    expect(answer.items.map(({ data }) => data)).toEqual([values[0]]);
  });

  it('are found where many have them, and some', async () => {
    const marks = (place: number) =>
      [100, 400].filter((every) => place % every === 0).map((every) => `each/${every}th`);
    for (let round = 0; round < 5; round++)
      await write(1000, (place) => [unique('many'), ...marks(place)].join(' '), round % 2 === 0);
    await expectFound(['each/100th', 'each/400th', '/400', 'many'], 100);
  });

  it('are what the index holds', async () => {
    const params = new SqlParams();
    const condition = mayHaveOne(['evil-site'], params);
    const client = new pg.Client(api.db.url);
    await client.connect();
    try {
      await client.query('SET enable_seqscan = off');
      const { rows } = await client.query(
        `EXPLAIN SELECT FROM observables o WHERE o.deleted_at IS NULL AND ${condition}`,
        params.values,
      );
      expect(JSON.stringify(rows)).toContain('Bitmap Index Scan on observables_text_idx');
    } finally {
      await client.end();
    }
  });
});

describe('GET /observables/:id/sightings', () => {
  const path = (id: string) => `/api/observables/${id}/sightings`;

  async function sightingsOf(id: string, agent = http, query = ''): Promise<Sighting[]> {
    return expectMatches(
      z.array(sightingSchema),
      await readAll<Sighting>(agent, `${path(id)}?sort=createdAt${query}`),
    );
  }

  it('lists each alert and case that holds the value, whatever its spelling and type, once', async () => {
    const host = `${unique('seen')}.example`;
    const alertId = await record('alert', { title: 'First' });
    const first = await add('alert', alertId, { dataType: 'domain', data: host.toUpperCase() });
    await add('alert', alertId, { dataType: 'hostname', data: host });
    const caseId = await record('case', { title: 'Second' });
    const second = await add('case', caseId, {
      dataType: 'fqdn',
      data: host.replace('.', '[.]'),
    });
    await add('case', caseId, { dataType: 'domain', data: `other.${host}` });
    const alert = (await http.get(`/api/alerts/${alertId}`)).body as { tinyId: number };
    const found = await sightingsOf(second.id);
    expect(found).toEqual([
      {
        kind: 'alert',
        id: alertId,
        tinyId: alert.tinyId,
        title: 'First',
        statusValue: 'new',
        observableId: first.id,
        createdAt: first.createdAt,
      },
      expect.objectContaining({ kind: 'case', id: caseId, observableId: second.id }),
    ]);
    expect(await sightingsOf(first.id, http, '&limit=1')).toEqual(found);
    const counted = await http.get(`${path(first.id)}?count=true&limit=1`);
    expect(counted.headers['x-total-count']).toBe('2');
    expect((counted.body as Sighting[])[0]).toEqual(found[1]);
  });

  it('shows the guest what it may see, and nothing above the clearance or of deleted records', async () => {
    const data = unique('value');
    const organizations = [tenant.organizationId, guest.organizationId];
    const shared = await record('alert', { organizations });
    const seen = await add('alert', shared, { data });
    await add('alert', await record('alert'), { data });
    const deleted = await record('case');
    await add('case', deleted, { data });
    await http.delete(`/api/cases/${deleted}`);
    await add('case', await record('case'), { data, tlp: 4 });
    await add('case', await record('case', { pap: 3 }), { data, pap: 0 });
    const ids = async (agent: Agent) => (await sightingsOf(seen.id, agent)).map(({ id }) => id);
    expect(await ids(http)).toHaveLength(4);
    expect(await ids(api.http(guest.key))).toEqual([shared]);
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2, papMax: 2 })).key);
    expect(await ids(low)).toHaveLength(2);
  });

  it('still lists a record by its other type when the first is above the clearance', async () => {
    const data = `${unique('both')}.example`;
    const alertId = await record('alert');
    await add('alert', alertId, { dataType: 'domain', data, tlp: 4 });
    const open = await add('alert', alertId, { dataType: 'fqdn', data });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expect((await sightingsOf(open.id, low)).map(({ observableId }) => observableId)).toEqual([
      open.id,
    ]);
  });

  it('answers 400 to a cursor of another value', async () => {
    const [a, b] = [unique('a'), unique('b')];
    const observables: Observable[] = [];
    for (const data of [a, a, b])
      observables.push(await add('alert', await record('alert'), { data }));
    const [first, , other] = observables;
    const response = await http.get(`${path(first?.id ?? '')}?limit=1`);
    const cursor = /cursor=([^&>]+)/.exec(response.headers.link ?? '')?.[1] ?? '';
    expect(cursor).not.toBe('');
    const elsewhere = await http.get(`${path(other?.id ?? '')}?limit=1&cursor=${cursor}`);
    expectInvalid(elsewhere, ['cursor'], 'INVALID_CURSOR');
  });

  const probe = { method: 'get' as const, path: () => path(MISSING_ID) };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:read', ['alerts:read', 'cases:read']);
  outcomes.notFound('get', path, 'OBSERVABLE_NOT_FOUND', async () => {
    const gone = await add('alert', await record('alert'), {});
    await http.delete(`/api/observables/${gone.id}`);
    const agent = api.http(stranger.key);
    const foreign = await add('alert', await record('alert', {}, agent), {}, agent);
    return [gone.id, foreign.id];
  });
});

describe('tags of observables', () => {
  it('are found or created in the tenant, and shown', async () => {
    const known = await addTag(api.db, tenant.organizationId);
    const name = unique('new');
    const observable = await add('alert', await record('alert'), {
      tags: [known.id, { name }, name.toUpperCase(), { id: known.id }],
    });
    expect(observable.tags.map((tag) => tag.name).sort()).toEqual([known.name, name].sort());
    const again = await add('case', await record('case'), { tags: [name.toUpperCase()] });
    expect(again.tags).toEqual(observable.tags.filter((tag) => tag.name === name));
  });

  it('belong to the tenant that owns the record, whoever gives them', async () => {
    const organizations = [tenant.organizationId, guest.organizationId];
    const name = unique('guest');
    const agent = api.http(guest.key);
    const { tags } = await add(
      'alert',
      await record('alert', { organizations }),
      { tags: [name] },
      agent,
    );
    const row = await api.db.row('SELECT organization_id::text AS owner FROM tags WHERE id = $1', [
      tags[0]?.id,
    ]);
    expect(row.owner).toBe(tenant.organizationId);
  });

  it('of another tenant answer 400, naming the path', async () => {
    const foreign = await addTag(api.db, stranger.organizationId);
    for (const id of [foreign.id, 2_000_000_000]) {
      const response = await http
        .post(`/api/alerts/${await record('alert')}/observables`)
        .send({ dataType: 'ip', data: '10.0.0.1', tags: ['x', id] });
      expectInvalid(response, ['tags[1]'], 'REFERENCE_NOT_FOUND');
    }
  });

  it('go with their observables into the case, united', async () => {
    const data = unique('value');
    const [one, two] = [await record('alert'), await record('alert')];
    await add('alert', one, { data, tags: ['first'] });
    await add('alert', two, { data, tags: ['second'] });
    const response = await http
      .post('/api/alerts/create-case')
      .send({ title: 'Both', statusValue: 'new', severity: 2, alertIds: [one, two] });
    const { caseId } = response.body as { caseId: string };
    const [united] = (await http.get(`/api/cases/${caseId}/observables`)).body as Observable[];
    expect(united?.tags.map(({ name }) => name)).toEqual(['first', 'second']);
  });

  it('that are deleted leave observables and move the versions of both', async () => {
    const admin = api.http(api.adminKey);
    const alertId = await record('alert');
    const observable = await add('alert', alertId, { tags: [unique('gone')] });
    const before = (await http.get(`/api/alerts/${alertId}`)).body as { version: number };
    expect((await admin.delete(`/api/tags/${observable.tags[0]?.id ?? 0}`)).status).toBe(204);
    const read = (await http.get(`/api/observables/${observable.id}`)).body as Observable;
    expect(read).toMatchObject({ tags: [], version: observable.version + 1 });
    const after = (await http.get(`/api/alerts/${alertId}`)).body as { version: number };
    expect(after.version).toBe(before.version + 1);
  });
});
