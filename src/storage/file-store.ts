import { createHash, randomUUID } from 'node:crypto';
import type { ReadStream } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/config.js';
import { makeDirectory } from '../config/directory.js';

/** Nobody but the server's user reads evidence. */
const PRIVATE = 0o700;

/** What identifies a content: digests in lower-case hex, the size in bytes. */
export interface Content {
  readonly sha256: string;
  readonly sha1: string;
  readonly md5: string;
  readonly size: number;
}

/** A file that has come in whole and is on disk, but nowhere that anybody reads. */
export interface ReceivedFile extends Content {
  readonly path: string;
}

/**
 * Files on disk below `DATA_DIR/attachments`, each under the SHA-256 of its content.
 *
 * What a client names its file is never part of a path. A file is written and synced under
 * `incoming`, and moved to its place in one step.
 */
@Injectable()
export class FileStore {
  private readonly root: string;
  private readonly incoming: string;

  constructor(config: AppConfig) {
    this.root = join(config.dataDir, 'attachments');
    this.incoming = join(this.root, 'incoming');
  }

  /** Writes what the stream brings, with its digests; what does not come whole leaves nothing. */
  async receive(stream: Readable): Promise<ReceivedFile> {
    makeDirectory(this.incoming, PRIVATE);
    const path = join(this.incoming, randomUUID());
    const digests = {
      sha256: createHash('sha256'),
      sha1: createHash('sha1'),
      md5: createHash('md5'),
    };
    let size = 0;
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        for (const digest of Object.values(digests)) digest.update(chunk);
        size += chunk.length;
        await file.writeFile(chunk);
      }
      await file.sync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    return {
      path,
      size,
      sha256: digests.sha256.digest('hex'),
      sha1: digests.sha1.digest('hex'),
      md5: digests.md5.digest('hex'),
    };
  }

  /** Moves a received file to the place of its content, durably. */
  async place(file: ReceivedFile): Promise<void> {
    const path = this.pathOf(file.sha256);
    if (makeDirectory(dirname(path), PRIVATE)) await syncDirectory(this.root);
    await rename(file.path, path);
    await syncDirectory(dirname(path));
  }

  async discard(file: ReceivedFile): Promise<void> {
    await rm(file.path, { force: true });
  }

  /** The content, to read; rejects with `ENOENT` when it is not there. */
  async read(sha256: string): Promise<ReadStream> {
    // Opened here, so that what is removed from now on is still read to its end.
    const file = await open(this.pathOf(sha256), 'r');
    return file.createReadStream();
  }

  async remove(sha256: string): Promise<void> {
    await rm(this.pathOf(sha256), { force: true });
  }

  /** Removes what a crash left half received. */
  async sweepIncoming(olderThanMs: number): Promise<void> {
    const names = await readdir(this.incoming).catch(() => []);
    for (const name of names) {
      const path = join(this.incoming, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
      if (Date.now() - mtimeMs > olderThanMs) await rm(path, { force: true });
    }
  }

  private pathOf(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Error('Not a SHA-256.');
    return join(this.root, sha256.slice(0, 2), sha256);
  }
}

/** Makes the names in a directory outlive a power failure. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
