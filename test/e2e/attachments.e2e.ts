import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
import type { Response } from 'supertest';
import type { Activity } from '../../src/activities/activities.schema.js';
import { alertSchema } from '../../src/alerts/alerts.schema.js';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { attachmentSchema } from '../../src/attachments/attachments.schema.js';
import type { Attachment } from '../../src/attachments/attachments.schema.js';
import { BlobsService } from '../../src/storage/blobs.service.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, createTenant, fingerprint, linkOrganizations, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf, send } from '../outcomes.js';
import type { Form } from '../outcomes.js';

const UPLOAD_LIMIT = 65_536;
const FILES_MAX = 5;
const CASE_LIMIT = 4 * UPLOAD_LIMIT;

let api: TestApp;
let dataDir: string;
let tenant: Tenant;
let other: Tenant;
let http: Agent;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'casebender-files-'));
  api = await startTestApp({
    DATA_DIR: dataDir,
    UPLOAD_LIMIT: String(UPLOAD_LIMIT),
    UPLOAD_FILES_MAX: String(FILES_MAX),
    CASE_FILES_LIMIT: String(CASE_LIMIT),
  });
  tenant = await createTenant(api.db);
  other = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, other.organizationId);
});

beforeEach(() => {
  http = api.http(tenant.key);
});

afterAll(async () => {
  await api.close();
  await rm(dataDir, { recursive: true, force: true });
});

const outcomes = outcomesOf(() => ({ api, tenant }));

const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');

const alertWith = (observables: readonly object[], rest: object = {}) => ({
  title: 'With files',
  statusValue: 'new',
  severity: 2,
  observables,
  ...rest,
});

const post = (alert: unknown, files: Form['files'] = [], agent = http): Promise<Response> =>
  send(agent, {
    method: 'post',
    path: () => '/api/alerts-attachments',
    form: {
      fields: { alert: typeof alert === 'string' ? alert : JSON.stringify(alert) },
      files,
    },
  });

/** An alert with one file; answers both. */
async function alertWithFile(
  content = unique('content'),
  observable: object = {},
  rest: object = {},
): Promise<{ readonly alert: Alert; readonly file: Attachment }> {
  const response = await post(
    alertWith([{ dataType: 'file', attachment: 'evidence.txt', ...observable }], rest),
    [['evidence.txt', content]],
  );
  expect(response.status).toBe(200);
  const alert = response.body as Alert;
  const listed = await http.get(`/api/alerts/${alert.id}/attachments`);
  return { alert, file: (listed.body as [Attachment])[0] };
}

/** The files that hold the content, whatever their keys. */
async function filesOf(digest: string): Promise<string[]> {
  const directory = join(dataDir, 'attachments', digest.slice(0, 2));
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.startsWith(digest)).map((name) => join(directory, name));
}

const blobs = (digest: string) =>
  api.db.rows(`SELECT 1 FROM blobs WHERE sha256 = decode($1, 'hex')`, [digest]);

/** What an upload left: its file, its row, or anything half received. */
async function remains(content: string): Promise<string[]> {
  const digest = sha256(content);
  const incoming = await readdir(join(dataDir, 'attachments', 'incoming')).catch(() => []);
  return [
    ...(await filesOf(digest)).map(() => 'file'),
    ...((await blobs(digest)).length > 0 ? ['row'] : []),
    ...incoming,
  ];
}

/** The request has ended, but not everything that follows its end. */
async function expectNothingOf(...contents: readonly string[]): Promise<void> {
  const deadline = Date.now() + 3_000;
  for (const content of contents) {
    while ((await remains(content)).length > 0 && Date.now() < deadline) await sleep(10);
    expect(await remains(content)).toEqual([]);
  }
}

async function expectRefused(
  alert: unknown,
  files: NonNullable<Form['files']>,
  check: (response: Response) => void,
): Promise<void> {
  const before = await fingerprint(api.db);
  check(await post(alert, files));
  expect(await fingerprint(api.db)).toBe(before);
  await expectNothingOf(...files.map(([, content]) => content));
}

