import type { ReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AppConfig } from '../config/config.js';
import { makeDirectory } from '../config/directory.js';
import { FileStore } from './file-store.js';
import type { ReceivedFile } from './file-store.js';

/** Nobody but the server's user reads evidence. */
export const PRIVATE = 0o700;

export function attachmentsDir(config: Pick<AppConfig, 'dataDir'>): string {
  return join(config.dataDir, 'attachments');
}

/** Files on disk below `DATA_DIR/attachments`, moved to their place in one step. */
export class DiskStore extends FileStore {
  private readonly root: string;

  constructor(config: Pick<AppConfig, 'dataDir'>) {
    super();
    this.root = attachmentsDir(config);
  }

  override async place(file: ReceivedFile, key: string): Promise<void> {
    const path = this.pathOf(key);
    if (makeDirectory(dirname(path), PRIVATE)) await syncDirectory(this.root);
    await rename(file.path, path);
    await syncDirectory(dirname(path));
  }

  override async read(key: string): Promise<ReadStream> {
    // Opened here, so that what is removed from now on is still read to its end.
    const file = await open(this.pathOf(key), 'r');
    return file.createReadStream();
  }

  override async remove(key: string): Promise<void> {
    await rm(this.pathOf(key), { force: true });
  }

  private pathOf(key: string): string {
    if (!/^[0-9a-f]{64}(?:\.[0-9a-f]{16})?$/.test(key)) throw new Error('Not a key.');
    return join(this.root, key.slice(0, 2), key);
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
