import type { Alert } from '../../src/alerts/alerts.schema.js';
import type { CaseDetail, ListedCase } from '../../src/cases/cases.schema.js';
import type { Observable } from '../../src/records/answer.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, addRecords, addTag, createTenant, linkOrganizations } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectProblem } from '../matchers.js';
import { readAll } from '../outcomes.js';

let api: TestApp;
/** Owns the records; linked with the guest. */
let owner: Tenant;
let guest: Tenant;
/** Has nothing to do with either. */
let stranger: Tenant;

beforeAll(async () => {
  api = await startTestApp();
  owner = await createTenant(api.db);
  guest = await createTenant(api.db);
  stranger = await createTenant(api.db);
  await linkOrganizations(api.db, owner.organizationId, guest.organizationId);
});

afterAll(() => api.close());

const as = (tenant: Tenant): Agent => api.http(tenant.key);

const KINDS = [
  { kind: 'alert', path: '/api/alerts', code: 'ALERT_NOT_FOUND' },
  { kind: 'case', path: '/api/cases', code: 'CASE_NOT_FOUND' },
] as const;

const BODY = { title: 'Owned', statusValue: 'new', severity: 2 };

async function create(path: string, body: object = {}, tenant = owner): Promise<Alert> {
  const response = await as(tenant)
    .post(path)
    .send({ ...BODY, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return response.body as Alert;
}

const idsOf = async (tenant: Tenant, path: string) =>
  (await readAll<{ id: string }>(as(tenant), path)).map(({ id }) => id);

async function countOf(tenant: Tenant, path: string): Promise<number> {
  const response = await as(tenant).get(`${path}?count=true&limit=1`);
  return Number(response.headers['x-total-count']);
}

describe.each(KINDS)('a $kind of another organization', ({ kind, path, code }) => {
  it('is in no list, no count and no read, and cannot be changed', async () => {
    const before = await countOf(stranger, path);
    const observables = [{ dataType: 'ip', data: '10.0.0.1' }];
    const { id } = await create(path, { observables });
    const [inside] = (await as(owner).get(`${path}/${id}/observables`)).body as Observable[];
    const child = inside?.id ?? '';
    const http = as(stranger);

    expect(await idsOf(stranger, path)).not.toContain(id);
    expect(await countOf(stranger, path)).toBe(before);
    expect(await idsOf(stranger, '/api/observables')).not.toContain(child);
    expect((await http.get(`/api/observables?${kind}Id=${id}`)).body).toEqual([]);

    expectProblem(await http.get(`${path}/${id}`), 404, code);
    expectProblem(await http.patch(`${path}/${id}`).send({ title: 'x' }), 404, code);
    expectProblem(await http.put(`${path}/${id}`).send({ title: 'x' }), 404, code);
    expectProblem(await http.delete(`${path}/${id}`), 404, code);
    expectProblem(await http.get(`${path}/${id}/observables`), 404, code);
    const value = { dataType: 'ip', data: '10.0.0.2' };
    expectProblem(await http.post(`${path}/${id}/observables`).send(value), 404, code);
    const named = await http.post('/api/observables').send({ [`${kind}Id`]: id, ...value });
    expectInvalid(named, [`${kind}Id`], 'REFERENCE_NOT_FOUND');
    expectProblem(await http.get(`/api/observables/${child}`), 404, 'OBSERVABLE_NOT_FOUND');

    const after = (await as(owner).get(`${path}/${id}`)).body as Alert;
    expect(after).toMatchObject({ title: 'Owned', version: 1 });
    expect(after.observables).toHaveLength(1);
  });

  it('is 404 to a stale If-Match and a bad reference as well', async () => {
    const { id } = await create(path);
    const http = as(stranger);
    const stale = await http.patch(`${path}/${id}`).set('If-Match', '"9"').send({ title: 'x' });
    expectProblem(stale, 404, code);
    const reference = await http.patch(`${path}/${id}`).send({ teams: [stranger.userId] });
    expectProblem(reference, 404, code);
  });

  it('stays hidden to a cursor of its owner', async () => {
    await create(path);
    await create(path);
    const first = await as(owner).get(`${path}?limit=1`);
    const next = /<([^>]+)>/.exec(first.headers.link ?? '')?.[1] ?? '';
    const response = await as(stranger).get(next);
    if (response.status === 200)
      for (const item of response.body as Alert[])
        expect(item.ownerOrganizationId).not.toBe(owner.organizationId);
    else expectProblem(response, 400, 'INVALID_CURSOR');
  });
});

describe.each(KINDS)('a $kind shared with a linked organization', ({ kind, path, code }) => {
  const share = () => ({ organizations: [owner.organizationId, guest.organizationId] });

  it('is in its lists, counts and reads, the owner named first, and nowhere else', async () => {
    const before = await countOf(guest, path);
    const { id } = await create(path, {
      ...share(),
      observables: [{ dataType: 'ip', data: '10.0.0.1' }],
    });
    const response = await as(guest).get(`${path}/${id}`);
    expect(response.status).toBe(200);
    const seen = response.body as Alert;
    expect(seen.organizations).toEqual([
      { id: owner.organizationId, name: owner.organizationName },
      { id: guest.organizationId, name: guest.organizationName },
    ]);
    expect(seen.ownerOrganizationId).toBe(owner.organizationId);
    expect(await idsOf(guest, path)).toContain(id);
    expect(await countOf(guest, path)).toBe(before + 1);
    const child = seen.observables[0]?.id ?? '';
    expect(await idsOf(guest, '/api/observables')).toContain(child);
    expect(await idsOf(guest, `${path}/${id}/observables`)).toEqual([child]);
    expect((await as(guest).get(`/api/observables/${child}`)).status).toBe(200);
    expectProblem(await as(stranger).get(`${path}/${id}`), 404, code);
    expect(await idsOf(stranger, path)).not.toContain(id);
  });

  it('lets guests update fields and add observables', async () => {
    const { id } = await create(path, share());
    const http = as(guest);
    const updated = await http.patch(`${path}/${id}`).send({ title: 'By a guest', tags: ['seen'] });
    expect(updated.status).toBe(200);
    expect(updated.body).toMatchObject({ title: 'By a guest', tags: [{ name: 'seen' }] });
    const added = await http
      .post(`${path}/${id}/observables`)
      .send({ dataType: 'ip', data: '10.0.0.3' });
    expect(added.status).toBe(201);
    const named = await http
      .post('/api/observables')
      .send({ [`${kind}Id`]: id, dataType: 'ip', data: '10.0.0.4' });
    expect(named.status).toBe(201);
    const seen = (await as(owner).get(`${path}/${id}`)).body as Alert;
    expect(seen.title).toBe('By a guest');
    expect(seen.observables).toHaveLength(2);
    const tag = await api.db.row(
      'SELECT organization_id::text AS organization FROM tags WHERE id = $1',
      [seen.tags[0]?.id],
    );
    expect(tag.organization).toBe(owner.organizationId);
  });

  it('is the owner’s to delete and to reshare: 403 OWNER_ONLY to guests, audited', async () => {
    const { id } = await create(path, share());
    const http = as(guest);
    expectProblem(await http.delete(`${path}/${id}`), 403, 'OWNER_ONLY');
    for (const body of [
      { organizations: [guest.organizationId] },
      { organizations: [] },
      { visibleToAllOrganizations: true },
      { fields: { organizations: [owner.organizationId, guest.organizationId] } },
    ])
      expectProblem(await http.patch(`${path}/${id}`).send(body), 403, 'OWNER_ONLY');
    expect((await as(owner).get(`${path}/${id}`)).body).toMatchObject({ version: 1 });
    const refusals = await api.db.rows(
      "SELECT 1 FROM audit_entries WHERE action = 'request.refused' AND credential_id = $1",
      [guest.keyId],
    );
    expect(refusals.length).toBeGreaterThanOrEqual(5);
  });

  it('is gone for the guest when it is no longer shared', async () => {
    const { id } = await create(path, share());
    const unshared = await as(owner)
      .patch(`${path}/${id}`)
      .send({ organizations: [owner.organizationId] });
    expect(unshared.status).toBe(200);
    expectProblem(await as(guest).get(`${path}/${id}`), 404, code);
    const shared = await as(owner)
      .patch(`${path}/${id}`)
      .send({ organizations: [{ id: guest.organizationId }] });
    expect((shared.body as Alert).organizations.map((item) => item.id)).toEqual([
      owner.organizationId,
      guest.organizationId,
    ]);
    expect((await as(guest).get(`${path}/${id}`)).status).toBe(200);
  });

  it('belongs to the first own organization of the body, else to that of the key', async () => {
    for (const organizations of [
      [guest.organizationId],
      [guest.organizationId, owner.organizationId],
      [],
    ]) {
      const created = await create(path, { organizations });
      expect(created.ownerOrganizationId).toBe(owner.organizationId);
    }
    const response = await api
      .http(api.adminKey)
      .post(path)
      .send({ ...BODY, organizations: [stranger.organizationId] });
    expect((response.body as Alert).ownerOrganizationId).toBe(stranger.organizationId);
  });

  it('cannot be shared with an organization that is not linked', async () => {
    const body = { ...BODY, organizations: [owner.organizationId, stranger.organizationId] };
    const created = await as(owner).post(path).send(body);
    expectInvalid(created, ['organizations[1]'], 'REFERENCE_NOT_FOUND');
    const { id } = await create(path);
    const updated = await as(owner)
      .patch(`${path}/${id}`)
      .send({ organizations: [stranger.organizationId] });
    expectInvalid(updated, ['organizations[0]'], 'REFERENCE_NOT_FOUND');
    const onward = await as(guest)
      .post(path)
      .send({ ...BODY, organizations: [owner.organizationId] });
    expect(onward.status).toBe(200);
    expect((onward.body as Alert).ownerOrganizationId).toBe(guest.organizationId);
  });

  it('comes once and in order among own, shared and visible ones, page by page', async () => {
    const fresh = await createTenant(api.db);
    await linkOrganizations(api.db, owner.organizationId, fresh.organizationId);
    const wanted: string[] = [];
    for (let i = 0; i < 4; i++) {
      wanted.push((await create(path, {}, fresh)).id);
      const organizations = [fresh.organizationId];
      wanted.push((await create(path, { organizations, visibleToAllOrganizations: i === 2 })).id);
      await create(path);
    }
    const table = kind === 'alert' ? 'alerts' : 'cases';
    wanted.unshift(...(await addRecords(api.db, table, fresh, 3, new Date('2026-01-01'))).sort());
    for (const limit of [1, 2, 3, 100]) {
      const seen = await idsOf(fresh, `${path}?sort=createdAt&limit=${limit}`);
      expect(seen).toEqual(wanted);
    }
    expect(await countOf(fresh, path)).toBe(wanted.length);
    await api.db.rows(`UPDATE ${table} SET visible_to_all_organizations = false`);
  });
});

describe.each(KINDS)('a $kind that all organizations may see', ({ path, code }) => {
  it('is there for everybody, changed by everybody, and the owner’s to delete', async () => {
    const { id } = await create(path, { visibleToAllOrganizations: true });
    try {
      expect(await idsOf(stranger, path)).toContain(id);
      expect((await as(stranger).get(`${path}/${id}`)).status).toBe(200);
      const changed = await as(stranger).patch(`${path}/${id}`).send({ severity: 3 });
      expect(changed.status).toBe(200);
      expectProblem(await as(stranger).delete(`${path}/${id}`), 403, 'OWNER_ONLY');
      const hide = { visibleToAllOrganizations: false };
      expectProblem(await as(stranger).patch(`${path}/${id}`).send(hide), 403, 'OWNER_ONLY');
    } finally {
      await as(owner).delete(`${path}/${id}`);
    }
    expectProblem(await as(stranger).get(`${path}/${id}`), 404, code);
  });
});

describe('a record inside another', () => {
  it('is shown only to who may see it: the case of an alert, the alerts of a case', async () => {
    const organizations = [guest.organizationId];
    const sharedAlert = await create('/api/alerts', { organizations });
    const ownAlert = await create('/api/alerts');
    const sharedCase = await create('/api/cases', { organizations });
    const ownCase = await create('/api/cases');
    const link = (alert: string, to: string) =>
      api.db.rows('UPDATE alerts SET case_id = $2 WHERE id = $1', [alert, to]);

    await link(sharedAlert.id, ownCase.id);
    const read = async (tenant: Tenant, path: string) =>
      (await as(tenant).get(path)).body as object;
    expect(await read(owner, `/api/alerts/${sharedAlert.id}`)).toMatchObject({
      case: { id: ownCase.id },
    });
    expect(await read(guest, `/api/alerts/${sharedAlert.id}`)).toMatchObject({ case: null });
    const listed = (await readAll<Alert>(as(guest), '/api/alerts')).find(
      ({ id }) => id === sharedAlert.id,
    );
    expect(listed?.case).toBeNull();

    await link(sharedAlert.id, sharedCase.id);
    await link(ownAlert.id, sharedCase.id);
    const full = (await read(owner, `/api/cases/${sharedCase.id}`)) as CaseDetail;
    expect(full.alerts.map(({ id }) => id).sort()).toEqual([sharedAlert.id, ownAlert.id].sort());
    const partial = (await read(guest, `/api/cases/${sharedCase.id}`)) as CaseDetail;
    expect(partial.alerts.map(({ id }) => id)).toEqual([sharedAlert.id]);
    const counted = (await readAll<ListedCase>(as(guest), '/api/cases')).find(
      ({ id }) => id === sharedCase.id,
    );
    expect(counted?.alertCount).toBe(1);
  });
});

describe('a platform administrator', () => {
  it('sees and changes the records of every organization', async () => {
    const http = api.http(api.adminKey);
    for (const { path } of KINDS) {
      const { id } = await create(path);
      const ids = (await readAll<Alert>(http, `${path}?limit=1000`)).map((item) => item.id);
      expect(ids).toContain(id);
      expect((await http.patch(`${path}/${id}`).send({ title: 'x' })).status).toBe(200);
      expect((await http.delete(`${path}/${id}`)).status).toBe(204);
    }
  });

  it('is not an administrator of one organization', async () => {
    const admin = await createTenant(api.db, { role: 'org-admin' });
    for (const { path, code } of KINDS) {
      const { id } = await create(path);
      expectProblem(await as(admin).get(`${path}/${id}`), 404, code);
      expect(await idsOf(admin, path)).toEqual([]);
    }
    expect(await idsOf(admin, '/api/users')).toEqual([admin.userId]);
    expect(await idsOf(admin, '/api/api-keys')).toEqual([admin.keyId]);
    expectProblem(await as(admin).get(`/api/users/${owner.userId}`), 404, 'USER_NOT_FOUND');
    expectProblem(await as(admin).get(`/api/api-keys/${owner.keyId}`), 404, 'API_KEY_NOT_FOUND');
  });

  it('acts within one organization with a key that is not admin:*', async () => {
    const platform = await createTenant(api.db, {
      role: 'super-admin',
      key: { scopes: ['alerts:read'] },
    });
    const { id } = await create('/api/alerts');
    expectProblem(await as(platform).get(`/api/alerts/${id}`), 404, 'ALERT_NOT_FOUND');
  });
});

describe.each(KINDS)('a $kind read by many at once', ({ path }) => {
  it('is answered to each as to nobody but the caller', async () => {
    const cleared = await addKey(api.db, owner, { tlpMax: 1 });
    const platform = await createTenant(api.db, { role: 'super-admin' });
    const callers = [owner, guest, stranger, platform, cleared].map(({ key }) => api.http(key));
    const organizations = [owner.organizationId, guest.organizationId];
    const observables = [
      { dataType: 'ip', data: '10.9.0.1', tlp: 1 },
      { dataType: 'ip', data: '10.9.0.2', tlp: 3 },
    ];
    const bodies = [{}, { organizations }, { tlp: 1, organizations, observables }, { tlp: 4 }];
    const records = await Promise.all([...bodies, {}].map((body) => create(path, body)));
    await as(owner).delete(`${path}/${records.at(-1)?.id ?? ''}`);

    const asked = callers.flatMap((http) =>
      records.flatMap(({ id }) => [id, id.toUpperCase()].map((shown) => ({ http, id: shown }))),
    );
    const answer = async ({ http, id }: (typeof asked)[number]) => {
      const response = await http.get(`${path}/${id}`);
      const changing = { requestId: '', createdAtLabel: '', updatedAtLabel: '' };
      return { status: response.status, body: { ...(response.body as object), ...changing } };
    };
    const alone: Awaited<ReturnType<typeof answer>>[] = [];
    for (const each of asked) alone.push(await answer(each));
    expect(new Set(alone.map(({ status }) => status))).toEqual(new Set([200, 403, 404]));

    expect(await Promise.all(asked.map(answer))).toEqual(alone);
  });

  it('is as it was written last, however many read it meanwhile', async () => {
    // Long to read, so that reads which began before a write are still under way after it.
    const { id } = await create(path, { description: '"'.repeat(1_000_000) });
    const http = as(owner);
    const list = `${path}?limit=1&sort=-updatedAt`;
    let isOver = false;
    const reader = async (url: string) => {
      while (!isOver) expect((await http.get(url)).status).toBe(200);
    };
    const readers = [`${path}/${id}`, list].flatMap((url) => [1, 2].map(() => reader(url)));
    try {
      for (let version = 2; version <= 8; version++) {
        const title = `Version ${version}`;
        expect((await http.patch(`${path}/${id}`).send({ title })).status).toBe(200);
        const [one, listed] = await Promise.all([http.get(`${path}/${id}`), http.get(list)]);
        expect(one.body).toMatchObject({ title, version });
        expect(listed.body).toMatchObject([{ id, title, version }]);
      }
    } finally {
      isOver = true;
      await Promise.all(readers);
    }
  });
});

describe('what is asked at once', () => {
  const callersOf = async () => {
    const cleared = await addKey(api.db, owner, { tlpMax: 1 });
    const platform = await createTenant(api.db, { role: 'super-admin' });
    return [owner, guest, stranger, platform, cleared].map(({ key }) => api.http(key));
  };

  it('is listed to each as to nobody but the caller', async () => {
    const organizations = [owner.organizationId, guest.organizationId];
    for (const { path } of KINDS)
      for (const body of [{}, { organizations }, { tlp: 1, organizations }, { tlp: 4 }])
        await create(path, body);
    const urls = KINDS.flatMap(({ path }) =>
      ['', '&sort=severity', '&status=new', '&tlp=1', '&q=Owned'].map(
        (rest) => `${path}?limit=20&count=true${rest}`,
      ),
    );
    const callers = await callersOf();
    const asked = urls.flatMap((url) =>
      [...callers, ...callers, ...callers].map((http) => ({ http, url })),
    );
    const answer = async ({ http, url }: (typeof asked)[number]) => {
      const response = await http.get(url);
      const ids = (response.body as Alert[]).map(({ id, observables }) => ({ id, observables }));
      const count = String(response.headers['x-total-count']);
      return { status: response.status, ids, count, length: ids.length };
    };
    const alone: Awaited<ReturnType<typeof answer>>[] = [];
    for (const each of asked) alone.push(await answer(each));
    expect(new Set(alone.map(({ length }) => length)).size).toBeGreaterThan(3);

    expect(await Promise.all(asked.map(answer))).toEqual(alone);
  });

  it('is refused only to who names what is not there for them', async () => {
    const [own, foreign] = [
      await addTag(api.db, owner.organizationId),
      await addTag(api.db, stranger.organizationId),
    ];
    const bodies = [
      { tenant: owner, tags: [own.id] },
      { tenant: owner, tags: [own.id, foreign.id] },
      { tenant: stranger, tags: [own.id] },
      { tenant: stranger, tags: [foreign.id] },
      { tenant: owner, tags: [2_000_000_000, own.id, foreign.id] },
    ];
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, async (_, place) => {
        const { tenant, tags } = bodies[place % bodies.length] ?? { tenant: owner, tags: [] };
        const response = await as(tenant)
          .post('/api/alerts')
          .send({ ...BODY, tags });
        const { errors = [] } = response.body as { errors?: { path: string }[] };
        return { status: response.status, paths: errors.map(({ path }) => path) };
      }),
    );
    const expected = [
      { status: 200, paths: [] },
      { status: 400, paths: ['tags[1]'] },
      { status: 400, paths: ['tags[0]'] },
      { status: 200, paths: [] },
      { status: 400, paths: ['tags[0]', 'tags[2]'] },
    ];
    expect(outcomes).toEqual(outcomes.map((_, place) => expected[place % expected.length]));
  });
});