describe('POST /alerts-attachments', () => {
  it('stores the documented example: two files and an address, bound by name', async () => {
    const log = unique('log');
    const definition = unique('definition');
    const response = await post(
      alertWith([
        { dataType: 'file', attachment: 'log.txt' },
        { dataType: 'file', attachment: 'definition.txt' },
        { dataType: 'ip', data: '10.1.2.3' },
      ]),
      [
        ['definition.txt', definition],
        ['log.txt', log],
      ],
    );
    expect(response.status).toBe(200);
    const alert = expectMatches(alertSchema, response.body);
    expect(
      alert.observables.map(({ dataType, data, attachment, message }) => ({
        dataType,
        data,
        sha256: attachment?.sha256,
        name: attachment?.name,
        message,
      })),
    ).toEqual([
      { dataType: 'file', data: 'log.txt', sha256: sha256(log), name: 'log.txt', message: '' },
      {
        dataType: 'file',
        data: 'definition.txt',
        sha256: sha256(definition),
        name: 'definition.txt',
        message: '',
      },
      { dataType: 'ip', data: '10.1.2.3', sha256: undefined, name: undefined, message: '' },
    ]);
    const read = await http.get(`/api/alerts/${alert.id}`);
    expect((read.body as Alert).observables).toEqual(alert.observables);

    const listed = await http.get(`/api/alerts/${alert.id}/attachments?sort=createdAt`);
    const files = expectMatches(attachmentSchema.array(), listed.body);
    expect(files.map(({ name, size, md5 }) => ({ name, size, md5 }))).toEqual(
      [['definition.txt', definition] as const, ['log.txt', log] as const].map(
        ([name, content]) => ({
          name,
          size: content.length,
          md5: createHash('md5').update(content).digest('hex'),
        }),
      ),
    );
  });

  it('takes the alert as a part with a file name, as browsers send it', async () => {
    const response = await http
      .post('/api/alerts-attachments')
      .attach('alert', Buffer.from(JSON.stringify(alertWith([]))), {
        filename: 'blob',
        contentType: 'application/json',
      });
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ title: 'With files', observables: [] });
  });

  it('takes what single creates take: unknown keys, an unknown type, an empty attachment', async () => {
    const response = await post(
      alertWith(
        [
          { dataType: 'ip', data: '10.9.9.9', attachment: '' },
          { dataType: 'strange', data: 'x' },
        ],
        { nonsense: 1 },
      ),
    );
    expect(response.status).toBe(200);
    expect((response.body as Alert).observables.map(({ dataType }) => dataType)).toEqual([
      'ip',
      'other',
    ]);
  });

  it('keeps equal content once, however often and under whatever name it comes', async () => {
    const content = unique('equal');
    const files = [
      ['a.txt', content],
      ['b.txt', content],
    ] as const;
    const sent = alertWith(files.map(([attachment]) => ({ dataType: 'file', attachment })));
    const responses = await Promise.all(
      Array.from({ length: 10 }, () => post(sent, files, api.http(tenant.key))),
    );
    for (const response of responses) {
      expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
      const alert = response.body as Alert;
      expect(alert.observables).toHaveLength(1);
      const listed = await http.get(`/api/alerts/${alert.id}/attachments`);
      expect((listed.body as Attachment[]).map(({ name }) => name).sort()).toEqual([
        'a.txt',
        'b.txt',
      ]);
    }
    expect(await remains(content)).toEqual(['file', 'row']);
    await api.app.get(BlobsService).sweep();
    expect(await remains(content)).toEqual(['file', 'row']);
  });

  it('adds to the alert that is counted only the files it lacks', async () => {
    const origin = { type: 'edr', source: 'files', sourceRef: unique('ref') };
    const [first, second] = [unique('first'), unique('second')];
    const observable = { dataType: 'file', attachment: 'a.txt' };
    const counting = api.http(tenant.key).set('X-Alert-Dedup', 'count');
    const created = await post(alertWith([observable], origin), [['a.txt', first]], counting);
    const { id } = created.body as Alert;
    for (const content of [first, second]) {
      const counted = await post(alertWith([observable], origin), [['a.txt', content]], counting);
      expect(counted.headers['x-alert-deduplicated']).toBe('true');
      expect((counted.body as Alert).id).toBe(id);
    }
    const listed = await http.get(`/api/alerts/${id}/attachments?sort=createdAt`);
    expect((listed.body as Attachment[]).map((file) => file.sha256)).toEqual([
      sha256(first),
      sha256(second),
    ]);
    const counted = (await http.get(`/api/alerts/${id}`)).body as Alert;
    expect(counted.count).toBe(3);
    expect(counted.observables).toHaveLength(2);
  });

  it('answers a repeated Idempotency-Key as the first time, and 422 with another file', async () => {
    const key = unique('key');
    const content = unique('once');
    const sent = alertWith([{ dataType: 'file', attachment: 'a.txt' }]);
    const agent = () => api.http(tenant.key).set('Idempotency-Key', key);
    const first = await post(sent, [['a.txt', content]], agent());
    expect(first.status).toBe(200);
    const again = await post(sent, [['a.txt', content]], agent());
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(again.body).toEqual(first.body);
    const otherContent = unique('other');
    expectProblem(
      await post(sent, [['a.txt', otherContent]], agent()),
      422,
      'IDEMPOTENCY_KEY_REUSED',
    );
    await expectNothingOf(otherContent);
    expect(await remains(content)).toEqual(['file', 'row']);
  });

  it('writes history and audit of the files as of everything else', async () => {
    const { alert, file } = await alertWithFile();
    const audit = await api.db.rows<{ action: string }>(
      'SELECT action FROM audit_entries WHERE target_id = $1',
      [alert.id],
    );
    expect(audit).toEqual([{ action: 'alert.created' }]);
    const added = await http
      .post(`/api/alerts/${alert.id}/attachments`)
      .attach('file', Buffer.from(unique('more')), 'more.txt');
    expect(added.status).toBe(201);
    const history = await http.get(`/api/alerts/${alert.id}/activities`);
    expect((history.body as { fieldName: string }[])[0]).toMatchObject({
      action: 'added',
      fieldName: 'attachments',
      newValue: { name: 'more.txt' },
    });
    expect(file.alertId).toBe(alert.id);
  });

  describe('answers 400, names the mismatch and stores nothing', () => {
    const cases: readonly [
      what: string,
      observables: readonly object[],
      names: readonly string[],
      paths: readonly string[],
    ][] = [
      [
        'a name without an upload',
        [{ dataType: 'file', attachment: 'missing.txt' }],
        [],
        ['observables[0].attachment'],
      ],
      ['an upload that nobody names', [], ['stray.txt'], ['file[0]']],
      [
        'two uploads of one name',
        [{ dataType: 'file', attachment: 'a.txt' }],
        ['a.txt', 'a.txt'],
        ['file[1]'],
      ],
      [
        'two uploads whose names are one when cleaned',
        [{ dataType: 'file', attachment: 'a.txt' }],
        ['a.txt', 'a.txt '],
        ['file[1]'],
      ],
      [
        'a file on an address',
        [{ dataType: 'ip', data: '10.1.2.3', attachment: 'a.txt' }],
        ['a.txt'],
        ['observables[0].attachment', 'file[0]'],
      ],
      [
        'several of them at once',
        [
          { dataType: 'file', attachment: 'a.txt' },
          { dataType: 'file', attachment: 'b.txt' },
        ],
        ['a.txt', 'c.txt'],
        ['observables[1].attachment', 'file[1]'],
      ],
    ];

    it.each(cases)('%s', async (_what, observables, names, paths) => {
      await expectRefused(
        alertWith(observables),
        names.map((name) => [name, unique(name)] as const),
        (response) => expectInvalid(response, paths),
      );
    });

    it.each([
      ['an alert that is no JSON', '{', ['alert']],
      ['an alert that is nested too deep', '['.repeat(100) + ']'.repeat(100), ['alert']],
      ['an alert that is a list', '[]', ['']],
      ['a broken rule of the alert', JSON.stringify(alertWith([], { severity: 5 })), ['severity']],
    ])('%s', async (_what, alert, paths) => {
      await expectRefused(alert, [['a.txt', unique('a')]], (response) =>
        expectInvalid(response, paths),
      );
    });

    it('an id that means nothing', async () => {
      const sent = alertWith([{ dataType: 'file', attachment: 'a.txt' }], {
        assigneeId: MISSING_ID,
      });
      await expectRefused(sent, [['a.txt', unique('a')]], (response) =>
        expectInvalid(response, ['assigneeId'], 'REFERENCE_NOT_FOUND'),
      );
    });

    it('no part named alert', async () => {
      const content = unique('alone');
      const response = await http
        .post('/api/alerts-attachments')
        .attach('file', Buffer.from(content), 'a.txt');
      expectInvalid(response, ['alert']);
      await expectNothingOf(content);
    });

    it('the alert sent twice, a file without a name, a file under another name', async () => {
      const alert = JSON.stringify(alertWith([]));
      const url = '/api/alerts-attachments';
      const kept = unique('twice');
      const twice = http.post(url).field('alert', [alert, alert]);
      expectInvalid(await twice.attach('file', Buffer.from(kept), 'a'), ['alert']);
      const both = http.post(url).field('alert', alert);
      expectInvalid(await both.attach('alert', Buffer.from(alert), 'blob'), ['alert']);
      await expectNothingOf(kept);
      expectInvalid(await http.post(url).field('alert', alert).field('file', 'text'), ['file']);
      const content = unique('elsewhere');
      const response = await http
        .post(url)
        .field('alert', alert)
        .attach('document', Buffer.from(content), 'a.txt');
      expectInvalid(response, ['document']);
      await expectNothingOf(content);
    });

    it('a body that ends in the middle of a part', async () => {
      const response = await http
        .post('/api/alerts-attachments')
        .set('Content-Type', 'multipart/form-data; boundary=x')
        .send('--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf');
      expectProblem(response, 400, 'VALIDATION_FAILED');
      await expectNothingOf('half');
    });
  });

  outcomes.unauthenticated({
    method: 'post',
    path: () => '/api/alerts-attachments',
    form: { fields: { alert: JSON.stringify(alertWith([])) }, files: [['a.txt', 'x']] },
  });

  outcomes.insufficientScope(
    {
      method: 'post',
      path: () => '/api/alerts-attachments',
      form: { fields: { alert: JSON.stringify(alertWith([])) } },
    },
    'alerts:write',
    ['alerts:read', 'cases:write', 'observables:write'],
  );

  it('answers 403 above the clearance, and keeps no file', async () => {
    const { key } = await addKey(api.db, tenant, { tlpMax: 2 });
    const content = unique('secret');
    const sent = alertWith([{ dataType: 'file', attachment: 'a.txt', tlp: 4 }]);
    const response = await post(sent, [['a.txt', content]], api.http(key));
    expectProblem(response, 403, 'CLEARANCE_TLP');
    await expectNothingOf(content);
  });

  it('answers 409 under the policy reject, and keeps no file', async () => {
    const origin = { type: 'edr', source: 'files', sourceRef: unique('ref') };
    const agent = () => api.http(tenant.key).set('X-Alert-Dedup', 'reject');
    const observable = { dataType: 'file', attachment: 'a.txt' };
    await post(alertWith([observable], origin), [['a.txt', unique('first')]], agent());
    const content = unique('second');
    const refused = await post(alertWith([observable], origin), [['a.txt', content]], agent());
    expectProblem(refused, 409, 'ALERT_EXISTS');
    await expectNothingOf(content);
  });

  it('answers 413 to a file, a number of files and an alert above their limits', async () => {
    const fits = 'x'.repeat(UPLOAD_LIMIT);
    const observable = { dataType: 'file', attachment: 'a.txt' };
    expect((await post(alertWith([observable]), [['a.txt', fits]])).status).toBe(200);
    const tooLarge = 'y'.repeat(UPLOAD_LIMIT + 1);
    expectProblem(
      await post(alertWith([observable]), [['a.txt', tooLarge]]),
      413,
      'BODY_TOO_LARGE',
    );
    await expectNothingOf(tooLarge);
    const many = Array.from(
      { length: FILES_MAX + 1 },
      (_, index) => [`${index}.txt`, unique('many')] as const,
    );
    expectProblem(await post(alertWith([]), many), 413, 'BODY_TOO_LARGE');
    await expectNothingOf(...many.map(([, content]) => content));
    const description = 'z'.repeat(api.config.bodyBytesMax + 1);
    expectProblem(await post(alertWith([], { description })), 413, 'BODY_TOO_LARGE');
  });

  it('answers 413 at once to a length that no request may have', async () => {
    const { port } = new URL(api.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `POST /api/alerts-attachments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tenant.key}\r\n` +
        `Content-Type: multipart/form-data; boundary=x\r\nContent-Length: ${2 ** 31}\r\n\r\n--x\r\n`,
    );
    const [head] = await new Promise<string[]>((resolve) => {
      socket.once('data', (data) => {
        resolve(data.toString().split('\r\n'));
      });
    });
    socket.destroy();
    expect(head).toBe('HTTP/1.1 413 Payload Too Large');
  });

  it('answers 413 as soon as a file is too large, however much of it is still to come', async () => {
    const path = `/api/cases/${await makeCase()}/attachments`;
    const before = await fingerprint(api.db);
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    const chunk = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n`;
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tenant.key}\r\n` +
        'Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n' +
        chunk('--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n') +
        chunk('x'.repeat(UPLOAD_LIMIT + 1)),
    );
    const [data] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(data.toString()).toMatch(/^HTTP\/1\.1 413 [^]+"code":"BODY_TOO_LARGE"/);
    await expectNothingOf('x'.repeat(UPLOAD_LIMIT + 1));
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('answers 415 to JSON and to multipart without a boundary', async () => {
    expectProblem(
      await http.post('/api/alerts-attachments').send(alertWith([])),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    );
    const response = await http
      .post('/api/alerts-attachments')
      .set('Content-Type', 'multipart/form-data')
      .send('x');
    expectProblem(response, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it.each([
    ['../../../etc/passwd', 'passwd'],
    ['..\\..\\windows\\system.ini', 'system.ini'],
    ['naïve ☃.txt', 'naïve ☃.txt'],
    ['invoice\u202Efdp.exe', 'invoicefdp.exe'],
    ['trailing. . .', 'trailing'],
    ['...', 'unnamed'],
  ])('keeps a hostile name %j as %j, and off the disk', async (name, kept) => {
    const content = unique('hostile');
    const response = await post(alertWith([{ dataType: 'file', attachment: name }]), [
      [name, content],
    ]);
    expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
    const [observable] = (response.body as Alert).observables;
    expect(observable?.attachment?.name).toBe(kept);
    expect(await filesOf(sha256(content))).toHaveLength(1);
  });

  it('leaves nothing of an upload that is broken off', async () => {
    const content = randomBytes(20_000).toString('hex');
    const { port } = new URL(api.url);
    const before = await fingerprint(api.db);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `POST /api/alerts-attachments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tenant.key}\r\n` +
        `Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 60000\r\n\r\n--x\r\n` +
        `Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n${content}`,
    );
    const incoming = join(dataDir, 'attachments', 'incoming');
    while ((await readdir(incoming)).length === 0) await sleep(5);
    socket.destroy();
    await expectNothingOf(content);
    expect(await fingerprint(api.db)).toBe(before);
  });
});

/** A content that a request of some time ago holds and never attached. */
async function addHeldBlob(digest: string, age: string): Promise<void> {
  await api.db.rows(
    `INSERT INTO blobs (sha256, sha1, md5, size, key)
     VALUES (decode($1, 'hex'), decode($2, 'hex'), decode($3, 'hex'), 1, $1)`,
    [digest, digest.slice(0, 40), digest.slice(0, 32)],
  );
  await api.db.rows(
    `INSERT INTO blob_holds (id, sha256, created_at)
     VALUES (gen_random_uuid(), decode($1, 'hex'), now() - $2::interval)`,
    [digest, age],
  );
}

describe('what a crash leaves', () => {
  it('is removed by the sweep: files half received, contents that nothing names', async () => {
    const { file } = await alertWithFile();
    const abandoned = unique('abandoned');
    const digest = sha256(abandoned);
    const half = join(dataDir, 'attachments', 'incoming', 'half');
    const directory = join(dataDir, 'attachments', digest.slice(0, 2));
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, digest), abandoned);
    await writeFile(half, 'half');
    await utimes(half, new Date(0), new Date(0));
    await addHeldBlob(digest, '2 hours');
    await api.app.get(BlobsService).sweep();
    expect(await remains(abandoned)).toEqual([]);
    expect((await http.get(`/api/attachments/${file.id}/download`)).status).toBe(200);
  });

  it('is left alone while a request may still be at work on it', async () => {
    const recent = unique('recent');
    const digest = sha256(recent);
    await addHeldBlob(digest, '1 minute');
    await api.app.get(BlobsService).sweep();
    expect(await remains(recent)).toEqual(['row']);
    await api.db.rows(`DELETE FROM blob_holds WHERE sha256 = decode($1, 'hex')`, [digest]);
    await api.db.rows(`DELETE FROM blobs WHERE sha256 = decode($1, 'hex')`, [digest]);
  });
});

