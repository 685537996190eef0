import { Injectable, Logger } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { newId } from '../common/ids.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { insertAuditSql, toAuditRow } from './audit-entry.js';
import type { Actor, AuditEvent, AuditRow } from './audit-entry.js';

/** Writes the audit trail: entries of changes in their transaction, entries of refusals on their own. */
@Injectable()
export class AuditService {
  private readonly logger = new Logger('Audit');

  constructor(private readonly database: Database) {}

  /** Records what the caller changed, in the transaction that changes it. */
  async record(tx: Tx, principal: Actor, ...events: readonly AuditEvent[]): Promise<void> {
    if (events.length === 0) return;
    const rows = events.map((event) => toAuditRow(principal, event));
    await sqlIn(tx)(`WITH entries AS (${insertAuditSql('$1::jsonb')}) SELECT 1`, [
      JSON.stringify(rows),
    ]);
  }

  /** Records that the caller was refused for scope, role, clearance or address. */
  refused(principal: Principal, code: string, route: string): Promise<void> {
    return this.writeRefusals(principal, [refusal(principal, 'route', null, code, route)]);
  }

  /** Records the items of a bulk that were refused, each with the record it was about. */
  async refusedItems(
    principal: Principal,
    targetKind: string,
    items: readonly {
      readonly id?: string | undefined;
      readonly status: number;
      readonly code?: string | undefined;
    }[],
  ): Promise<void> {
    const refused = items.filter((item) => item.status === 403);
    await this.writeRefusals(
      principal,
      refused.map((item) =>
        refusal(principal, targetKind, item.id ?? null, item.code ?? '', 'bulk'),
      ),
    );
  }

  /** Records that somebody could not sign in: as whom, where that is known, and from where. */
  signInFailed(
    client: Pick<Actor, 'requestId' | 'ip'>,
    person: { readonly id: string; readonly organizationId: string | null } | null,
  ): Promise<void> {
    const { requestId, ip } = client;
    const row: AuditRow = {
      id: newId(),
      organizationId: person?.organizationId ?? null,
      actorKind: 'anonymous',
      actorId: null,
      credentialId: null,
      action: 'user.sign-in-failed',
      targetKind: 'user',
      targetId: person?.id ?? null,
      changes: [],
      requestId,
      ip,
    };
    return this.writeRefusals(client, [row]);
  }

  /** Writes refusals on their own: what they refused has no transaction that is kept. */
  private async writeRefusals(
    principal: Pick<Actor, 'requestId'>,
    rows: readonly AuditRow[],
  ): Promise<void> {
    if (rows.length === 0) return;
    try {
      await this.database.sql(`WITH entries AS (${insertAuditSql('$1::jsonb')}) SELECT 1`, [
        JSON.stringify(rows),
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

function refusal(
  principal: Principal,
  targetKind: string,
  targetId: string | null,
  code: string,
  route: string,
): AuditRow {
  return toAuditRow(principal, {
    action: 'request.refused',
    targetKind,
    targetId,
    changes: [
      { field: 'route', old: null, new: route },
      { field: 'code', old: null, new: code },
    ],
  });
}
