import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
import type { Attachment } from '../../src/attachments/attachments.schema.js';
import { BlobsService } from '../../src/storage/blobs.service.js';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import { databaseUrl } from '../database.js';
import { createTenant, fingerprint } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectProblem } from '../matchers.js';
import { MISSING_ID } from '../outcomes.js';
import { ObjectStore } from '../object-store.js';

/** A place for files, and a look into it beside the application. */
interface Place {
  readonly env: NodeJS.ProcessEnv;
  has(sha256: string, dataDir: string): Promise<boolean>;
  close(): Promise<void>;
}

const onDisk = (): Promise<Place> =>
  Promise.resolve({
    env: {},
    has: async (sha256, dataDir) => {
      const directory = join(dataDir, 'attachments', sha256.slice(0, 2));
      const names = await readdir(directory).catch(() => []);
      return names.some((name) => name.startsWith(sha256));
    },
    close: () => Promise.resolve(),
  });

async function inBucket(): Promise<Place> {
  const store = await ObjectStore.start();
  return {
    env: store.env,
    has: (sha256) => Promise.resolve(store.has(sha256)),
    close: () => store.close(),
  };
}

const realEndpoint = process.env.S3_TEST_ENDPOINT;

/** A real store, whose bucket must exist. */
function inRealBucket(): Promise<Place> {
  const {
    S3_TEST_BUCKET: Bucket = 'casebender',
    S3_TEST_REGION: region = 'us-east-1',
    S3_TEST_ACCESS_KEY_ID: accessKeyId = '',
    S3_TEST_SECRET_ACCESS_KEY: secretAccessKey = '',
  } = process.env;
  const endpoint = realEndpoint ?? '';
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  return Promise.resolve({
    env: {
      STORAGE: 's3',
      S3_ENDPOINT: endpoint,
      S3_BUCKET: Bucket,
      S3_REGION: region,
      S3_ACCESS_KEY_ID: accessKeyId,
      S3_SECRET_ACCESS_KEY: secretAccessKey,
    },
    has: (sha256) =>
      client
        .send(new ListObjectsV2Command({ Bucket, Prefix: `attachments/${sha256}` }))
        .then(({ KeyCount = 0 }) => KeyCount > 0),
    close: () => {
      client.destroy();
      return Promise.resolve();
    },
  });
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

/** An application that keeps its files somewhere, with what its tests do again and again. */
class Kept {
  private constructor(
    readonly api: TestApp,
    readonly tenant: Tenant,
    readonly caseId: string,
    private readonly place: Place,
    private readonly dataDir: string,
  ) {}

  static async start(place: Place): Promise<Kept> {
    const dataDir = await mkdtemp(join(tmpdir(), 'casebender-storage-'));
    const api = await startTestApp({
      // A bucket, as a directory, belongs to one database.
      DATABASE_URL: await databaseUrl(`storage_${randomBytes(4).toString('hex')}`),
      DATA_DIR: dataDir,
      ...place.env,
    });
    const tenant = await createTenant(api.db);
    const created = await api
      .http(tenant.key)
      .post('/api/cases')
      .send({ title: 'x', statusValue: 'new', severity: 1 });
    return new Kept(api, tenant, (created.body as { id: string }).id, place, dataDir);
  }

  async stop(): Promise<void> {
    await this.api.close();
    await this.place.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  get http() {
    return this.api.http(this.tenant.key);
  }

  upload(content: Buffer, caseId = this.caseId) {
    return this.http.post(`/api/cases/${caseId}/attachments`).attach('file', content, 'a.bin');
  }

  async attach(content: Buffer): Promise<Attachment> {
    const response = await this.upload(content);
    expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
    return (response.body as [Attachment])[0];
  }

  async download(id: string, query = ''): Promise<Buffer> {
    const response = await this.http.get(`/api/attachments/${id}/download${query}`).buffer(true);
    expect(response.status).toBe(200);
    return response.body as Buffer;
  }

  has(content: Buffer): Promise<boolean> {
    return this.place.has(sha256(content), this.dataDir);
  }

  /** What an upload left: the content, its row, or anything half received. */
  async remains(content: Buffer): Promise<string[]> {
    const rows = await this.api.db.rows(`SELECT 1 FROM blobs WHERE sha256 = decode($1, 'hex')`, [
      sha256(content),
    ]);
    const incoming = await readdir(join(this.dataDir, 'attachments', 'incoming')).catch(() => []);
    return [
      ...((await this.has(content)) ? ['content'] : []),
      ...(rows.length > 0 ? ['row'] : []),
      ...incoming,
    ];
  }

  /** The request has ended, but not everything that follows its end. */
  async expectNothingOf(content: Buffer): Promise<void> {
    const deadline = Date.now() + 5_000;
    while ((await this.remains(content)).length > 0 && Date.now() < deadline) await sleep(20);
    expect(await this.remains(content)).toEqual([]);
  }

  /** Makes every hold and every removal look as if it were old, and sweeps. */
  async sweepAll(): Promise<void> {
    for (const table of ['blob_holds', 'blob_removals'])
      await this.api.db.rows(`UPDATE ${table} SET created_at = now() - interval '2 hours'`);
    await this.api.app.get(BlobsService).sweep();
  }
}

const places: readonly (readonly [where: string, open: () => Promise<Place>])[] = [
  ['on disk', onDisk],
  ['in a bucket', inBucket],
  ...(realEndpoint ? [['in the bucket at S3_TEST_ENDPOINT', inRealBucket] as const] : []),
];

(realEndpoint ? describe : describe.skip)('a real object store', () => {
  it('is at S3_TEST_ENDPOINT; without it, the tests of one are left out', () => {
    expect(places).toHaveLength(3);
  });
});

describe.each(places)('files kept %s', (_where, open) => {
  let kept: Kept;

  beforeAll(async () => {
    kept = await Kept.start(await open());
  });

  afterAll(() => kept.stop());

  it.each([
    ['a large one', 1_000_000],
    ['a small one', 7],
    ['an empty one', 0],
  ])('come back as they were sent: %s', async (_what, size) => {
    const content = randomBytes(size);
    const file = await kept.attach(content);
    expect(file).toMatchObject({ size, sha256: sha256(content) });
    expect((await kept.download(file.id)).equals(content)).toBe(true);
    expect(await kept.remains(content)).toEqual(['content', 'row']);
    const zip = new Uint8ArrayReader(await kept.download(file.id, '?zip=true'));
    const [entry] = await new ZipReader(zip, { password: 'infected' }).getEntries();
    if (!entry || entry.directory) throw new Error('No file.');
    expect(Buffer.from(await entry.getData(new Uint8ArrayWriter())).equals(content)).toBe(true);
  });

  it('are kept once however often they come at once, and go with the last that names them', async () => {
    const content = randomBytes(50_000);
    const files = await Promise.all(Array.from({ length: 10 }, () => kept.attach(content)));
    await kept.sweepAll();
    expect(await kept.remains(content)).toEqual(['content', 'row']);
    for (const { id } of files) {
      expect((await kept.download(id)).equals(content)).toBe(true);
      expect((await kept.http.delete(`/api/attachments/${id}`)).status).toBe(204);
    }
    await kept.expectNothingOf(content);
  });

  it('never go with an equal one that is deleted while they come, in fifty races', async () => {
    for (let round = 0; round < 50; round++) {
      const content = randomBytes(100);
      const old = await kept.attach(content);
      const [deleted, uploaded] = await Promise.all([
        kept.http.delete(`/api/attachments/${old.id}`),
        sleep(round % 8).then(() => kept.upload(content)),
      ]);
      expect([deleted.status, uploaded.status]).toEqual([204, 201]);
      const [file] = uploaded.body as [Attachment];
      expect((await kept.download(file.id)).equals(content)).toBe(true);
      expect((await kept.http.delete(`/api/attachments/${file.id}`)).status).toBe(204);
      await kept.expectNothingOf(content);
    }
  });

  it('leave nothing when they are refused', async () => {
    const content = randomBytes(100_000);
    const response = await kept.upload(content, MISSING_ID);
    expectProblem(response, 404, 'CASE_NOT_FOUND');
    await kept.expectNothingOf(content);
  });

  it('leave nothing when an upload of 40 MiB is broken off in the middle', async () => {
    const { api, tenant, caseId } = kept;
    const content = Buffer.alloc(40 * 1024 ** 2, randomBytes(1_000));
    const head =
      '--x\r\nContent-Disposition: form-data; name="file"; filename="memory.img"\r\n\r\n';
    const before = await fingerprint(api.db);
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `POST /api/cases/${caseId}/attachments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tenant.key}\r\n` +
        `Content-Type: multipart/form-data; boundary=x\r\nContent-Length: ${content.length + 200}\r\n\r\n${head}`,
    );
    await new Promise((resolve) => socket.write(content.subarray(0, content.length / 2), resolve));
    socket.destroy();
    await kept.expectNothingOf(content);
    await kept.expectNothingOf(content.subarray(0, content.length / 2));
    expect(await fingerprint(api.db)).toBe(before);
  });
});

describe('a bucket', () => {
  let store: ObjectStore;
  let kept: Kept;

  beforeAll(async () => {
    store = await ObjectStore.start();
    kept = await Kept.start({
      env: store.env,
      has: (digest) => Promise.resolve(store.has(digest)),
      close: () => store.close(),
    });
  });

  afterEach(() => {
    store.recover();
  });

  afterAll(() => kept.stop());

  it.each([503, 500, 'reset'] as const)(
    'that fails once with %s is asked again, and nobody notices',
    async (fault) => {
      const content = randomBytes(200_000);
      store.fail('PUT', fault, 1);
      const file = await kept.attach(content);
      store.fail('GET', fault, 1);
      expect((await kept.download(file.id)).equals(content)).toBe(true);
      store.fail('DELETE', fault, 1);
      expect((await kept.http.delete(`/api/attachments/${file.id}`)).status).toBe(204);
      await kept.expectNothingOf(content);
    },
  );

  it.each([503, 403, 'reset'] as const)(
    'that fails with %s makes uploads 503, which leave nothing',
    async (fault) => {
      const content = randomBytes(1_000);
      const before = await fingerprint(kept.api.db);
      store.fail('PUT', fault);
      expectProblem(await kept.upload(content), 503, 'UNAVAILABLE');
      await kept.expectNothingOf(content);
      expect(await fingerprint(kept.api.db)).toBe(before);
    },
  );

  it('that fails makes downloads 503, and shows them when it is back', async () => {
    const content = randomBytes(1_000);
    const { id } = await kept.attach(content);
    store.fail('GET', 'reset');
    const response = await kept.http.get(`/api/attachments/${id}/download`);
    expectProblem(response, 503, 'UNAVAILABLE');
    store.recover();
    expect((await kept.download(id)).equals(content)).toBe(true);
  });

  it('that fails in the middle of a download breaks it off: it never looks whole', async () => {
    const { id } = await kept.attach(randomBytes(3_000_000));
    store.fail('GET', 'half');
    for (const query of ['', '?zip=true']) {
      const response = await fetch(`${kept.api.url}/api/attachments/${id}/download${query}`, {
        headers: { Authorization: `Bearer ${kept.tenant.key}` },
      });
      expect(response.status).toBe(200);
      await expect(response.arrayBuffer()).rejects.toThrow();
    }
  });

  it('that fails before the first byte of a download breaks it off', async () => {
    const { id } = await kept.attach(randomBytes(1));
    store.fail('GET', 'half');
    for (const query of ['', '?zip=true']) {
      const answer = fetch(`${kept.api.url}/api/attachments/${id}/download${query}`, {
        headers: { Authorization: `Bearer ${kept.tenant.key}` },
      }).then((response) => response.arrayBuffer());
      await expect(answer).rejects.toThrow();
    }
  });

  it('that fails keeps what is deleted until the sweep finds it back', async () => {
    const content = randomBytes(1_000);
    const { id } = await kept.attach(content);
    store.fail('DELETE', 503);
    expect((await kept.http.delete(`/api/attachments/${id}`)).status).toBe(204);
    expectProblem(await kept.http.get(`/api/attachments/${id}`), 404, 'ATTACHMENT_NOT_FOUND');
    await kept.sweepAll();
    expect(await kept.remains(content)).toEqual(['content']);
    store.recover();
    await kept.sweepAll();
    expect(await kept.remains(content)).toEqual([]);
  });

  it('that is late with a removal never takes an equal file that came since', async () => {
    const content = randomBytes(1_000);
    const old = await kept.attach(content);
    store.fail('DELETE', 'late');
    expect((await kept.http.delete(`/api/attachments/${old.id}`)).status).toBe(204);
    store.recover();
    const { id } = await kept.attach(content);
    store.catchUp();
    expect((await kept.download(id)).equals(content)).toBe(true);
  });

  it('that is late with a file it failed to take is swept', async () => {
    const content = randomBytes(1_000);
    store.fail('PUT', 'late');
    expectProblem(await kept.upload(content), 503, 'UNAVAILABLE');
    store.recover();
    await kept.expectNothingOf(content);
    store.catchUp();
    expect(await kept.remains(content)).toEqual(['content']);
    await kept.sweepAll();
    expect(await kept.remains(content)).toEqual([]);
  });

  it('that lost a content answers 500, and 404 once the file is deleted', async () => {
    const content = randomBytes(1_000);
    const { id } = await kept.attach(content);
    store.objects.clear();
    expectProblem(await kept.http.get(`/api/attachments/${id}/download`), 500, 'INTERNAL');
    expect((await kept.http.delete(`/api/attachments/${id}`)).status).toBe(204);
  });

  it.each([
    ['S3_BUCKET', { S3_BUCKET: 'missing' }],
    ['S3_ACCESS_KEY_ID', { S3_ACCESS_KEY_ID: 'stranger' }],
    ['S3_ENDPOINT', { S3_ENDPOINT: 'http://127.0.0.1:1' }],
  ])('that cannot be used fails the start, which names %s', async (name, env) => {
    const start = startTestApp({ ...store.env, ...env });
    await expect(start).rejects.toThrow(new RegExp(`^${name}\\b`));
    await expect(start).rejects.not.toThrow('test-secret');
  });
});