describe('POST /alerts/:id/attachments', () => {
  it('attaches files, all or none', async () => {
    const { alert } = await alertWithFile();
    const [a, b] = [unique('a'), unique('b')];
    const response = await http
      .post(`/api/alerts/${alert.id}/attachments`)
      .attach('file', Buffer.from(a), { filename: 'a.html', contentType: 'text/html' })
      .attach('file', Buffer.from(b), 'b.bin');
    expect(response.status).toBe(201);
    const files = expectMatches(attachmentSchema.array(), response.body);
    expect(
      files.map(({ name, contentType, sha256: digest }) => [name, contentType, digest]),
    ).toEqual([
      ['a.html', 'text/html', sha256(a)],
      ['b.bin', 'application/octet-stream', sha256(b)],
    ]);
  });

  it('takes an empty file', async () => {
    const { alert } = await alertWithFile();
    const response = await http
      .post(`/api/alerts/${alert.id}/attachments`)
      .attach('file', Buffer.alloc(0), 'empty');
    expect(response.status).toBe(201);
    const [file] = response.body as [Attachment];
    expect(file).toMatchObject({ size: 0, sha256: sha256('') });
    const { headers } = await http.get(`/api/attachments/${file.id}/download`);
    expect(headers['content-length']).toBe('0');
  });

  it('answers 400 without a file', async () => {
    const { alert } = await alertWithFile();
    const response = await http.post(`/api/alerts/${alert.id}/attachments`).field('note', 'x');
    expectInvalid(response, ['file']);
  });

  it('answers 404 to another tenant, and keeps no file', async () => {
    const { alert } = await alertWithFile();
    const content = unique('foreign');
    const response = await api
      .http(other.key)
      .post(`/api/alerts/${alert.id}/attachments`)
      .attach('file', Buffer.from(content), 'a.txt');
    expectProblem(response, 404, 'ALERT_NOT_FOUND');
    await expectNothingOf(content);
  });
});

