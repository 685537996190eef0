import type { Response } from 'supertest';
import type { Scope } from '../../src/auth/scopes.js';
import { SCORES, searchResultSchema } from '../../src/search/search.schema.js';
import type { SearchHit, SearchKind, SearchResult } from '../../src/search/search.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, addRecords, createTenant, linkOrganizations, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { outcomesOf } from '../outcomes.js';

let api: TestApp;
/** Linked with the guest. */
let tenant: Tenant;
let guest: Tenant;
let stranger: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  guest = await createTenant(api.db);
  stranger = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
});

beforeEach(() => {
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));

/** A word that nothing else has, of letters alone. */
const word = () => unique('w').replace(/[^a-z]/g, (char) => 'ghijklmnopq'[Number(char)] ?? 'r');

const pathOf = (query: Readonly<Record<string, unknown>>) => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) parameters.append(name, String(value));
  return `/api/search?${parameters.toString()}`;
};

async function search(
  query: Readonly<Record<string, unknown>>,
  agent = http,
): Promise<SearchResult> {
  const response = await agent.get(pathOf(query));
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(searchResultSchema, response.body);
}

const hits = async (q: string, agent = http) => (await search({ q, limit: 100 }, agent)).items;
const idsOf = async (q: string, agent = http) => (await hits(q, agent)).map(({ id }) => id);
const kindsOf = async (q: string, agent = http) =>
  (await hits(q, agent)).map(({ kind }) => kind).sort();

interface Made {
  readonly id: string;
  readonly tinyId: number;
}

async function create(path: string, body: object, agent = http): Promise<Made> {
  const response: Response = await agent.post(`/api/${path}`).send(body);
  expect({ status: response.status, body: response.text }).toMatchObject({
    status: path === 'alerts' || path === 'cases' ? 200 : 201,
  });
  return response.body as Made;
}

const record = (kind: 'alerts' | 'cases', body: object = {}, agent = http) =>
  create(kind, { title: 'Record', statusValue: 'new', severity: 2, ...body }, agent);

/** One of each kind, all of which have the word; the comments are on the alert, the case and its task. */
interface All {
  readonly alert: Made;
  readonly case: Made;
  readonly task: Made;
  readonly observable: Made;
  readonly comments: readonly Made[];
}

async function createAll(q: string, body: object = {}, agent = http): Promise<All> {
  const alert = await record('alerts', { title: `Alert ${q}`, ...body }, agent);
  const made = await record('cases', { title: `Case ${q}`, ...body }, agent);
  const task = await create(`cases/${made.id}/tasks`, { title: `Task ${q}` }, agent);
  const value = { dataType: 'domain', data: `${q}.example.org` };
  const observable = await create(`alerts/${alert.id}/observables`, value, agent);
  const comments = [];
  for (const path of [`alerts/${alert.id}`, `cases/${made.id}`, `tasks/${task.id}`])
    comments.push(await create(`${path}/comments`, { body: `Comment ${q}` }, agent));
  return { alert, case: made, task, observable, comments };
}

const idsIn = (all: All) =>
  [all.alert, all.case, all.task, all.observable, ...all.comments].map(({ id }) => id);

const guestOf = () => ({ organizations: [tenant.organizationId, guest.organizationId] });

const cleared = async (options: { readonly tlpMax?: number; readonly papMax?: number }) =>
  api.http((await addKey(api.db, tenant, options)).key);

