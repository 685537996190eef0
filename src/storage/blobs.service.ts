import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { unavailable } from '../common/errors.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { FileStore } from './file-store.js';
import type { Content, ReceivedFile } from './file-store.js';

/** A content in its place, and until when this request answers for it; null when others name it. */
export interface KeptFile extends Content {
  readonly unreferencedSince: string | null;
}

const SWEEP_EVERY_MS = 600_000;
/** Longer than any request may take. */
const ABANDONED_MS = 3_600_000;
const SWEEP_MAX = 1_000;

/** No principal: the work of the server itself. */
const OWN = { transaction: null };

/**
 * Contents and what names them: no file without its row, no row that is named without its file.
 *
 * The row of a content is committed before its file is in place, marked as unreferenced, and goes
 * after the file has gone. The transaction that attaches it takes the mark away. Whatever a failed
 * request or a crash leaves therefore carries the mark, and is removed: at once by the request that
 * brought it, else by the sweep.
 */
@Injectable()
export class BlobsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Blobs');
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly database: Database,
    private readonly files: FileStore,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.sweep(), SWEEP_EVERY_MS);
    this.timer.unref();
    void this.sweep();
  }

  onApplicationShutdown(): void {
    if (this.timer) clearInterval(this.timer);
  }

  /** Puts received files in their place, all or none; the caller must `release` them once it has attached them or not. */
  async keep(received: readonly ReceivedFile[]): Promise<KeptFile[]> {
    const kept: KeptFile[] = [];
    try {
      for (const file of received) {
        kept.push({ ...file, unreferencedSince: await this.announce(file) });
        await this.files.place(file);
      }
      return kept;
    } catch (error) {
      await Promise.all(received.map((file) => this.files.discard(file)));
      await this.release(kept);
      throw error;
    }
  }

  /** Removes those that nothing names and nobody else has brought since. */
  async release(kept: readonly KeptFile[]): Promise<void> {
    for (const { sha256, unreferencedSince } of kept) {
      if (unreferencedSince !== null) await this.removeUnreferenced(sha256, unreferencedSince);
    }
  }

  /** Removes what a crash left behind. */
  async sweep(): Promise<void> {
    try {
      await this.files.sweepIncoming(ABANDONED_MS);
      const abandoned = await this.database.sql<{ sha256: string; since: string }>(
        `SELECT encode(sha256, 'hex') AS sha256, unreferenced_since::text AS since FROM blobs
         WHERE unreferenced_since < now() - make_interval(secs => $1) ORDER BY unreferenced_since LIMIT $2`,
        [ABANDONED_MS / 1000, SWEEP_MAX],
      );
      for (const { sha256, since } of abandoned) await this.removeUnreferenced(sha256, since);
    } catch (error) {
      this.logger.warn({ message: 'abandoned files not removed', reason: String(error) });
    }
  }

  private async announce(file: Content): Promise<string | null> {
    const [row] = await this.database.sql<{ since: string | null }>(
      `INSERT INTO blobs (sha256, sha1, md5, size, unreferenced_since)
       VALUES (decode($1, 'hex'), decode($2, 'hex'), decode($3, 'hex'), $4, clock_timestamp())
       ON CONFLICT (sha256) DO UPDATE SET
         unreferenced_since = CASE WHEN blobs.unreferenced_since IS NULL THEN NULL ELSE clock_timestamp() END
       RETURNING unreferenced_since::text AS since`,
      [file.sha256, file.sha1, file.md5, file.size],
    );
    return row?.since ?? null;
  }

  /** The row is held while its file goes, so that nobody attaches what is being removed. */
  private async removeUnreferenced(sha256: string, since: string): Promise<void> {
    await this.database.transaction(OWN, async (tx) => {
      const sql = sqlIn(tx);
      const held = await sql(
        `SELECT 1 FROM blobs WHERE sha256 = decode($1, 'hex') AND unreferenced_since <= $2::timestamptz FOR UPDATE`,
        [sha256, since],
      );
      if (held.length === 0) return;
      await this.files.remove(sha256);
      await sql(`DELETE FROM blobs WHERE sha256 = decode($1, 'hex')`, [sha256]);
    });
  }
}

/**
 * Takes the mark from contents that the transaction attaches.
 *
 * @throws AppError `UNAVAILABLE` when one has been removed meanwhile.
 */
export async function referBlobs(sql: Sql, sha256s: readonly string[]): Promise<void> {
  const wanted = [...new Set(sha256s)].sort();
  if (wanted.length === 0) return;
  const held = await sql(
    `WITH held AS (SELECT sha256 FROM blobs
       WHERE sha256 IN (SELECT decode(hex, 'hex') FROM unnest($1::text[]) AS hex) ORDER BY sha256 FOR UPDATE)
     UPDATE blobs SET unreferenced_since = NULL FROM held WHERE blobs.sha256 = held.sha256 RETURNING 1`,
    [wanted],
  );
  if (held.length !== wanted.length)
    throw unavailable('A file got lost on its way. Send it again.');
}