describe('GET /alerts/:id/attachments', () => {
  it('pages newest first, and counts', async () => {
    const { alert } = await alertWithFile();
    for (const name of ['1', '2', '3']) {
      await http
        .post(`/api/alerts/${alert.id}/attachments`)
        .attach('file', Buffer.from(unique(name)), name);
    }
    const first = await http.get(`/api/alerts/${alert.id}/attachments?limit=3&count=true`);
    expect((first.body as Attachment[]).map(({ name }) => name)).toEqual(['3', '2', '1']);
    expect(first.headers['x-total-count']).toBe('4');
    const next = /<([^>]+)>/.exec(first.headers.link ?? '')?.[1] ?? '';
    const last = await http.get(next);
    expect((last.body as Attachment[]).map(({ name }) => name)).toEqual(['evidence.txt']);
    expect(last.headers.link).toBeUndefined();
  });

  it('leaves out the file of an observable above the clearance', async () => {
    const { alert, file } = await alertWithFile(unique('red'), { tlp: 4 });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    const listed = await low.get(`/api/alerts/${alert.id}/attachments?count=true`);
    expect(listed.body).toEqual([]);
    expect(listed.headers['x-total-count']).toBe('0');
    for (const path of ['', '/download'])
      expectProblem(await low.get(`/api/attachments/${file.id}${path}`), 403, 'CLEARANCE_TLP');
  });
});

const makeCase = async (body: object = {}, agent = http): Promise<string> => {
  const response = await agent
    .post('/api/cases')
    .send({ title: 'With files', statusValue: 'new', severity: 1, ...body });
  expect(response.status).toBe(200);
  return (response.body as { id: string }).id;
};

const makeTask = async (caseId: string, body: object = {}, agent = http): Promise<string> => {
  const response = await agent.post(`/api/cases/${caseId}/tasks`).send({ title: 'x', ...body });
  expect(response.status).toBe(201);
  return (response.body as { id: string }).id;
};

/** Attaches one file to `alerts/…`, `cases/…` or `tasks/…`. */
const attach = async (
  path: string,
  content = unique('content'),
  name = 'evidence.txt',
  agent = http,
): Promise<Attachment> => {
  const response = await agent
    .post(`/api/${path}/attachments`)
    .attach('file', Buffer.from(content), name);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(attachmentSchema, (response.body as Attachment[])[0]);
};