describe('GET /search', () => {
  it('finds each kind, with what it hangs on', async () => {
    const q = word();
    const all = await createAll(q);
    const onAlert = {
      kind: 'alert',
      id: all.alert.id,
      tinyId: all.alert.tinyId,
      title: `Alert ${q}`,
    };
    const onCase = { kind: 'case', id: all.case.id, tinyId: all.case.tinyId, title: `Case ${q}` };
    const onTask = { kind: 'task', id: all.task.id, tinyId: null, title: `Task ${q}` };
    const mark = `<mark>${q}</mark>`;
    const observable = {
      kind: 'observable',
      id: all.observable.id,
      tinyId: null,
      title: `${q}.example.org`,
      snippet: `${mark}.example.org`,
      parent: onAlert,
    };
    const comment = { kind: 'comment', tinyId: null, title: `Comment ${q}` };
    const titled = [
      observable,
      { ...onTask, snippet: `Task ${mark}`, parent: onCase },
      { ...onCase, snippet: `Case ${mark}`, parent: null },
      { ...onAlert, snippet: `Alert ${mark}`, parent: null },
    ];
    const comments = [onAlert, onCase, onTask].map((parent, index) => ({
      ...comment,
      id: all.comments[index]?.id,
      snippet: `Comment ${mark}`,
      parent,
    }));
    expect(await search({ q })).toEqual({
      items: [
        ...titled.map((hit) => ({ ...hit, score: SCORES.words })),
        ...comments.reverse().map((hit) => ({ ...hit, score: SCORES.body })),
      ],
      nextCursor: null,
    });
  });

  it('finds only the kinds that are asked for', async () => {
    const q = word();
    const all = await createAll(q);
    const found = async (kinds: string) =>
      (await search({ q, kinds })).items.map(({ kind }) => kind).sort();
    expect(await found('alert')).toEqual(['alert']);
    expect(await found('task,observable')).toEqual(['observable', 'task']);
    expect(await found('comment,comment')).toEqual(['comment', 'comment', 'comment']);
    const repeated = await http.get(`/api/search?q=${q}&kinds=case&kinds=task`);
    expect((repeated.body as SearchResult).items.map(({ id }) => id).sort()).toEqual(
      [all.case.id, all.task.id].sort(),
    );
  });

  it('finds words in any order, prefixes and parts of three characters, in titles and texts', async () => {
    const [a, b] = [word(), word()];
    const { id } = await record('cases', {
      title: `First ${a}`,
      description: `then\n${b} zx ends`,
    });
    for (const q of [
      a,
      `${b} ${a}`,
      a.slice(0, 6),
      a.slice(2),
      b.toUpperCase(),
      `zx ${a}`,
      `z ${b}`,
    ])
      expect({ q, ids: await idsOf(q) }).toEqual({ q, ids: [id] });
    for (const q of [`${a} ${word()}`, `nd ${a}`, `${a}${b}`]) expect(await idsOf(q)).toEqual([]);
  });

  it('forgets what was changed or deleted, with all that hangs on it', async () => {
    const q = word();
    const all = await createAll(q);
    await http.patch(`/api/alerts/${all.alert.id}`).send({ title: 'Renamed' });
    await http.patch(`/api/tasks/${all.task.id}`).send({ title: 'Renamed' });
    await http.patch(`/api/observables/${all.observable.id}`).send({ data: 'renamed.example' });
    await http.patch(`/api/comments/${all.comments[0]?.id ?? ''}`).send({ body: 'Renamed' });
    expect(await kindsOf(q)).toEqual(['case', 'comment', 'comment']);
    await http.delete(`/api/tasks/${all.task.id}`);
    expect(await kindsOf(q)).toEqual(['case', 'comment']);
    await http.delete(`/api/comments/${all.comments[1]?.id ?? ''}`);
    expect(await kindsOf(q)).toEqual(['case']);

    const next = word();
    const others = await createAll(next);
    await http.delete(`/api/cases/${others.case.id}`);
    expect(await kindsOf(next)).toEqual(['alert', 'comment', 'observable']);
    await http.delete(`/api/alerts/${others.alert.id}`);
    expect(await kindsOf(next)).toEqual([]);
  });

  it('finds a rare word however much came after it', async () => {
    const q = word();
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const all = await createAll(q, {}, agent);
    const later = new Date(Date.now() + 1_000);
    for (const table of ['alerts', 'cases'] as const)
      await addRecords(api.db, table, fresh, 1_700, later);
    const values = [all.case.id, fresh.organizationId, fresh.userId, later];
    await api.db.rows(
      `INSERT INTO tasks (id, case_id, organization_id, title, tlp, position, created_by_id, created_at)
       SELECT uuidv7(), $1, $2, 'Task', 2, n, $3, $4 FROM generate_series(1, 1700) n`,
      values,
    );
    await api.db.rows(
      `INSERT INTO comments (id, case_id, organization_id, body, created_by_id, created_at)
       SELECT uuidv7(), $1, $2, 'Comment', $3, $4 FROM generate_series(1, 1700) n`,
      values,
    );
    expect((await idsOf(q, agent)).sort()).toEqual(idsIn(all).sort());
    expect(await idsOf(`task ${q}`, agent)).toEqual([all.task.id]);
  });

  it('finds what a merge moved once, where it is now', async () => {
    const q = word();
    const all = await createAll(q);
    const primary = await record('cases', { title: 'Primary' });
    const merged = await http
      .post(`/api/cases/${primary.id}/merge`)
      .send({ caseIds: [all.case.id] });
    expect(merged.status).toBe(200);
    const found = (await search({ q, kinds: 'task,comment' })).items;
    expect(found.map(({ id }) => id).sort()).toEqual(
      [all.task, ...all.comments].map(({ id }) => id).sort(),
    );
    const parents = found.map(({ parent }) => parent?.id).sort();
    expect(parents).toEqual([all.alert.id, primary.id, primary.id, all.task.id].sort());
  });

  describe('by number', () => {
    it('finds the alert and the case of that number first', async () => {
      const { id, tinyId } = await record('cases', { title: 'Numbered' });
      await record('cases', { title: `Mentions ${tinyId}` });
      for (const q of [`${tinyId}`, `#${tinyId}`, `CASE-${tinyId}`, `case ${tinyId}`]) {
        const [first] = (await search({ q, kinds: 'case' })).items;
        expect(first).toMatchObject({
          kind: 'case',
          id,
          tinyId,
          score: SCORES.exact,
          title: 'Numbered',
        });
      }
      expect((await search({ q: `alert-${tinyId}` })).items.map((hit) => hit.id)).not.toContain(id);
      const alert = await record('alerts', { title: 'Numbered' });
      const [first] = (await search({ q: `ALERT-${alert.tinyId}` })).items;
      expect(first).toMatchObject({ id: alert.id, snippet: 'Numbered' });
    });

    it('finds none that is hidden', async () => {
      const { id, tinyId } = await record('cases', { tlp: 4 });
      for (const agent of [
        api.http(stranger.key),
        api.http(guest.key),
        await cleared({ tlpMax: 3 }),
      ])
        expect(await idsOf(`case-${tinyId}`, agent)).not.toContain(id);
      await http.delete(`/api/cases/${id}`);
      expect(await idsOf(`case-${tinyId}`)).not.toContain(id);
    });
  });

  describe('by value', () => {
    it('finds an observable in whatever form, before those that have it within', async () => {
      const q = word();
      const { id: alertId } = await record('alerts');
      const value = `https://${q}.example/a`;
      const add = (data: string) =>
        create(`alerts/${alertId}/observables`, { dataType: 'url', data });
      const exact = await add(value);
      const longer = await add(`${value}/b`);
      for (const asked of [value, `hxxps://${q.toUpperCase()}[.]example/a`]) {
        const [first, second] = await hits(asked);
        expect(first).toMatchObject({
          id: exact.id,
          score: SCORES.exact,
          snippet: `<mark>${value}</mark>`,
        });
        expect(second?.id).toBe(longer.id);
      }
      expect(await idsOf(`${q}[.]exam`)).toEqual([longer.id, exact.id]);
    });

    it('finds a short value as a whole, and no part of one by short words alone', async () => {
      const { id: alertId } = await record('alerts');
      const short = await create(`alerts/${alertId}/observables`, {
        dataType: 'other',
        data: 'q7',
      });
      const ids = async (q: string) =>
        (await search({ q, kinds: 'observable' })).items.map(({ id }) => id);
      expect(await ids('q7')).toEqual([short.id]);
      expect(await ids('q')).toEqual([]);
    });

    it('shows the beginning of a long value and the part that matches', async () => {
      const q = word();
      const { id: alertId } = await record('alerts');
      const data = `${'x'.repeat(5_000)}${q}${'y'.repeat(5_000)}`;
      await create(`alerts/${alertId}/observables`, { dataType: 'other', data });
      const [hit] = await hits(q);
      expect(hit?.title).toBe(data.slice(0, 512));
      expect(hit?.snippet).toMatch(new RegExp(`^…x+<mark>${q}</mark>y+…$`));
    });
  });

  describe('the order', () => {
    it('is by where and how a match is, then the newest first', async () => {
      const q = word();
      const titled = async (title: string, description = '') =>
        (await record('alerts', { title, description })).id;
      const other = word();
      const ids = [
        await titled('body', `${q} ${other}`),
        await titled(`some ${q}`, other),
        await titled(`in x${q} x${other}`),
        await titled(`begins ${q}x ${other}x`),
        await titled(`(${other}), ${q}!`),
        await titled(`has ${q} and ${other}`),
        await titled(`${q} ${other}`),
      ].reverse();
      const found = await hits(`${q} ${other}`);
      expect(found.map(({ id }) => id)).toEqual(ids);
      const { title, words, beginnings, parts, some, body } = SCORES;
      expect(found.map(({ score }) => score)).toEqual([
        title,
        words,
        words,
        beginnings,
        parts,
        some,
        body,
      ]);
    });

    it('is not what hidden records have to do with', async () => {
      const q = word();
      const all = await createAll(q, { tlp: 1 });
      const below = await cleared({ tlpMax: 2 });
      const before = await search({ q }, below);
      for (let n = 0; n < 3; n++) await createAll(q, { tlp: 3 });
      await createAll(q, {}, api.http(stranger.key));
      expect(await search({ q }, below)).toEqual(before);
      expect(before.items).toHaveLength(idsIn(all).length);
    });
  });

  describe('pages', () => {
    it('hold each match once, whatever the size of the page', async () => {
      const q = word();
      for (let n = 0; n < 3; n++) await createAll(q);
      const all = await hits(q);
      expect(all).toHaveLength(21);
      for (const limit of [1, 4, 7, 20, 21]) expect(await pages({ q, limit })).toEqual(all);
    });

    it('neither lose nor repeat what was there while others write', async () => {
      const q = word();
      const ids = await addRecords(api.db, 'alerts', tenant, 40, new Date('2026-01-01T00:00:00Z'));
      await api.db.rows('UPDATE alerts SET title = $1 WHERE id = ANY($2::uuid[])', [q, ids]);
      await createAll(q);
      const there = new Set(await idsOf(q));
      const added: string[] = [];
      let deleted = '';
      const seen = await pages({ q, limit: 5 }, async (page) => {
        added.push(...idsIn(await createAll(q)));
        const rest = [...there].filter((id) => !page.includes(id));
        deleted = ids.find((id) => rest.includes(id)) ?? deleted;
        if (deleted !== '') await http.delete(`/api/alerts/${deleted}`);
        there.delete(deleted);
      });
      const shown = seen.map(({ id }) => id);
      expect(new Set(shown).size).toBe(shown.length);
      expect(shown.filter((id) => added.includes(id))).toEqual([]);
      expect([...there].filter((id) => !shown.includes(id))).toEqual([]);
    });

    it('end with the newest 200 of a kind', async () => {
      const q = word();
      const ids = await addRecords(api.db, 'cases', tenant, 210, new Date('2026-01-01T00:00:00Z'));
      await api.db.rows('UPDATE cases SET title = $1 WHERE id = ANY($2::uuid[])', [q, ids]);
      const seen = await pages({ q, limit: 100 });
      expect(seen.map(({ id }) => id)).toEqual([...ids].sort().reverse().slice(0, 200));
    });

    it('belong to their query', async () => {
      const q = word();
      await createAll(q);
      const { nextCursor } = await search({ q, limit: 2 });
      for (const query of [{ q: 'other' }, { q, kinds: 'alert' }])
        expectInvalid(
          await http.get(pathOf({ ...query, cursor: nextCursor })),
          ['cursor'],
          'INVALID_CURSOR',
        );
      const agent = api.http(stranger.key);
      expect((await search({ q, cursor: nextCursor }, agent)).items).toEqual([]);
    });
  });

  describe('a snippet', () => {
    it('is safe in HTML and in JSON', async () => {
      const q = word();
      const evil = `<img src=x onerror="alert('${q}')">&`;
      await record('alerts', { title: evil });
      await record('cases', { title: 'Case', description: `</mark>\u2028${evil}\u0007` });
      for (const { snippet, title } of await hits(q)) {
        expect(snippet).toContain(
          `&lt;img src=x onerror=&quot;alert(&#39;<mark>${q}</mark>&#39;)&quot;&gt;&amp;`,
        );
        expect(snippet.replaceAll(/<\/?mark>/g, '')).not.toMatch(/[<>"']/);
        expect([evil, 'Case']).toContain(title);
      }
    });

    it('is about 160 characters around the first match in a long text', async () => {
      const q = word();
      const filler = 'Lorem ipsum dolor sit amet. '.repeat(2_000);
      await record('cases', { title: 'Long', description: `${filler}${q} ${filler}` });
      const [hit] = await hits(q);
      const text = hit?.snippet.replaceAll(/<\/?mark>/g, '') ?? '';
      expect(text).toMatch(new RegExp(`^….* ${q} .*…$`));
      expect(text.length).toBeGreaterThan(120);
      expect(text.length).toBeLessThan(180);
    });

    it('shows nothing but what was found: no observable of its record', async () => {
      const q = word();
      const observables = [{ dataType: 'domain', data: `${q}.secret.example`, tlp: 4 }];
      await record('alerts', { title: `Alert ${q}`, tlp: 0, observables });
      const response = await (await cleared({ tlpMax: 2 })).get(pathOf({ q }));
      expect((response.body as SearchResult).items).toHaveLength(1);
      expect(response.text).not.toContain('secret.example');
    });
  });

  describe('scopes', () => {
    it.each<[Scope, SearchKind[]]>([
      ['alerts:read', ['alert', 'comment']],
      ['cases:read', ['case', 'comment', 'comment', 'task']],
      ['observables:read', ['observable']],
    ])('with %s alone finds %j', async (scope, kinds) => {
      const q = word();
      const all = await createAll(q);
      const { key } = await addKey(api.db, tenant, { scopes: [scope] });
      expect(await kindsOf(q, api.http(key))).toEqual(kinds);
      const comments = (await search({ q, kinds: 'comment,observable' }, api.http(key))).items;
      const visible = { 'alerts:read': [0], 'cases:read': [1, 2] }[scope as string] ?? [];
      const wanted = visible.map((index) => all.comments[index]?.id);
      const ids = comments.flatMap(({ kind, id }) => (kind === 'comment' ? [id] : []));
      expect(ids.sort()).toEqual(wanted.sort());
    });

    it('answers 403 to kinds none of which the key may read, naming what they need', async () => {
      const { key } = await addKey(api.db, tenant, { scopes: ['alerts:read'] });
      const response = await api.http(key).get(pathOf({ q: 'x', kinds: 'case,task,observable' }));
      expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
      expect(response.headers['www-authenticate']).toContain('scope="cases:read observables:read"');
    });

    outcomes.anyReadScope(() => '/api/search?q=x');
  });

  describe('tenants', () => {
    it('see nothing of each other', async () => {
      const q = word();
      await createAll(q);
      expect(await hits(q, api.http(stranger.key))).toEqual([]);
      expect(await hits(q, api.http(guest.key))).toEqual([]);
    });

    it('find what is shared with them, and what is shown to all', async () => {
      const q = word();
      const shared = await createAll(q, guestOf());
      const open = await createAll(q, { visibleToAllOrganizations: true });
      const ids = (alls: readonly All[]) => alls.flatMap(idsIn).sort();
      expect((await idsOf(q, api.http(guest.key))).sort()).toEqual(ids([shared, open]));
      expect((await idsOf(q, api.http(stranger.key))).sort()).toEqual(ids([open]));
      expect((await idsOf(q)).sort()).toEqual(ids([shared, open]));
      expect((await idsOf(q, api.http(api.adminKey))).sort()).toEqual(ids([shared, open]));
      const organizations = [tenant.organizationId];
      await http.patch(`/api/cases/${shared.case.id}`).send({ organizations });
      await http.patch(`/api/alerts/${shared.alert.id}`).send({ organizations });
      expect((await idsOf(q, api.http(guest.key))).sort()).toEqual(ids([open]));
    });

    it('find what guests added', async () => {
      const q = word();
      const { id } = await record('cases', guestOf());
      const agent = api.http(guest.key);
      const task = await create(`cases/${id}/tasks`, { title: q }, agent);
      const comment = await create(`tasks/${task.id}/comments`, { body: q }, agent);
      for (const each of [http, agent])
        expect((await idsOf(q, each)).sort()).toEqual([task.id, comment.id].sort());
    });

    it('find what is on many shared records', async () => {
      const q = word();
      const owner = await createTenant(api.db);
      const other = await createTenant(api.db);
      const ids = await addRecords(api.db, 'cases', owner, 1_200, new Date('2026-01-01T00:00:00Z'));
      await api.db.rows(
        `INSERT INTO case_shares (case_id, organization_id, created_at, updated_at, severity, tiny_id, status_id)
         SELECT id, $2, created_at, updated_at, severity, tiny_id, status_id FROM cases WHERE id = ANY($1::uuid[])`,
        [ids, other.organizationId],
      );
      const oldest = [...ids].sort()[0] ?? '';
      const agent = api.http(owner.key);
      const task = await create(`cases/${oldest}/tasks`, { title: q }, agent);
      const comment = await create(`cases/${oldest}/comments`, { body: q }, agent);
      const hidden = await record('cases', {}, agent);
      await create(`cases/${hidden.id}/comments`, { body: q }, agent);
      expect((await idsOf(q, api.http(other.key))).sort()).toEqual([task.id, comment.id].sort());
    });
  });

  describe('clearance', () => {
    it.each([0, 1, 2, 3, 4])(
      'up to TLP %i hides what is above, and what hangs on it',
      async (max) => {
        const q = word();
        const made = [];
        for (const tlp of [0, 1, 2, 3, 4]) made.push(await createAll(q, { tlp }));
        const found = await idsOf(q, await cleared({ tlpMax: max }));
        expect(found.sort()).toEqual(
          made
            .slice(0, max + 1)
            .flatMap(idsIn)
            .sort(),
        );
      },
    );

    it.each([0, 1, 2, 3])('up to PAP %i hides what is above, and what hangs on it', async (max) => {
      const q = word();
      const made = [];
      for (const pap of [0, 1, 2, 3]) made.push(await createAll(q, { pap }));
      const found = await idsOf(q, await cleared({ papMax: max }));
      expect(found.sort()).toEqual(
        made
          .slice(0, max + 1)
          .flatMap(idsIn)
          .sort(),
      );
    });

    it('counts the marks of tasks and observables as well', async () => {
      const q = word();
      const { id } = await record('cases', { tlp: 0, pap: 0 });
      const task = await create(`cases/${id}/tasks`, { title: q, tlp: 3 });
      const comment = await create(`tasks/${task.id}/comments`, { body: q });
      const add = (data: string, marks: object) =>
        create(`cases/${id}/observables`, { dataType: 'other', data, ...marks });
      const red = await add(`${q}-1`, { tlp: 3 });
      const strict = await add(`${q}-2`, { pap: 3 });
      const all = [task, comment, red, strict].map((each) => each.id);
      expect((await idsOf(q)).sort()).toEqual([...all].sort());
      expect(await idsOf(q, await cleared({ tlpMax: 2 }))).toEqual([strict.id]);
      const ids = await idsOf(q, await cleared({ papMax: 2 }));
      expect(ids.sort()).toEqual([task.id, comment.id, red.id].sort());
      expect(await idsOf(`${q}-1`, await cleared({ tlpMax: 2 }))).toEqual([]);
    });
  });

  describe('words that mean something elsewhere', () => {
    it('are plain text', async () => {
      const q = word();
      const { id } = await record('cases', { title: `a ${q}:* & !b | <-> %_\\ x` });
      for (const text of [`${q}:*`, `${q} & !b`, '%_\\'.concat(` ${q}`), `${q} <->`])
        expect(await idsOf(text)).toEqual([id]);
      for (const text of [`${q} & !c`, `${q}%x`, `${q}_`, `^${q}`, `${q}.*`, `"${q}"`, `'; --${q}`])
        expect(await idsOf(text)).toEqual([]);
    });

    it('of punctuation alone are looked for as they are', async () => {
      const { id } = await record('cases', { title: 'Stars', description: '☆☆☆' });
      expect(await idsOf('☆☆☆')).toEqual([id]);
      expect(await idsOf('%%%')).toEqual([]);
    });

    it('are answered at once, however they look', async () => {
      const bait = [
        '(a+)+$'.repeat(30),
        '\\'.repeat(200),
        '%'.repeat(200),
        'a '.repeat(10),
        '['.repeat(200),
      ];
      for (const text of bait) {
        const response = await http.get(pathOf({ q: text }));
        expect({ text, status: response.status }).toEqual({ text, status: 200 });
      }
    });
  });

  it.each([
    ['q', {}],
    ['q', { q: '' }],
    ['q', { q: '   ' }],
    ['q', { q: 'x'.repeat(201) }],
    ['q', { q: 'x'.repeat(10_000) }],
    ['q', { q: 'a b c d e f g h i j k' }],
    ['q', { q: 'x\0y' }],
    ['kinds[0]', { q: 'x', kinds: 'user' }],
    ['kinds', { q: 'x', kinds: '' }],
    ['limit', { q: 'x', limit: 0 }],
    ['limit', { q: 'x', limit: 101 }],
    ['limit', { q: 'x', limit: 'all' }],
    ['limit', { q: 'x', limit: 2.5 }],
    ['cursor', { q: 'x', cursor: 'x'.repeat(2_001) }],
    ['sort', { q: 'x', sort: 'createdAt' }],
    ['count', { q: 'x', count: true }],
  ])('answers 400 to a bad %s', async (name, query) => {
    expectInvalid(await http.get(pathOf(query)), [name]);
  });

  it('answers 400 to a cursor that is none', async () => {
    for (const cursor of ['x', '', 'AAAA'.repeat(20)])
      expectInvalid(await http.get(pathOf({ q: 'x', cursor })), ['cursor'], 'INVALID_CURSOR');
  });

  it('answers 400 to parameters given twice and to text that is none', async () => {
    expectInvalid(await http.get('/api/search?q=x&q=y'), ['q']);
    expect((await http.get('/api/search?q=%ED%A0%80')).status).toBeLessThan(500);
    expect((await http.get('/api/search?q=%FF')).status).toBeLessThan(500);
  });

  outcomes.unauthenticated({ method: 'get', path: () => '/api/search?q=x' });
});

/** Every page, one after the other; between them others may act. */
async function pages(
  query: Readonly<Record<string, unknown>>,
  between?: (page: readonly string[]) => Promise<void>,
): Promise<SearchHit[]> {
  const items: SearchHit[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: SearchResult = await search(cursor === '' ? query : { ...query, cursor });
    items.push(...page.items);
    cursor = page.nextCursor;
    await between?.(items.map(({ id }) => id));
  }
  return items;
}
