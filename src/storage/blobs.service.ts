import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { newId } from '../common/ids.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { FileStore, newKey } from './file-store.js';
import type { Content, ReceivedFile } from './file-store.js';
import { IncomingFiles } from './incoming-files.js';

/** Keeps a content in its place until it is released. */
export interface Hold {
  readonly holdId: string;
  readonly sha256: string;
}

/** A content in its place, which nobody removes while this holds it. */
export interface HeldFile extends Content, Hold {}

const SWEEP_EVERY_MS = 600_000;
/** Longer than any request may take. */
const ABANDONED_MS = 3_600_000;
const SWEEP_MAX = 1_000;

/** No principal: the work of the server itself. */
const OWN = { transaction: null };

/**
 * Contents and what names them: no content in the store without its row, no row that is named without its content.
 *
 * The row of a content is committed before the content is in its place, with a hold of the request that
 * brings it. It goes when the last hold ends and no attachment names it, and leaves the key to be removed
 * from the store: at once, and once more much later, as a store may be late with what it was asked.
 * A request that deletes the last attachment holds the content too, so that all that ends is a hold.
 * What a crash leaves, holds and removals, the sweep ends.
 */
@Injectable()
export class BlobsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Blobs');
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly database: Database,
    private readonly files: FileStore,
    private readonly incoming: IncomingFiles,
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
  async hold(received: readonly ReceivedFile[]): Promise<HeldFile[]> {
    const held: HeldFile[] = [];
    try {
      for (const file of received) {
        const holdId = newId();
        const [row] = await this.database.sql<{ key: string }>(
          `WITH content AS (
             INSERT INTO blobs (sha256, sha1, md5, size, key)
             VALUES (decode($2, 'hex'), decode($3, 'hex'), decode($4, 'hex'), $5, $6)
             ON CONFLICT (sha256) DO UPDATE SET size = blobs.size RETURNING sha256, key),
           hold AS (INSERT INTO blob_holds (id, sha256) SELECT $1::uuid, sha256 FROM content)
           SELECT key FROM content`,
          [holdId, file.sha256, file.sha1, file.md5, file.size, newKey(file)],
        );
        if (!row) throw new Error('A content without a key.');
        held.push({ ...file, holdId });
        await this.files.place(file, row.key);
      }
      return held;
    } catch (error) {
      await Promise.all(received.map((file) => this.incoming.discard(file)));
      await this.release(held);
      throw error;
    }
  }

  /** Holds a content that attachments name, in the transaction that takes one of them away; release it afterwards. */
  async holdStored(tx: Tx, sha256: string): Promise<Hold> {
    const holdId = newId();
    await sqlIn(tx)(`INSERT INTO blob_holds (id, sha256) VALUES ($1::uuid, decode($2, 'hex'))`, [
      holdId,
      sha256,
    ]);
    return { holdId, sha256 };
  }

  /**
   * Ends the holds, and removes the contents that nothing names and nobody else holds.
   *
   * Never rejects: what cannot be done now is done by the sweep.
   */
  async release(held: readonly Hold[]): Promise<void> {
    for (const hold of held) {
      await this.end(hold).catch((error: unknown) => {
        this.logger.warn({ message: 'content not released', reason: String(error) });
      });
    }
  }

  private async end({ holdId, sha256 }: Hold): Promise<void> {
    const unused = await this.database.transaction(OWN, async (tx) => {
      const sql = sqlIn(tx);
      // Whoever attaches or holds the content meanwhile waits for this row, or is waited for.
      await sql(`SELECT 1 FROM blobs WHERE sha256 = decode($1, 'hex') FOR UPDATE`, [sha256]);
      await sql('DELETE FROM blob_holds WHERE id = $1::uuid', [holdId]);
      return sql<{ key: string }>(
        `WITH unused AS (
           DELETE FROM blobs b WHERE b.sha256 = decode($1, 'hex')
             AND NOT EXISTS (SELECT 1 FROM blob_holds h WHERE h.sha256 = b.sha256)
             AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.sha256 = b.sha256)
           RETURNING b.key)
         INSERT INTO blob_removals (key) SELECT key FROM unused RETURNING key`,
        [sha256],
      );
    });
    for (const { key } of unused) await this.files.remove(key);
  }

  /** Removes what a crash left behind. */
  async sweep(): Promise<void> {
    try {
      await this.incoming.sweep(ABANDONED_MS);
      const abandoned = await this.database.sql<Hold>(
        `SELECT id AS "holdId", encode(sha256, 'hex') AS sha256 FROM blob_holds
         WHERE created_at < now() - make_interval(secs => $1) ORDER BY created_at LIMIT $2`,
        [ABANDONED_MS / 1000, SWEEP_MAX],
      );
      await this.release(abandoned);
      await this.removeAgain();
    } catch (error) {
      this.logger.warn({ message: 'abandoned files not removed', reason: String(error) });
    }
  }
  private async removeAgain(): Promise<void> {
    const due = await this.database.sql<{ key: string }>(
      `SELECT key FROM blob_removals
       WHERE created_at < now() - make_interval(secs => $1) ORDER BY created_at LIMIT $2`,
      [ABANDONED_MS / 1000, SWEEP_MAX],
    );
    for (const { key } of due) {
      await this.files.remove(key);
      await this.database.sql('DELETE FROM blob_removals WHERE key = $1', [key]);
    }
  }
}
