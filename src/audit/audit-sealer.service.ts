import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { BackgroundLoop } from '../common/background-loop.js';
import { Database } from '../database/database.service.js';
import { sealAfter } from './audit-chain.js';
import { beginChains, readUnsealed, writeSeals } from './audit-trail.queries.js';
import type { OpenChain, SealedInto, Unsealed } from './audit-trail.queries.js';
import type { UnsealedEntry } from './audit.schema.js';
import { inTurns } from './turns.js';

/** An entry is sealed within a second (spec/behaviour.md §9). */
const EVERY_MS = 250;
/** How often entries are looked for that are older than a minute: of a long transaction, or of a pause. */
const SWEEP_MS = 30_000;

/**
 * Seals audit entries into the chains of their organizations, in any number of processes.
 *
 * Whoever writes an entry never waits for it: an entry is sealed after its transaction, in the order of
 * time among those that can be seen by then. Processes do not wait for each other either: each chain goes
 * on from where it was read, or is left to the one that was faster.
 */
@Injectable()
export class AuditSealer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('AuditSealer');
  private readonly loop = new BackgroundLoop(EVERY_MS, () => this.sealSome());
  private sweptMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly database: Database) {}

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  /** Seals all that is committed by now, here or elsewhere. */
  async sealAll(): Promise<void> {
    for (;;) {
      const { missed, hasMore } = await this.sealBatch('all');
      if (missed === 0 && !hasMore) return;
    }
  }

  /** Seals a batch; whether there is more for this process. */
  private async sealSome(): Promise<boolean> {
    const nowMs = performance.now();
    const which = nowMs - this.sweptMs > SWEEP_MS ? 'all' : 'recent';
    try {
      const { missed, hasMore } = await this.sealBatch(which);
      if (which === 'all' && !hasMore) this.sweptMs = nowMs;
      return hasMore && missed === 0;
    } catch (error) {
      this.logger.warn({ message: 'audit entries not sealed', reason: String(error) });
      return false;
    }
  }

  /** Seals the oldest entries: how many of them were missed, as another process had them, and whether there are more. */
  private async sealBatch(which: Unsealed): Promise<{ missed: number; hasMore: boolean }> {
    const { sql } = this.database;
    let { entries, chains, hasMore } = await readUnsealed(sql, which);
    const begun = new Set(chains.map(({ organizationId }) => organizationId));
    const unbegun = new Set(
      entries.map(({ organizationId }) => organizationId).filter((id) => !begun.has(id)),
    );
    if (unbegun.size > 0) {
      await beginChains(sql, [...unbegun]);
      ({ entries, chains, hasMore } = await readUnsealed(sql, which));
    }
    if (entries.length === 0) return { missed: 0, hasMore };
    const { seals, ends } = await sealInto(chains, entries);
    return { missed: entries.length - (await writeSeals(sql, seals, ends)), hasMore };
  }
}

/** The seals of entries, each after the one before it in its chain, and where the chains then end. */
async function sealInto(
  chains: readonly OpenChain[],
  entries: readonly UnsealedEntry[],
): Promise<{ seals: SealedInto[]; ends: OpenChain[] }> {
  // In one order for every process, so that none waits in a circle.
  const ordered = [...chains].sort((a, b) => a.id - b.id);
  const ends = new Map(ordered.map((chain) => [chain.organizationId, chain]));
  const seals: SealedInto[] = [];
  for await (const entry of inTurns(entries)) {
    const chain = ends.get(entry.organizationId);
    if (!chain) continue;
    const { id, seq, hash, previousHash } = sealAfter(chain, entry);
    ends.set(entry.organizationId, { ...chain, seq, hash });
    seals.push({ id, chainId: chain.id, seq, hash, previousHash });
  }
  return { seals, ends: [...ends.values()] };
}
