import { Injectable } from '@nestjs/common';
import { unavailable } from '../common/errors.js';
import { Database } from '../database/database.service.js';
import type { TransactionOwner } from '../database/database.service.js';
import { ChainWalk } from './audit-chain.js';
import { findStray, readChains, sealedEntries } from './audit-trail.queries.js';
import type { AuditScope } from './audit-trail.queries.js';
import type { AuditVerdict } from './audit.schema.js';
import { inTurns } from './turns.js';

/** What a verification is told of and tells on its way. */
interface Walk {
  /** Ends it when nobody waits for the verdict any more. */
  readonly signal?: AbortSignal;
  /** Told how many entries were found intact, of how many. */
  readonly onProgress?: (entries: number, of: number) => void;
}

/** A walk reads whole chains: a crowd of them must not take the machine. */
const AT_ONCE_MAX = 2;

/** Proves that the chains of the audit trail are as they were sealed. */
@Injectable()
export class AuditVerification {
  private walks = 0;

  constructor(private readonly database: Database) {}

  /**
   * Walks the chains of a scope as they are at this moment, and names the first break.
   *
   * What is sealed by then never changes, so that no transaction is held while it is read.
   *
   * @throws AppError `UNAVAILABLE` while two are under way already, or when nobody waits any more.
   */
  async verify(scope: AuditScope & TransactionOwner, walk: Walk = {}): Promise<AuditVerdict> {
    if (this.walks >= AT_ONCE_MAX)
      throw unavailable('The audit trail is being checked already. Try again when that is done.');
    this.walks++;
    try {
      return await this.walk(scope, walk);
    } finally {
      this.walks--;
    }
  }

  private async walk(
    scope: AuditScope & TransactionOwner,
    { signal, onProgress }: Walk,
  ): Promise<AuditVerdict> {
    const sql = this.database.sqlFor(scope);
    const chains = await readChains(sql, scope);
    const total = chains.reduce((sum, { lastSeq }) => sum + lastSeq, 0);
    let entries = 0;
    for (const chain of chains) {
      const walk = new ChainWalk();
      for await (const batch of sealedEntries(sql, chain)) {
        if (signal?.aborted) throw unavailable('Nobody waits for the verdict any more.');
        for await (const entry of inTurns(batch)) {
          const firstBreak = walk.take(entry);
          if (firstBreak) return { valid: false, entries, firstBreak };
          entries++;
        }
        onProgress?.(entries, total);
      }
      const firstBreak = walk.finish(chain);
      if (firstBreak) return { valid: false, entries, firstBreak };
    }
    const firstBreak = await findStray(sql, scope);
    return { valid: firstBreak === null, entries, firstBreak };
  }
}
