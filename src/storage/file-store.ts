import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';

/** What identifies a content: digests in lower-case hex, the size in bytes. */
export interface Content {
  readonly sha256: string;
  readonly sha1: string;
  readonly md5: string;
  readonly size: number;
}

/** A file that has come in whole and is on this machine's disk, but nowhere that anybody reads. */
export interface ReceivedFile extends Content {
  readonly path: string;
}

/**
 * Where contents are kept, each under a key of its own.
 *
 * What a client names its file is never part of a key. A content is in its place whole or not at all.
 */
export abstract class FileStore {
  /** Moves a received file to the place of a key, durably. */
  abstract place(file: ReceivedFile, key: string): Promise<void>;

  /** The content, to read; rejects when it is not there. */
  abstract read(key: string): Promise<Readable>;

  /** Removes the content, if it is there. */
  abstract remove(key: string): Promise<void>;
}

/** A key that no content has had: a late removal of another never takes this one. */
export function newKey({ sha256 }: Content): string {
  return `${sha256}.${randomBytes(8).toString('hex')}`;
}

/** A start without a place for files: the message names the setting to look at. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}
