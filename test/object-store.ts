import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

const BUCKET = 'evidence';
const CREDENTIALS = { accessKeyId: 'test-id', secretAccessKey: 'test-secret' };

/** What a store can be told to do with requests of a method: nothing but an error, half of its work, or all of it later. */
type Fault = number | 'reset' | 'half' | 'late';

/**
 * An object store in memory, as far as the server uses one: a bucket that is asked for, and objects that
 * are put, got and deleted by path.
 *
 * It tells requests of others by their access key and refuses a body that is not what was signed. It
 * does not compute signatures: real stores do (see `S3_TEST_ENDPOINT`).
 */
export class ObjectStore {
  readonly objects = new Map<string, Buffer>();
  readonly env: NodeJS.ProcessEnv = {};
  private readonly faults = new Map<string, { readonly fault: Fault; times: number }>();
  private readonly late: (() => void)[] = [];
  private readonly server = createServer((request, response) => {
    this.answer(request, response).catch(() => response.destroy());
  });

  static async start(): Promise<ObjectStore> {
    const store = new ObjectStore();
    await new Promise<void>((resolve) => store.server.listen(0, '127.0.0.1', resolve));
    const { port } = store.server.address() as AddressInfo;
    Object.assign(store.env, {
      STORAGE: 's3',
      S3_ENDPOINT: `http://127.0.0.1:${port}`,
      S3_BUCKET: BUCKET,
      S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    });
    return store;
  }

  /** Answers the next requests of a method wrongly. */
  fail(method: 'PUT' | 'GET' | 'DELETE', fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.faults.set(method, { fault, times });
  }

  recover(): void {
    this.faults.clear();
  }

  /** Does what it was late with. */
  catchUp(): void {
    for (const work of this.late.splice(0)) work();
  }

  has(sha256: string): boolean {
    return [...this.objects.keys()].some((key) => key.startsWith(`attachments/${sha256}`));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const fault = this.faultOf(method);
    if (fault === 'reset') {
      request.socket.destroy();
      return;
    }
    const body = await buffer(request);
    const [, bucket, ...rest] = new URL(request.url ?? '', 'http://x').pathname.split('/');
    const key = rest.join('/');
    if (typeof fault === 'number') {
      refuse(response, fault, 'SlowDown');
      return;
    }
    if (!headers.authorization?.includes(`Credential=${CREDENTIALS.accessKeyId}/`)) {
      refuse(response, 403, 'InvalidAccessKeyId');
      return;
    }
    if (bucket !== BUCKET) {
      refuse(response, 404, 'NoSuchBucket');
      return;
    }
    const held = this.objects.get(key);
    switch (method) {
      case 'HEAD':
        response.writeHead(200).end();
        return;
      case 'PUT':
        if (createHash('sha256').update(body).digest('hex') !== headers['x-amz-content-sha256']) {
          refuse(response, 400, 'XAmzContentSHA256Mismatch');
          return;
        }
        this.perform(fault, response, () => this.objects.set(key, body));
        return;
      case 'GET':
        if (!held) {
          refuse(response, 404, 'NoSuchKey');
          return;
        }
        response.writeHead(200, { 'Content-Length': held.length });
        if (fault === 'half') {
          response.flushHeaders();
          response.write(held.subarray(0, held.length / 2), () => response.destroy());
        } else response.end(held);
        return;
      case 'DELETE':
        this.perform(fault, response, () => this.objects.delete(key));
        return;
      default: {
        refuse(response, 405, 'MethodNotAllowed');
        return;
      }
    }
  }

  private perform(fault: Fault | null, response: ServerResponse, work: () => void): void {
    if (fault === 'late') {
      this.late.push(work);
      refuse(response, 503, 'SlowDown');
    } else {
      work();
      response.writeHead(200).end();
    }
  }

  private faultOf(method: string): Fault | null {
    const planned = this.faults.get(method);
    if (!planned || planned.times === 0) return null;
    planned.times--;
    return planned.fault;
  }
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { 'Content-Type': 'application/xml' })
    .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}