describe('attachments of a task', () => {
  it('are added, listed, read and downloaded, and told of by the task and its case', async () => {
    const caseId = await makeCase();
    const id = await makeTask(caseId);
    const content = unique('image');
    const file = await attach(`tasks/${id}`, content, 'memory.img');
    expect(file).toMatchObject({ alertId: null, caseId: null, taskId: id, name: 'memory.img' });
    expect((await http.get(`/api/tasks/${id}/attachments`)).body).toEqual([file]);
    expect((await http.get(`/api/attachments/${file.id}`)).body).toEqual(file);
    const download = await http.get(`/api/attachments/${file.id}/download`).buffer(true);
    expect((download.body as Buffer).toString()).toBe(content);
    expect((await http.get(`/api/cases/${caseId}/attachments`)).body).toEqual([]);
    for (const path of [`tasks/${id}`, `cases/${caseId}`]) {
      const [line] = (await http.get(`/api/${path}/activities`)).body as [Activity];
      expect(line).toMatchObject({
        action: 'added',
        fieldName: 'attachments',
        newValue: { id: file.id, name: 'memory.img' },
      });
    }
  });

  it('are as restricted as the stricter of the task and its case, now and later', async () => {
    const caseId = await makeCase();
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    const red = await makeTask(caseId, { tlp: 4 });
    const secret = await attach(`tasks/${red}`);
    expectProblem(await low.get(`/api/tasks/${red}/attachments`), 403, 'CLEARANCE_TLP');
    const upload = low.post(`/api/tasks/${red}/attachments`);
    expectProblem(await upload.attach('file', Buffer.from('x'), 'x'), 403, 'CLEARANCE_TLP');
    const amber = await makeTask(caseId);
    const file = await attach(`tasks/${amber}`);
    expect((await low.get(`/api/attachments/${file.id}`)).status).toBe(200);
    const shown = await low.get(`/api/cases/${caseId}/activities`);
    expect(shown.text).toContain(file.id);
    expect(shown.text).not.toContain(secret.id);
    await http.patch(`/api/cases/${caseId}`).send({ tlp: 4 });
    for (const { id } of [file, secret])
      for (const path of ['', '/download'])
        expectProblem(await low.get(`/api/attachments/${id}${path}`), 403, 'CLEARANCE_TLP');
  });

  it('are for guests of the case too', async () => {
    const organizations = [tenant.organizationId, other.organizationId];
    const id = await makeTask(await makeCase({ organizations }));
    const guest = api.http(other.key);
    const file = await attach(`tasks/${id}`, unique('theirs'), 'theirs.txt', guest);
    expect((await http.get(`/api/tasks/${id}/attachments`)).body).toEqual([file]);
  });

  it.each(['tasks', 'cases'])('go out of sight with what is deleted of %s', async (kind) => {
    const caseId = await makeCase();
    const id = await makeTask(caseId);
    const file = await attach(`tasks/${id}`);
    await http.delete(`/api/${kind}/${kind === 'tasks' ? id : caseId}`);
    expectProblem(await http.get(`/api/tasks/${id}/attachments`), 404, 'TASK_NOT_FOUND');
    for (const path of ['', '/download'])
      expectProblem(
        await http.get(`/api/attachments/${file.id}${path}`),
        404,
        'ATTACHMENT_NOT_FOUND',
      );
  });

  it('refuse an upload to a deleted task, and keep nothing of it', async () => {
    const id = await makeTask(await makeCase());
    await http.delete(`/api/tasks/${id}`);
    const content = unique('late');
    const response = await http
      .post(`/api/tasks/${id}/attachments`)
      .attach('file', Buffer.from(content), 'late.txt');
    expectProblem(response, 404, 'TASK_NOT_FOUND');
    await expectNothingOf(content);
  });
});

describe('the files of a case and its tasks', () => {
  const upload = (path: string, sizes: readonly number[]) => {
    const request = api.http(tenant.key).post(`/api/${path}/attachments`);
    const contents = sizes.map((size) => randomBytes(size));
    for (const content of contents) request.attach('file', content, 'a.bin');
    return request;
  };

  it('may take up to a limit together, beyond which an upload is 413 and leaves nothing', async () => {
    const caseId = await makeCase();
    const taskId = await makeTask(caseId);
    expect((await upload(`cases/${caseId}`, [UPLOAD_LIMIT, UPLOAD_LIMIT])).status).toBe(201);
    const [file] = (await upload(`tasks/${taskId}`, [UPLOAD_LIMIT])).body as [Attachment];
    const before = await fingerprint(api.db);
    for (const path of [`cases/${caseId}`, `tasks/${taskId}`]) {
      const problem = expectProblem(
        await upload(path, [UPLOAD_LIMIT - 1, 2]),
        413,
        'CASE_FILES_FULL',
      );
      expect(problem.detail).toContain(String(CASE_LIMIT));
    }
    expect(await fingerprint(api.db)).toBe(before);
    const content = 'y'.repeat(UPLOAD_LIMIT);
    const small = unique('small');
    const refused = http
      .post(`/api/cases/${caseId}/attachments`)
      .attach('file', Buffer.from(small), 'small')
      .attach('file', Buffer.from(content), 'large');
    expectProblem(await refused, 413, 'CASE_FILES_FULL');
    await expectNothingOf(small, content);
    expect((await upload(`tasks/${taskId}`, [UPLOAD_LIMIT])).status).toBe(201);
    expectProblem(await upload(`cases/${caseId}`, [1]), 413, 'CASE_FILES_FULL');
    expect((await http.delete(`/api/attachments/${file.id}`)).status).toBe(204);
    expect((await upload(`cases/${caseId}`, [UPLOAD_LIMIT])).status).toBe(201);
  });

  it('never exceed it by uploads at once', async () => {
    const caseId = await makeCase();
    const paths = [`cases/${caseId}`, `tasks/${await makeTask(caseId)}`];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => upload(paths[index % 2] ?? '', [UPLOAD_LIMIT])),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(4);
    expect(statuses.filter((status) => status === 413)).toHaveLength(16);
  });

  it('may be more where alerts bring them: nothing is lost over it', async () => {
    const caseId = await makeCase();
    await upload(
      `cases/${caseId}`,
      Array.from({ length: 4 }, () => UPLOAD_LIMIT),
    );
    const { alert, file } = await alertWithFile();
    expect((await http.post(`/api/alerts/${alert.id}/merge/${caseId}`)).status).toBe(200);
    const files = (await http.get(`/api/cases/${caseId}/attachments`)).body as Attachment[];
    expect(files.map((each) => each.sha256)).toContain(file.sha256);
    expectProblem(await upload(`cases/${caseId}`, [1]), 413, 'CASE_FILES_FULL');
  });
});

