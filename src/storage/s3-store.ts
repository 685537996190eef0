import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Logger } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { unavailable } from '../common/errors.js';
import type { S3Config } from '../config/config.js';
import { FileStore, StorageError } from './file-store.js';
import type { ReceivedFile } from './file-store.js';

const CONNECT_MS = 3_000;
/** Until an answer begins. */
const ANSWER_MS = 5_000;
/** How fast the store must take a file in. */
const PUT_BYTES_PER_MS_MIN = 500;
const ATTEMPTS_MAX = 3;
/** Many more than usual: slow downloads each keep one, and must not keep everything else waiting. */
const SOCKETS_MAX = 1_000;

const ignore = () => undefined;
/** The client would write to the console; what is worth telling is told here. */
const QUIET = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/**
 * Files as objects of a bucket that belongs to this instance, as `attachments/<key>`.
 *
 * A file is sent whole in one request, whose signature covers its SHA-256: the store refuses what
 * arrives otherwise, and shows nothing of what did not arrive whole.
 */
export class S3Store extends FileStore implements OnApplicationShutdown {
  private readonly logger = new Logger('Storage');
  private readonly client: S3Client;

  private constructor(private readonly config: S3Config) {
    super();
    const { region, endpoint, credentials, forcePathStyle } = config;
    this.client = new S3Client({
      region,
      forcePathStyle,
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials && { credentials: { ...credentials } }),
      maxAttempts: 2,
      logger: QUIET,
      // Not every store knows the checksums that the client sends of itself.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: CONNECT_MS,
        requestTimeout: ANSWER_MS,
        throwOnRequestTimeout: true,
        httpAgent: { maxSockets: SOCKETS_MAX },
        httpsAgent: { maxSockets: SOCKETS_MAX },
      },
    });
  }

  /** @throws StorageError when the bucket cannot be used. */
  static async open(config: S3Config): Promise<S3Store> {
    const store = new S3Store(config);
    try {
      await store.client.send(new HeadBucketCommand({ Bucket: config.bucket }));
      return store;
    } catch (error) {
      store.client.destroy();
      throw new StorageError(explain(config, error));
    }
  }

  onApplicationShutdown(): void {
    this.client.destroy();
  }

  override async place(file: ReceivedFile, key: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.put(file, key);
        break;
      } catch (error) {
        if (attempt === ATTEMPTS_MAX || !isPassing(error)) throw this.failed('store', error);
        await sleep(attempt * 200);
      }
    }
    await rm(file.path, { force: true });
  }

  override async read(key: string): Promise<Readable> {
    try {
      const { Body } = await this.client.send(new GetObjectCommand(this.at(key)));
      return Body as Readable;
    } catch (error) {
      throw statusOf(error) === 404 ? error : this.failed('read', error);
    }
  }

  override async remove(key: string): Promise<void> {
    try {
      await this.client.send(new DeleteObjectCommand(this.at(key)));
    } catch (error) {
      throw this.failed('remove', error);
    }
  }

  private async put({ path, sha256, size }: ReceivedFile, key: string): Promise<void> {
    const body = createReadStream(path);
    const command = new PutObjectCommand({
      ...this.at(key),
      Body: body,
      ContentLength: size,
      ContentType: 'application/octet-stream',
    });
    command.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        headers['x-amz-content-sha256'] = sha256;
        return next(args);
      },
      { step: 'build' },
    );
    try {
      const requestTimeout = ANSWER_MS + size / PUT_BYTES_PER_MS_MIN;
      await this.client.send(command, { requestTimeout });
    } finally {
      body.destroy();
    }
  }

  private at(key: string) {
    return { Bucket: this.config.bucket, Key: `attachments/${key}` };
  }

  /** 503; the log has the cause, of which only what cannot hold a credential. */
  private failed(operation: string, error: unknown): Error {
    const { name, code } = error as { name?: string; code?: string };
    const reason = [name, code, statusOf(error)].filter((part) => part !== undefined).join(' ');
    this.logger.warn({ message: 'the object store failed', operation, reason });
    return unavailable('The files cannot be reached right now.');
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

/** Whether it may go well the next time. */
function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined || status === 429 || status >= 500;
}

/** What is wrong with the bucket, and which setting to look at. */
function explain({ bucket, endpoint, region }: S3Config, error: unknown): string {
  const status = statusOf(error);
  const where = endpoint ?? `the region ${region}`;
  const { name = '', code = name } = error as { name?: string; code?: string };
  if (status === 404)
    return `S3_BUCKET: there is no bucket "${bucket}" at ${where}, or not for these credentials. Create it.`;
  if (status === 401 || status === 403) {
    return (
      `S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY: the store refuses these credentials for the bucket "${bucket}". ` +
      'They need s3:ListBucket on it, and s3:GetObject, s3:PutObject and s3:DeleteObject on what it holds.'
    );
  }
  if (name === 'CredentialsProviderError') {
    return 'S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY: set both; this machine has no credentials of its own for the store.';
  }
  if (status === 301 || status === 400) {
    return `S3_REGION: the bucket "${bucket}" is not in the region ${region}, or S3_FORCE_PATH_STYLE is not what the store expects.`;
  }
  return `S3_ENDPOINT: ${where} cannot be reached (${status === undefined ? code : `status ${status}`}). Check that the store runs.`;
}
