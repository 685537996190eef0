import type { Response } from 'supertest';
import { importedObservablesSchema } from '../../src/observable-exchange/observable-exchange.schema.js';
import type { ImportedObservables } from '../../src/observable-exchange/observable-exchange.schema.js';
import type { Observable } from '../../src/records/answer.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, createTenant, fingerprint, linkOrganizations, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf } from '../outcomes.js';
import { assertStixBundle } from '../stix.js';
import type { Bundle } from '../stix.js';

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

const EXPORT = '/api/observables/export';

async function exported(query: Record<string, string>, agent = http): Promise<string> {
  const response = await agent.get(EXPORT).query(query).buffer(true).parse(asText);
  expect(response.status).toBe(200);
  return response.body as string;
}

/** The text of an answer, whatever its type. */
function asText(response: unknown, callback: (error: Error | null, body: string) => void): void {
  const stream = response as NodeJS.ReadableStream;
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    callback(null, Buffer.concat(chunks).toString());
  });
}

const bundleOf = async (query: Record<string, string>, agent = http): Promise<Bundle> =>
  assertStixBundle(await exported({ format: 'stix', ...query }, agent));

function send(query: object, body: string | object, agent = http, type = 'text/csv') {
  const request = agent.post('/api/observables/import').query(query);
  return typeof body === 'string'
    ? request.set('Content-Type', type).send(body)
    : request.send(body);
}

async function imported(
  query: object,
  body: string | object,
  agent = http,
): Promise<ImportedObservables> {
  const response = await send(query, body, agent);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(importedObservablesSchema, response.body);
}

const listOf = async (kind: Kind, id: string, agent = http) =>
  (await agent.get(`/api/${kind}s/${id}/observables?limit=1000&sort=createdAt`))
    .body as Observable[];

/** What an observable says, wherever it hangs. */
const saidBy = ({
  dataType,
  data,
  tlp,
  pap,
  ioc,
  sighted,
  ignoreSimilarity,
  message,
  tags,
}: Observable) => ({
  ...{ dataType, data, tlp, pap, ioc, sighted, ignoreSimilarity, message },
  tags: tags.map(({ name }) => name),
});