describe('GET /attachments/:id/download', () => {
  it('answers the bytes, which no browser shows', async () => {
    const content = '<script>alert(1)</script>';
    const { file } = await alertWithFile(content);
    const response = await http
      .get(`/api/attachments/${file.id}/download`)
      .buffer(true)
      .parse((stream, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          done(null, Buffer.concat(chunks));
        });
      });
    expect(response.status).toBe(200);
    expect((response.body as Buffer).toString()).toBe(content);
    expect(response.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': String(content.length),
      'content-disposition': 'attachment; filename=evidence.txt',
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
    });
    const audit = await api.db.rows(
      `SELECT action FROM audit_entries WHERE target_id = $1 AND action = 'attachment.downloaded'`,
      [file.id],
    );
    expect(audit).toHaveLength(1);
  });

  it('answers whatever the request accepts, and HEAD without a body', async () => {
    const { file } = await alertWithFile();
    const path = `/api/attachments/${file.id}/download`;
    expect((await http.get(path).set('Accept', 'application/octet-stream')).status).toBe(200);
    const head = await http.head(path);
    expect([head.status, head.headers['content-length']]).toEqual([200, String(file.size)]);
  });

  it("answers 403 without the scope of its parent's kind", async () => {
    const { file } = await alertWithFile();
    const { key } = await addKey(api.db, tenant, { scopes: ['cases:read'] });
    const response = await api.http(key).get(`/api/attachments/${file.id}/download`);
    expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
    expect(response.headers['www-authenticate']).toContain('scope="alerts:read"');
  });

  it('answers 404 once its alert is deleted', async () => {
    const { alert, file } = await alertWithFile();
    await http.delete(`/api/alerts/${alert.id}`);
    for (const path of ['', '/download'])
      expectProblem(
        await http.get(`/api/attachments/${file.id}${path}`),
        404,
        'ATTACHMENT_NOT_FOUND',
      );
  });
});

describe('GET /attachments/:id/download?zip=true', () => {
  const zipOf = (file: Attachment, agent = http) =>
    agent.get(`/api/attachments/${file.id}/download?zip=true`).buffer(true);

  it('answers an encrypted zip that no browser shows, and is audited', async () => {
    const content = unique('<script>alert(1)</script>');
    const file = await attach(`cases/${await makeCase()}`, content, 'évil ☃.html');
    const response = await zipOf(file);
    expect(response.status).toBe(200);
    expect(response.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition':
        'attachment; filename="?vil ?.html.zip"; filename*=UTF-8\'\'%C3%A9vil%20%E2%98%83.html.zip',
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
    });
    expect(response.headers['content-length']).toBeUndefined();
    const zip = response.body as Buffer;
    expect(zip.includes(content)).toBe(false);
    const reader = new ZipReader(new Uint8ArrayReader(zip), { password: 'infected' });
    const [entry] = await reader.getEntries();
    if (!entry || entry.directory) throw new Error('No file.');
    expect(entry.filename).toBe('évil ☃.html');
    const read = await entry.getData(new Uint8ArrayWriter());
    expect(Buffer.from(read).toString()).toBe(content);
    const audit = await api.db.rows(
      `SELECT 1 FROM audit_entries WHERE target_id = $1 AND action = 'attachment.downloaded'`,
      [file.id],
    );
    expect(audit).toHaveLength(1);
  });

  // What the other tests read by a library, read by the tool that people have, where there is one.
  const hasUnzip = spawnSync('unzip', ['-v']).status === 0;

  (hasUnzip ? it : it.skip).each([
    ['any', randomBytes(60_000)],
    ['an empty one', Buffer.alloc(0)],
  ])('is opened by unzip, whose content is %s', async (_what, content) => {
    const response = await http
      .post(`/api/cases/${await makeCase()}/attachments`)
      .attach('file', content, 'sample.exe');
    const [file] = response.body as [Attachment];
    const path = join(dataDir, `${file.id}.zip`);
    await writeFile(path, (await zipOf(file)).body as Buffer);
    expect(execFileSync('unzip', ['-p', '-P', 'infected', path]).equals(content)).toBe(true);
    if (content.length > 0)
      expect(spawnSync('unzip', ['-p', '-P', 'guessed', path]).status).not.toBe(0);
  });

  it('answers a file as it is to zip=false, and 400 to anything else', async () => {
    const content = unique('plain');
    const file = await attach(`cases/${await makeCase()}`, content);
    const path = `/api/attachments/${file.id}/download`;
    const plain = await http.get(`${path}?zip=false`).buffer(true);
    expect((plain.body as Buffer).toString()).toBe(content);
    expectInvalid(await http.get(`${path}?zip=maybe`), ['zip']);
    expectInvalid(await http.get(`${path}?zip=true&zip=true`), ['zip']);
  });
});

