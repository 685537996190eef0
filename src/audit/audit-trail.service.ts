import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { Cursors, Page } from '../common/pagination.js';
import { startedStream } from '../common/text-file.js';
import { Database } from '../database/database.service.js';
import { shownOf } from '../database/page-bytes.js';
import { CSV_HEADER, toCsv } from './audit-csv.js';
import { askedFor } from './audit-entry.js';
import { AuditSealer } from './audit-sealer.service.js';
import { countEntries, listEntries, readChains, sealedEntries } from './audit-trail.queries.js';
import type {
  AuditEntry,
  AuditFilter,
  AuditListQuery,
  ExportAuditQuery,
  SealedEntry,
} from './audit.schema.js';
import { AuditService } from './audit.service.js';

const LIST = 'audit';

/** Shows the audit trail to administrators: of their organizations, or of all. */
@Injectable()
export class AuditTrail {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly sealer: AuditSealer,
    private readonly cursors: Cursors,
  ) {}

  async list(principal: Principal, query: AuditListQuery): Promise<Page<AuditEntry>> {
    const sql = this.database.sqlFor(principal);
    const { limit, sort } = query;
    const page = {
      limit,
      descending: sort.startsWith('-'),
      after: this.cursors.decode(LIST, query),
    };
    const [rows, count] = await Promise.all([
      listEntries(sql, principal, query, page),
      query.count ? countEntries(sql, principal, query) : null,
    ]);
    return Page.of(rows, { limit: shownOf(rows, limit) }, count, ({ position, entry }) =>
      this.cursors.encode(LIST, query, [position, entry.id]),
    ).map(({ entry }) => entry);
  }

  /**
   * The text of an export, which is audited before it begins; rejects when nothing can be read.
   *
   * All that is there by then is sealed first, its own entry included, so that each line can be checked.
   */
  async export(principal: Principal, { format, ...filter }: ExportAuditQuery): Promise<Readable> {
    await this.database.transaction(principal, (tx) =>
      this.audit.record(tx, principal, {
        action: 'audit.exported',
        targetKind: 'audit',
        targetId: null,
        changes: askedFor({ format, ...filter }),
      }),
    );
    await this.sealer.sealAll();
    const batches = this.batches(principal, filter);
    return startedStream(format === 'csv' ? csvOf(batches) : linesOf(batches));
  }

  /** The entries chain by chain, each in its order. */
  private async *batches(
    principal: Principal,
    filter: AuditFilter,
  ): AsyncGenerator<readonly SealedEntry[]> {
    const sql = this.database.sqlFor(principal);
    for (const chain of await readChains(sql, principal)) yield* sealedEntries(sql, chain, filter);
  }
}

async function* csvOf(batches: AsyncIterable<readonly SealedEntry[]>): AsyncGenerator<string> {
  yield CSV_HEADER;
  for await (const batch of batches) if (batch.length > 0) yield toCsv(batch);
}

async function* linesOf(batches: AsyncIterable<readonly SealedEntry[]>): AsyncGenerator<string> {
  for await (const batch of batches) {
    if (batch.length > 0) yield batch.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  }
}
