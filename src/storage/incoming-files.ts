import { createHash, randomUUID } from 'node:crypto';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/config.js';
import { makeDirectory } from '../config/directory.js';
import { attachmentsDir, PRIVATE } from './disk-store.js';
import type { ReceivedFile } from './file-store.js';

/**
 * Files on their way in, on disk below `DATA_DIR/attachments/incoming`, wherever they are kept then.
 *
 * What is refused or broken off has not been anywhere else.
 */
@Injectable()
export class IncomingFiles {
  private readonly directory: string;

  constructor(config: AppConfig) {
    this.directory = join(attachmentsDir(config), 'incoming');
  }

  /** Writes what the stream brings, with its digests; what does not come whole leaves nothing. */
  async receive(stream: Readable): Promise<ReceivedFile> {
    makeDirectory(this.directory, PRIVATE);
    const path = join(this.directory, randomUUID());
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

  async discard(file: ReceivedFile): Promise<void> {
    await rm(file.path, { force: true });
  }

  /** Removes what a crash left half received. */
  async sweep(olderThanMs: number): Promise<void> {
    const names = await readdir(this.directory).catch(() => []);
    for (const name of names) {
      const path = join(this.directory, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
      if (Date.now() - mtimeMs > olderThanMs) await rm(path, { force: true });
    }
  }
}