describe('DELETE /attachments/:id', () => {
  const upload = (path: string, content: string) =>
    api
      .http(tenant.key)
      .post(`/api/${path}/attachments`)
      .attach('file', Buffer.from(content), 'a.txt');

  it.each(['alerts', 'cases', 'tasks'])(
    'takes a file of %s out of every read and off the disk, with history and audit',
    async (kind) => {
      const caseId = await makeCase();
      const { alert } = await alertWithFile();
      const id = { alerts: alert.id, cases: caseId, tasks: await makeTask(caseId) }[kind];
      const path = `${kind}/${id ?? ''}`;
      const content = unique('deleted');
      const file = await attach(path, content);
      const kept = await attach(path);
      expect((await http.delete(`/api/attachments/${file.id}`)).status).toBe(204);
      await expectNothingOf(content);
      for (const suffix of ['', '/download'])
        expectProblem(
          await http.get(`/api/attachments/${file.id}${suffix}`),
          404,
          'ATTACHMENT_NOT_FOUND',
        );
      const again = await http.delete(`/api/attachments/${file.id}`);
      expectProblem(again, 404, 'ATTACHMENT_NOT_FOUND');
      const listed = (await http.get(`/api/${path}/attachments`)).body as Attachment[];
      expect(listed.map((each) => each.id)).toContain(kept.id);
      expect(listed.map((each) => each.id)).not.toContain(file.id);
      for (const of of kind === 'tasks' ? [path, `cases/${caseId}`] : [path]) {
        const [line] = (await http.get(`/api/${of}/activities`)).body as [Activity];
        expect(line).toMatchObject({
          action: 'removed',
          fieldName: 'attachments',
          oldValue: { id: file.id, name: 'evidence.txt' },
        });
      }
      const audit = await api.db.rows(
        `SELECT changes FROM audit_entries WHERE target_id = $1 AND action = 'attachment.deleted'`,
        [file.id],
      );
      expect(audit).toEqual([
        {
          changes: [
            { field: 'name', old: 'evidence.txt', new: null },
            { field: 'sha256', old: sha256(content), new: null },
          ],
        },
      ]);
    },
  );

  it('leaves a content that another file has, until the last one goes', async () => {
    const content = unique('twice');
    const caseId = await makeCase();
    const [one, two] = [
      await attach(`cases/${caseId}`, content),
      await attach(`cases/${caseId}`, content),
    ];
    expect((await http.delete(`/api/attachments/${one.id}`)).status).toBe(204);
    expect(await remains(content)).toEqual(['file', 'row']);
    expect((await http.get(`/api/attachments/${two.id}/download`)).status).toBe(200);
    expect((await http.delete(`/api/attachments/${two.id}`)).status).toBe(204);
    await expectNothingOf(content);
  });

  it('never takes the bytes of an equal upload with it, in fifty races', async () => {
    const path = `cases/${await makeCase()}`;
    for (let round = 0; round < 50; round++) {
      const content = unique('raced');
      const old = await attach(path, content);
      const [deleted, uploaded, download] = await Promise.all([
        api.http(tenant.key).delete(`/api/attachments/${old.id}`),
        sleep(round % 5).then(() => upload(path, content)),
        sleep(round % 3).then(() =>
          api.http(tenant.key).get(`/api/attachments/${old.id}/download`),
        ),
      ]);
      expect([deleted.status, uploaded.status]).toEqual([204, 201]);
      expect([200, 404]).toContain(download.status);
      const [file] = uploaded.body as [Attachment];
      const read = await http.get(`/api/attachments/${file.id}/download`);
      expect((read.body as Buffer).toString()).toBe(content);
      expect((await http.delete(`/api/attachments/${file.id}`)).status).toBe(204);
      await expectNothingOf(content);
    }
  });

  it('is done by one of fifty who ask at once', async () => {
    const content = unique('once');
    const { id } = await attach(`cases/${await makeCase()}`, content);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => api.http(tenant.key).delete(`/api/attachments/${id}`)),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    expect(statuses.filter((status) => status === 404)).toHaveLength(49);
    await expectNothingOf(content);
  });

  it('is finished by the sweep when a crash comes between', async () => {
    const content = unique('crashed');
    const file = await attach(`cases/${await makeCase()}`, content);
    await api.db.rows(
      `INSERT INTO blob_holds (id, sha256, created_at)
       VALUES (gen_random_uuid(), decode($1, 'hex'), now() - interval '2 hours')`,
      [file.sha256],
    );
    await api.db.rows('UPDATE attachments SET deleted_at = now(), sha256 = NULL WHERE id = $1', [
      file.id,
    ]);
    await api.app.get(BlobsService).sweep();
    await expectNothingOf(content);
  });

  const probe = { method: 'delete', path: () => `/api/attachments/${MISSING_ID}` } as const;

  outcomes.unauthenticated(probe);

  it.each([
    ['alerts', 'alerts:write', ['alerts:read', 'cases:write']],
    ['cases', 'cases:write', ['cases:read', 'alerts:write']],
    ['tasks', 'cases:write', ['cases:read', 'alerts:write']],
  ] as const)('answers 403 to a key that may not write %s', async (kind, needed, scopes) => {
    const caseId = await makeCase();
    const { alert } = await alertWithFile();
    const id = { alerts: alert.id, cases: caseId, tasks: await makeTask(caseId) }[kind];
    const file = await attach(`${kind}/${id}`);
    const { key } = await addKey(api.db, tenant, { scopes });
    const response = await api.http(key).delete(`/api/attachments/${file.id}`);
    expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
    expect(response.headers['www-authenticate']).toContain(`scope="${needed}"`);
  });

  it('answers 403 above the clearance, and to a guest, and keeps the file', async () => {
    const organizations = [tenant.organizationId, other.organizationId];
    const content = unique('kept');
    const caseId = await makeCase({ organizations });
    const guest = api.http(other.key);
    const theirs = await attach(`cases/${caseId}`, content, 'theirs.txt', guest);
    expectProblem(await guest.delete(`/api/attachments/${theirs.id}`), 403, 'OWNER_ONLY');
    const { file } = await alertWithFile(content, { tlp: 4 });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expectProblem(await low.delete(`/api/attachments/${file.id}`), 403, 'CLEARANCE_TLP');
    expect(await remains(content)).toEqual(['file', 'row']);
    expect((await http.delete(`/api/attachments/${theirs.id}`)).status).toBe(204);
  });

  outcomes.notFound(
    'delete',
    (id) => `/api/attachments/${id}`,
    'ATTACHMENT_NOT_FOUND',
    async () => {
      const { alert, file } = await alertWithFile();
      await http.delete(`/api/alerts/${alert.id}`);
      const guest = api.http(other.key);
      const foreign = await attach(
        `cases/${await makeCase({}, guest)}`,
        unique('foreign'),
        'a.txt',
        guest,
      );
      return [file.id, foreign.id];
    },
  );

  it('answers 409 while an observable is the file, naming it to those who may see it', async () => {
    const { alert, file } = await alertWithFile();
    const [observable] = alert.observables;
    const refused = await http.delete(`/api/attachments/${file.id}`);
    expect(expectProblem(refused, 409, 'IN_USE').conflictingId).toBe(observable?.id);
    await api.db.rows('UPDATE observables SET tlp = 4 WHERE id = $1', [observable?.id]);
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 3 })).key);
    const unnamed = await low.delete(`/api/attachments/${file.id}`);
    expect(expectProblem(unnamed, 409, 'IN_USE').conflictingId).toBeUndefined();
    await api.db.rows('UPDATE observables SET deleted_at = now() WHERE id = $1', [observable?.id]);
    expect((await http.delete(`/api/attachments/${file.id}`)).status).toBe(204);
  });
});

