import { Injectable, Logger } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { insertAuditSql, toAuditRow } from './audit-entry.js';
import type { AuditEvent } from './audit-entry.js';

/** Writes the audit trail: entries of changes in their transaction, entries of refusals on their own. */
@Injectable()
export class AuditService {
  private readonly logger = new Logger('Audit');

  constructor(private readonly database: Database) {}

  /** Records what the caller changed, in the transaction that changes it. */
  async record(tx: Tx, principal: Principal, ...events: readonly AuditEvent[]): Promise<void> {
    if (events.length === 0) return;
    const rows = events.map((event) => toAuditRow(principal, event));
    await sqlIn(tx)(`WITH entries AS (${insertAuditSql('$1::jsonb')}) SELECT 1`, [
      JSON.stringify(rows),
    ]);
  }

  /** Records that the caller was refused for scope, role, clearance or address. */
  async refused(principal: Principal, code: string, route: string): Promise<void> {
    const row = toAuditRow(principal, {
      action: 'request.refused',
      targetKind: 'route',
      targetId: null,
      changes: [
        { field: 'route', old: null, new: route },
        { field: 'code', old: null, new: code },
      ],
    });
    try {
      await this.database.sql(`WITH entry AS (${insertAuditSql('$1::jsonb')}) SELECT 1`, [
        JSON.stringify([row]),
      ]);
    } catch (error) {
      this.logger.error({
        message: 'refusal not audited',
        requestId: principal.requestId,
        reason: String(error),
      });
    }
  }
}
