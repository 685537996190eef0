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
 * Where contents are kept, each once, under its SHA-256.
 *
 * What a client names its file is never part of where it is. A content is in its place whole or not at all.
 */
export abstract class FileStore {
  /** Moves a received file to the place of its content, durably. */
  abstract place(file: ReceivedFile): Promise<void>;

  /** The content, to read; rejects when it is not there. */
  abstract read(sha256: string): Promise<Readable>;

  /** Removes the content, if it is there. */
  abstract remove(sha256: string): Promise<void>;
}

/** A start without a place for files: the message names the setting to look at. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}