describe('the marking of a file', () => {
  /** What a key up to TLP 2 gets of every file of a record. */
  async function seenByLow(path: string): Promise<Record<string, number>> {
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    const files = (await http.get(`/api/${path}/attachments`)).body as Attachment[];
    const seen: Record<string, number> = {};
    for (const { id, name } of files)
      seen[name] = (await low.get(`/api/attachments/${id}/download`)).status;
    const listed = (await low.get(`/api/${path}/attachments`)).body as Attachment[];
    expect(listed.map(({ name }) => name).sort()).toEqual(
      Object.keys(seen)
        .filter((name) => seen[name] === 200)
        .sort(),
    );
    return seen;
  }

  const create = async (
    observables: readonly object[],
    names: readonly string[],
    content: string,
  ) => {
    const response = await post(
      alertWith(observables),
      names.map((name) => [name, content] as const),
    );
    expect(response.status).toBe(200);
    return (response.body as Alert).id;
  };
  const file = (attachment: string, rest: object = {}) => ({
    dataType: 'file',
    attachment,
    ...rest,
  });

  it('is the strictest of all that names it, however equal observables are united', async () => {
    const content = unique('marked');
    const digest = sha256(content);
    const plain = { dataType: 'file', data: digest };
    const cases: readonly [readonly object[], readonly string[], Record<string, number>][] = [
      [[file('a', { tlp: 1 }), file('b', { tlp: 4 })], ['a', 'b'], { a: 200, b: 403 }],
      [[file('a', { tlp: 1 }), file('a', { tlp: 4 })], ['a'], { a: 403 }],
      [[plain, file('a', { tlp: 4 })], ['a'], { a: 403 }],
    ];
    for (const [observables, names, expected] of cases) {
      const id = await create(observables, names, content);
      expect(await seenByLow(`alerts/${id}`)).toEqual(expected);
      const [observable] = ((await http.get(`/api/alerts/${id}`)).body as Alert).observables;
      expect(observable).toMatchObject({ tlp: 4, attachment: { sha256: digest } });
    }
  });

  it('goes with it into cases, the stricter kept', async () => {
    const content = unique('promoted');
    const open = await create([file('a')], ['a'], content);
    const red = await create([file('b', { tlp: 4 })], ['b'], content);
    const redder = await create([file('a', { tlp: 4 })], ['a'], content);
    const body = { title: 'x', statusValue: 'new', severity: 1, alertIds: [open, red] };
    const created = await http.post('/api/alerts/create-case').send(body);
    const { caseId } = created.body as { caseId: string };
    expect(await seenByLow(`cases/${caseId}`)).toEqual({ a: 200, b: 403 });
    await http.post(`/api/alerts/${redder}/merge/${caseId}`);
    expect(await seenByLow(`cases/${caseId}`)).toEqual({ a: 403, b: 403 });
  });

  it('holds for the line of history that tells of it', async () => {
    const { id } = (await post(alertWith([], { tlp: 4 }))).body as Alert;
    await http.post(`/api/alerts/${id}/attachments`).attach('file', Buffer.from('x'), 'red.txt');
    await http.patch(`/api/alerts/${id}`).send({ tlp: 1 });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expect((await low.get(`/api/alerts/${id}/activities`)).text).not.toContain('red.txt');
    expect((await http.get(`/api/alerts/${id}/activities`)).text).toContain('red.txt');
    expect(await seenByLow(`alerts/${id}`)).toEqual({ 'red.txt': 403 });
  });

  it('is raised by an equal file that is counted, which is kept once', async () => {
    const origin = { type: 'edr', source: 'files', sourceRef: unique('ref') };
    const content = unique('counted');
    const agent = () => api.http(tenant.key).set('X-Alert-Dedup', 'count');
    const send = (observables: readonly object[], names: readonly string[]) =>
      post(
        alertWith(observables, origin),
        names.map((name) => [name, content] as const),
        agent(),
      );
    const { id } = (await send([{ dataType: 'file', data: sha256(content) }], [])).body as Alert;
    for (let round = 0; round < 3; round++) {
      const counted = await send([file('a', { tlp: round === 2 ? 4 : 1 })], ['a']);
      expect(counted.headers['x-alert-deduplicated']).toBe('true');
      expect(await seenByLow(`alerts/${id}`)).toEqual({ a: round === 2 ? 403 : 200 });
    }
    const entries = await api.db.rows<{ action: string; changes: readonly unknown[] }>(
      `SELECT e.action, e.changes FROM audit_entries e JOIN attachments f ON f.id::text = e.target_id
       WHERE f.alert_id = $1 AND e.action <> 'attachment.downloaded' ORDER BY e.at, e.id`,
      [id],
    );
    expect(entries.map(({ action }) => action)).toEqual([
      'attachment.created',
      'attachment.updated',
    ]);
    expect(entries[1]?.changes).toEqual([{ field: 'tlp', old: 2, new: 4 }]);
  });
});

describe('uploads at once', () => {
  it('never lose a file to an equal one that is refused meanwhile', async () => {
    const content = unique('contested');
    const good = alertWith([{ dataType: 'file', attachment: 'a.txt' }]);
    const bad = alertWith([{ dataType: 'file', attachment: 'other.txt' }]);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        post(index % 2 === 0 ? good : bad, [['a.txt', content]], api.http(tenant.key)),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(
      answers.map((_, index) => (index % 2 === 0 ? 200 : 400)),
    );
    expect(await remains(content)).toEqual(['file', 'row']);
  });

  it('with one Idempotency-Key let one be done', async () => {
    const content = unique('same key');
    const key = unique('key');
    const sent = alertWith([{ dataType: 'file', attachment: 'a.txt' }]);
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        post(sent, [['a.txt', content]], api.http(tenant.key).set('Idempotency-Key', key)),
      ),
    );
    const statuses = new Set(answers.map(({ status }) => status));
    expect(statuses).toContain(200);
    expect([...statuses].filter((status) => status !== 200 && status !== 409)).toEqual([]);
  });

  it('leave nothing when the client goes after its last byte', async () => {
    const content = unique('gone');
    const { port } = new URL(api.url);
    const alert = JSON.stringify(alertWith([], { severity: 9 }));
    const body =
      `--x\r\nContent-Disposition: form-data; name="alert"\r\n\r\n${alert}\r\n` +
      `--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n${content}\r\n--x--\r\n`;
    for (let delayMs = 0; delayMs < 10; delayMs++) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(
        `POST /api/alerts-attachments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tenant.key}\r\n` +
          `Content-Type: multipart/form-data; boundary=x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      await sleep(delayMs);
      socket.destroy();
    }
    await expectNothingOf(content);
  });
});

describe('promotion', () => {
  it('carries the files of alerts into the case, equal ones once, and those of observables with them', async () => {
    const shared = unique('shared');
    const [first, second] = [await alertWithFile(shared), await alertWithFile(shared)];
    await http
      .post(`/api/alerts/${second.alert.id}/attachments`)
      .attach('file', Buffer.from(unique('more')), 'more.txt');
    const created = await http.post('/api/alerts/create-case').send({
      title: 'With files',
      statusValue: 'new',
      severity: 2,
      alertIds: [first.alert.id, second.alert.id],
    });
    const { caseId } = created.body as { caseId: string };
    const listed = await http.get(`/api/cases/${caseId}/attachments`);
    const files = listed.body as Attachment[];
    expect(files.map(({ name }) => name).sort()).toEqual(['evidence.txt', 'more.txt']);
    const observables = await http.get(`/api/cases/${caseId}/observables`);
    expect(observables.body).toMatchObject([
      { attachment: { id: files.find(({ name }) => name === 'evidence.txt')?.id } },
    ]);
    const third = await alertWithFile(shared);
    expect((await http.post(`/api/alerts/${third.alert.id}/merge/${caseId}`)).status).toBe(200);
    const merged = await http.get(`/api/cases/${caseId}/attachments`);
    expect(merged.body).toEqual(files);
    await http.delete(`/api/alerts/${first.alert.id}`);
    const [file] = files;
    expect((await http.get(`/api/attachments/${file?.id ?? ''}/download`)).status).toBe(200);
  });
});