describe('GET /observables/export', () => {
  it('answers CSV to be saved, that neutralises what a spreadsheet would run', async () => {
    const caseId = await record('case');
    for (const data of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=2', '\r=3', 'plain, "quoted"'])
      await add('case', caseId, { data, message: '=cmd' });
    const response = await http
      .get(EXPORT)
      .query({ caseId, sort: 'createdAt' })
      .buffer(true)
      .parse(asText);
    expect(response.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename=observables.csv',
      'x-content-type-options': 'nosniff',
    });
    const text = response.body as string;
    expect(text.split('\n')[0]).toBe(
      'dataType,data,tlp,pap,ioc,sighted,ignoreSimilarity,message,tags,startDate,sha256,sightedAt,createdAt,id,alertId,caseId',
    );
    expect(text).not.toMatch(/(?:^|[,\n]"?)[=+\-@\t\r]/);
    expect(text).toContain("\nother,'=1+1,2,2,false,false,false,'=cmd,,");
    expect(text).toContain('"plain, ""quoted"""');
  });

  it('answers JSON as the list does, and the filters of the list', async () => {
    const alertId = await record('alert');
    const made: Observable[] = [];
    for (const ioc of [true, false, true]) made.push(await add('alert', alertId, { ioc }));
    const listed = await http.get('/api/observables').query({ alertId, ioc: 'true' });
    expect(listed.body).toHaveLength(2);
    const query = { format: 'json', alertId, ioc: 'true' };
    expect(JSON.parse(await exported(query))).toEqual(listed.body);
    const oldest = JSON.parse(await exported({ ...query, sort: 'createdAt' })) as Observable[];
    expect(oldest.map(({ id }) => id)).toEqual([made[0]?.id, made[2]?.id]);
    const found = await exported({ format: 'json', contains: made[1]?.data.slice(2) ?? '' });
    expect((JSON.parse(found) as Observable[]).map(({ id }) => id)).toEqual([made[1]?.id]);
    expect(JSON.parse(await exported({ format: 'json', alertId: MISSING_ID }))).toEqual([]);
    expect((await exported({ alertId: MISSING_ID })).split('\n')).toHaveLength(2);
  });

  it('holds every one of more than a batch, in each format', async () => {
    const caseId = await record('case');
    const data = Array.from({ length: 1000 }, (_, index) => `host-${index}.example`);
    await http.post('/api/observables').send({ caseId, dataType: 'domain', data });
    await http.post('/api/observables').send({ caseId, dataType: 'fqdn', data });
    expect((await exported({ caseId })).split('\n')).toHaveLength(2002);
    expect(JSON.parse(await exported({ caseId, format: 'json' }))).toHaveLength(2000);
    const { objects } = await bundleOf({ caseId });
    expect(objects.filter(({ type }) => type === 'domain-name')).toHaveLength(1000);
    expect(objects.filter(({ type }) => type === 'observed-data')).toHaveLength(2000);
    expect(new Set(objects.map(({ id }) => id)).size).toBe(objects.length);
  });

  it('answers a bundle of STIX 2.1 with markings, indicators and each value once', async () => {
    const data = `${unique('evil')}.example`;
    const [alertId, caseId] = [await record('alert'), await record('case', { tlp: 3 })];
    await add('alert', alertId, { dataType: 'domain', data, tlp: 1, tags: ['c2'] });
    await add('case', caseId, { dataType: 'domain', data, tlp: 0, ioc: true, tags: ['beacon'] });
    await add('alert', alertId, { dataType: 'user-agent', data: 'curl/8.0' });
    await add('alert', alertId, { dataType: 'ip', data: 'not valid' });
    const bundle = await bundleOf({ contains: data });
    const domain = bundle.objects.find(({ type }) => type === 'domain-name');
    expect(domain?.value).toBe(data);
    const observed = bundle.objects.filter(({ type }) => type === 'observed-data');
    expect(observed).toMatchObject([
      { object_refs: [domain?.id], number_observed: 2, labels: ['beacon', 'c2'] },
    ]);
    const [indicator] = bundle.objects.filter(({ type }) => type === 'indicator');
    expect(indicator?.pattern).toBe(`[domain-name:value = '${data}']`);
    // As restricted as the strictest of the records it is on.
    const markings = bundle.objects.filter(({ type }) => type === 'marking-definition');
    expect(markings.map(({ name }) => name)).toEqual(['TLP:AMBER+STRICT']);
    const again = await bundleOf({ contains: data });
    expect(again.objects).toEqual(bundle.objects);
    const others = await bundleOf({ alertId, format: 'stix' });
    const custom = others.objects.filter(({ type }) => type === 'casebender-observable');
    expect(custom.map(({ value }) => value).sort()).toEqual(['curl/8.0', 'not valid']);
  });

  it('shows guests what is shared with them, and nothing above the clearance or of others', async () => {
    const marker = unique('marker');
    const organizations = [tenant.organizationId, guest.organizationId];
    const shared = await record('alert', { organizations });
    await add('alert', shared, { data: `${marker} shared` });
    await add('alert', shared, { data: `${marker} red`, tlp: 4 });
    await add('alert', await record('alert', { pap: 3 }), { data: `${marker} own`, pap: 0 });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 3, papMax: 2 })).key);
    const lowGuest = api.http((await addKey(api.db, guest, { tlpMax: 2 })).key);
    for (const format of ['csv', 'json', 'stix']) {
      const seenBy = async (agent: Agent) => {
        const text = await exported({ format, contains: marker }, agent);
        return [...new Set(text.match(new RegExp(`${marker} \\w+`, 'g')))].sort();
      };
      expect(await seenBy(http)).toEqual(
        ['own', 'red', 'shared'].map((each) => `${marker} ${each}`),
      );
      expect(await seenBy(low)).toEqual([`${marker} shared`]);
      expect(await seenBy(api.http(guest.key))).toEqual([`${marker} red`, `${marker} shared`]);
      expect(await seenBy(lowGuest)).toEqual([`${marker} shared`]);
      expect(await seenBy(api.http(stranger.key))).toEqual([]);
      expect(await seenBy(api.http(api.adminKey))).toHaveLength(3);
    }
  });

  it('is audited, with what was asked for', async () => {
    const key = await addKey(api.db, tenant);
    await exported({ format: 'json', contains: 'nothing at all', ioc: 'true' }, api.http(key.key));
    const entries = await api.db.rows(
      "SELECT changes FROM audit_entries WHERE credential_id = $1 AND action = 'observables.exported'",
      [key.id],
    );
    expect(entries).toEqual([
      {
        changes: [
          { field: 'format', old: null, new: 'json' },
          { field: 'ioc', old: null, new: true },
          { field: 'contains', old: null, new: 'nothing at all' },
        ],
      },
    ]);
  });

  it.each([
    'format=xml',
    'limit=5',
    'cursor=x',
    'count=true',
    'sort=data',
    'contains=ab',
    `alertId=${MISSING_ID}&caseId=${MISSING_ID}`,
  ])('answers 400 to ?%s', async (query) => {
    expectProblem(await http.get(`${EXPORT}?${query}`), 400, 'VALIDATION_FAILED');
  });

  const probe = { method: 'get' as const, path: () => EXPORT };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:read', ['observables:write', 'alerts:read']);
  outcomes.limited(probe, ['observables:read']);
});

describe('POST /observables/import', () => {
  it('takes a thousand from CSV, which go as STIX into another tenant, as they were', async () => {
    const types = [
      'ip',
      'domain',
      'fqdn',
      'url',
      'email',
      'hash',
      'user-agent',
      'registry',
      'other',
      'filename',
    ];
    const valueOf = (type: string, n: number) =>
      ({
        ip: `10.0.${n >> 8}.${n & 255}`,
        domain: `host-${n}[.]example`,
        fqdn: `Host-${n}.example`,
        url: `hxxps://host-${n}.example/a,b`,
        email: `user-${n}@example.org`,
        hash: n.toString(16).padStart(64, '0'),
        registry: `HKLM\\Software\\${n}`,
        other: `"=cmd|' /C calc'!A${n}"`,
      })[type] ?? `value ${n}`;
    const lines = Array.from({ length: 1000 }, (_, n) => {
      const type = types[n % 10] ?? 'other';
      const value = type === 'other' ? valueOf(type, n) : `"${valueOf(type, n)}"`;
      return `${type},${value},${n % 5},${n % 4},${n % 3 === 0},${n % 7 === 0},tag ${n % 5};all,=note ${n}`;
    });
    const csv = ['dataType,data,tlp,pap,ioc,sighted,tags,message', ...lines].join('\n');
    const alertId = await record('alert');
    const first = await imported({ alertId }, csv);
    expect(first).toMatchObject({
      dryRun: false,
      createdCount: 1000,
      duplicateCount: 0,
      failedCount: 0,
    });
    expect(first.results[9]).toMatchObject({ line: 11, status: 200 });

    const again = await imported({ alertId }, await exported({ alertId }));
    expect(again).toMatchObject({ createdCount: 0, duplicateCount: 1000 });
    const copy = await record('alert');
    const copied = await imported({ alertId: copy }, await exported({ alertId }));
    expect(copied).toMatchObject({ createdCount: 1000 });
    const originals = (await listOf('alert', alertId)).map(saidBy);
    const byValue = (said: ReturnType<typeof saidBy>[]) =>
      said.sort((a, b) => (a.dataType + a.data < b.dataType + b.data ? -1 : 1));
    expect(byValue((await listOf('alert', copy)).map(saidBy))).toEqual(byValue(originals));

    const bundle = await bundleOf({ alertId });
    const elsewhere = api.http(stranger.key);
    const caseId = await record('case', {}, elsewhere);
    const second = await imported({ caseId }, bundle, elsewhere);
    expect(second).toMatchObject({ createdCount: 1000, duplicateCount: 0, failedCount: 0 });
    expect(byValue((await listOf('case', caseId, elsewhere)).map(saidBy))).toEqual(
      // The bundle tells of each the stricter of its own TLP and its record's.
      byValue(
        originals.map((said) => ({
          ...said,
          tlp: Math.max(said.tlp, 2),
          pap: Math.max(said.pap, 2),
        })),
      ),
    );
  });

  it('answers for each line, and takes all that it can', async () => {
    const alertId = await record('alert');
    const held = await add('alert', alertId, { dataType: 'ip', data: '10.0.0.1' });
    const csv = [
      'data,dataType,tlp,ioc,tags',
      '10.0.0.1,ip,,,',
      '10.0.0.2,IP,3,TRUE,"[""a;b""]"',
      '10.0.0.3,nonsense,,,',
      '10.0.0.4,ip,9,,',
      ',ip,,,',
      '10.0.0.5,ip,,maybe,',
      '::ffff:10.0.0.2,ip,,,',
    ].join('\r\n');
    const answer = await imported({ alertId }, csv);
    expect(answer).toMatchObject({
      createdCount: 1,
      duplicateCount: 2,
      failedCount: 4,
      ignored: {},
    });
    expect(answer.results.map(({ line, status, duplicate }) => [line, status, duplicate])).toEqual([
      [2, 200, true],
      [3, 200, undefined],
      [4, 400, undefined],
      [5, 400, undefined],
      [6, 400, undefined],
      [7, 400, undefined],
      [8, 200, true],
    ]);
    expect(answer.results[0]?.id).toBe(held.id);
    expect(answer.results[2]?.detail).toContain('dataType');
    const [, made] = await listOf('alert', alertId);
    expect(made).toMatchObject({ data: '10.0.0.2', tlp: 3, ioc: true, tags: [{ name: 'a;b' }] });
    const entry = await api.db.row(
      `SELECT changes FROM audit_entries WHERE target_id = $1 AND action = 'observables.imported'`,
      [alertId],
    );
    expect(entry.changes).toContainEqual({ field: 'createdCount', old: null, new: 1 });
  });

  it('takes what others write as STIX: what was seen, indicators, and markings of TLP 1.0', async () => {
    const caseId = await record('case');
    const answer = await imported(
      { caseId },
      {
        type: 'bundle',
        id: 'bundle--5d0092c5-5f74-4287-9642-33f4c354e56d',
        spec_version: '2.0',
        objects: [
          {
            type: 'indicator',
            id: 'indicator--1',
            pattern: "[domain-name:value = 'evil.example' OR ipv4-addr:value = '192.0.2.9']",
            pattern_type: 'stix',
            valid_from: '2026-01-01T00:00:00Z',
            object_marking_refs: ['marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed'],
          },
          {
            type: 'file',
            id: 'file--1',
            name: 'a.exe',
            hashes: { MD5: 'd41d8cd98f00b204e9800998ecf8427e' },
          },
          { type: 'malware', id: 'malware--1', name: 'x' },
          { type: 'malware', id: 'malware--2', name: 'y' },
          'no object',
        ],
      },
    );
    expect(answer).toMatchObject({ createdCount: 3, failedCount: 1, ignored: { malware: 2 } });
    expect(answer.results.map(({ objectId, status }) => [objectId, status])).toEqual([
      ['indicator--1', 200],
      ['indicator--1', 200],
      ['file--1', 200],
      ['', 400],
    ]);
    const said = (await listOf('case', caseId)).map(({ dataType, data, ioc, tlp }) => ({
      dataType,
      data,
      ioc,
      tlp,
    }));
    expect(said).toEqual([
      { dataType: 'domain', data: 'evil.example', ioc: true, tlp: 4 },
      { dataType: 'ip', data: '192.0.2.9', ioc: true, tlp: 4 },
      { dataType: 'hash', data: 'd41d8cd98f00b204e9800998ecf8427e', ioc: false, tlp: 2 },
    ]);
  });

  it('changes nothing on a dry run, and answers what it would do', async () => {
    const alertId = await record('alert');
    const csv = 'dataType,data,tags\nip,10.0.0.1,new tag\nip,10.0.0.1,\nnonsense,x,\n';
    const before = await fingerprint(api.db);
    const dry = await imported({ alertId, dryRun: true }, csv);
    expect(dry).toMatchObject({ dryRun: true, createdCount: 1, duplicateCount: 1, failedCount: 1 });
    expect(dry.results[0]).toEqual({ line: 2, status: 200 });
    expect(await fingerprint(api.db)).toBe(before);
    const keyed = await send({ alertId, dryRun: 'true' }, csv).set(
      'Idempotency-Key',
      unique('key'),
    );
    expect(keyed.body).toEqual(dry);
    expect(await listOf('alert', alertId)).toEqual([]);
  });

  it('replays the first answer to the same Idempotency-Key, and answers 422 to another text', async () => {
    const alertId = await record('alert');
    const key = unique('key');
    const first = await send({ alertId }, 'dataType,data\nip,10.0.0.1').set('Idempotency-Key', key);
    const again = await send({ alertId }, 'dataType,data\nip,10.0.0.1').set('Idempotency-Key', key);
    expect(again.body).toEqual(first.body);
    const other = await send({ alertId }, 'dataType,data\nip,10.0.0.2').set('Idempotency-Key', key);
    expectProblem(other, 422, 'IDEMPOTENCY_KEY_REUSED');
  });

  it('leaves one of each when twenty bring the same at once', async () => {
    const caseId = await record('case');
    const csv = 'dataType,data\nip,10.0.0.1\nip,10.0.0.2';
    const answers = await Promise.all(Array.from({ length: 20 }, () => imported({ caseId }, csv)));
    expect(answers.reduce((sum, { createdCount }) => sum + createdCount, 0)).toBe(2);
    expect(await listOf('case', caseId)).toHaveLength(2);
  });

  it('says of a file that its content did not come', async () => {
    const alertId = await record('alert');
    await http.post(`/api/alerts/${alertId}/observables`).attach('file', Buffer.from('x'), 'a.txt');
    const copy = await record('alert');
    await imported({ alertId: copy }, await exported({ alertId }));
    const [file] = await listOf('alert', copy);
    expect(file).toMatchObject({ dataType: 'file', data: 'a.txt', attachment: null });
    expect(file?.message).toContain('without its content');
  });

  it('judges clearance by line, and guests may import', async () => {
    const organizations = [tenant.organizationId, guest.organizationId];
    const alertId = await record('alert', { organizations });
    const key = await addKey(api.db, guest, { tlpMax: 2 });
    const csv = 'dataType,data,tlp\nip,10.0.0.1,4\nip,10.0.0.2,2';
    const answer = await imported({ alertId }, csv, api.http(key.key));
    expect(answer.results.map(({ status, code }) => [status, code])).toEqual([
      [403, 'CLEARANCE_TLP'],
      [200, undefined],
    ]);
    const refusals = await api.db.rows(
      "SELECT 1 FROM audit_entries WHERE action = 'request.refused' AND credential_id = $1",
      [key.id],
    );
    expect(refusals).toHaveLength(1);
  });

  it.each([
    ['no header', ''],
    ['an unknown column', 'dataType,data,nonsense\nip,10.0.0.1,x'],
    ['a quote that does not end', 'dataType,data\nip,"10.0.0.1'],
    ['too few cells', 'dataType,data\nip'],
  ])('answers 400 to a CSV text with %s, and takes nothing', async (_, csv) => {
    const alertId = await record('alert');
    const response = await send({ alertId }, `${csv}\n`);
    expectProblem(response, 400, 'VALIDATION_FAILED');
    expect(await listOf('alert', alertId)).toEqual([]);
  });

  it('answers 400 to more than ten thousand, to what is no bundle, and to a bad target', async () => {
    const alertId = await record('alert');
    const lines = Array.from({ length: 10_001 }, (_, index) => `other,${index}`);
    const many = await send({ alertId }, ['dataType,data', ...lines].join('\n'));
    expectProblem(many, 400, 'VALIDATION_FAILED');
    const objects = lines.map((value, index) => ({ type: 'url', id: `url--${index}`, value }));
    expectProblem(await send({ alertId }, { type: 'bundle', objects }), 400, 'VALIDATION_FAILED');
    for (const body of [{}, { type: 'report' }, { type: 'bundle', objects: {} }, []])
      expectProblem(await send({ alertId }, body), 400, 'VALIDATION_FAILED');
    const csv = 'dataType,data\nip,10.0.0.1';
    const caseId = await record('case');
    for (const query of [
      {},
      { alertId, caseId },
      { alertId: 'x' },
      { alertId, dryRun: 'yes' },
      { alertId, x: 1 },
    ])
      expectProblem(await send(query, csv), 400, 'VALIDATION_FAILED');
    const foreign = await record('case', {}, api.http(stranger.key));
    for (const id of [MISSING_ID, foreign])
      expectInvalid(await send({ caseId: id }, csv), ['caseId'], 'REFERENCE_NOT_FOUND');
  });

  it('answers 415 to other types and charsets, 400 to what is no UTF-8, and 413 to too much', async () => {
    const alertId = await record('alert');
    const csv = 'dataType,data\nip,10.0.0.1';
    for (const type of ['text/plain', 'text/csv; charset=utf-16', 'application/xml'])
      expectProblem(await send({ alertId }, csv, http, type), 415, 'UNSUPPORTED_MEDIA_TYPE');
    for (const type of ['text/csv; charset=utf-8', 'text/csv; header=present', 'Text/CSV'])
      expect((await send({ alertId, dryRun: 'true' }, csv, http, type)).status).toBe(200);
    const stix = JSON.stringify({ type: 'bundle', objects: [] });
    const typed = await send({ alertId }, stix, http, 'application/stix+json;version=2.1');
    expect(typed.status).toBe(200);
    const bytes: Response = await http
      .post('/api/observables/import')
      .query({ alertId })
      .set('Content-Type', 'text/csv')
      .send(Buffer.from([0x64, 0xff, 0xfe]) as never);
    expectProblem(bytes, 400, 'MALFORMED_JSON');
    const large = await send({ alertId }, 'x'.repeat(17 * 1024 ** 2));
    expectProblem(large, 413, 'BODY_TOO_LARGE');
  });

  const probe = {
    method: 'post' as const,
    path: () => `/api/observables/import?alertId=${MISSING_ID}`,
    body: { type: 'bundle', objects: [] },
  };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:write', ['observables:read', 'alerts:write']);
});
