import { Injectable } from '@nestjs/common';
import { ALERT_TABLES, assertCleared, assertOwner } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { caseNotFound } from '../cases/cases.errors.js';
import { NO_PRECONDITION } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import type { JsonText } from '../common/json-text.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { SqlParams } from '../database/sql.js';
import { openParent } from '../records/parent.js';
import { forEachRecord } from '../records/record-bulk.js';
import type { BulkDelete, BulkDeleted, BulkUpdated } from '../records/record-bulk.js';
import { listPage } from '../records/record-list.js';
import { countRecords, lockRecords } from '../records/record-reads.js';
import { linkedCaseSql } from '../records/record-sql.js';
import { toRecordText } from '../records/record-text.js';
import { RecordTexts } from '../records/record-texts.js';
import { RecordUpdater } from '../records/record-updater.service.js';
import type { RecordAccess } from '../records/record-updater.service.js';
import { softDelete } from '../records/record-writes.js';
import { StatusesService } from '../statuses/statuses.service.js';
import { findCandidates } from '../similarity/similarity.queries.js';
import { mostRelated } from '../similarity/similarity.js';
import { toAlert } from './alert.mapper.js';
import type { AlertRow } from './alert.mapper.js';
import { alertConditions } from './alert-filter.js';
import type { AlertListQuery, CaseAlertListQuery } from './alert-filter.js';
import { alertNotFound } from './alerts.errors.js';
import { findAlert, findAlertTexts, listAlerts } from './alerts.queries.js';
import type { Alert, BulkUpdateAlerts, SimilarAlert, UpdateAlert } from './alerts.schema.js';

@Injectable()
export class AlertsService {
  private readonly texts: RecordTexts;

  constructor(
    private readonly database: Database,
    private readonly statuses: StatusesService,
    private readonly updater: RecordUpdater,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {
    this.texts = new RecordTexts(database, findAlertTexts);
  }

  async get(principal: Principal, id: string): Promise<JsonText<Alert>> {
    const row = await this.texts.get(principal, id);
    if (!row) throw alertNotFound();
    assertCleared(principal, row);
    return toRecordText(row);
  }

  async list(principal: Principal, query: AlertListQuery): Promise<Page<JsonText<Alert>>> {
    const sql = this.database.readsFor(principal);
    const statuses = await this.statuses.list(principal, 'alert');
    const conditions = (params: SqlParams) => alertConditions(principal, query, statuses, params);
    return listPage(query, conditions, this.cursors, {
      name: 'alerts',
      rows: (shape) => listAlerts(sql, principal, shape),
      count: (shape) => countRecords(sql, principal, ALERT_TABLES, shape),
    });
  }

  /** The alerts of a case that must be there (404) and within clearance (403). */
  async listOfCase(
    principal: Principal,
    caseId: string,
    query: CaseAlertListQuery,
  ): Promise<Page<JsonText<Alert>>> {
    const parent = { kind: 'case', id: caseId, notFound: caseNotFound } as const;
    await openParent(this.database.sqlFor(principal), principal, parent);
    return this.list(principal, { ...query, caseId });
  }

  /** At most fifty related alerts, the most related first. */
  async similar(principal: Principal, id: string): Promise<SimilarAlert[]> {
    const sql = this.database.sqlFor(principal);
    await openParent(sql, principal, { kind: 'alert', id, notFound: alertNotFound });
    const candidates = await findCandidates<SimilarAlert['case']>(
      sql,
      principal,
      'alert',
      id,
      (params) => linkedCaseSql(principal, params),
    );
    return mostRelated(candidates).map(({ record, score, band, signals, shown }) => {
      return { alert: record, score, band, signals, case: shown };
    });
  }

  async update(
    principal: Principal,
    id: string,
    update: UpdateAlert,
    precondition: Precondition,
  ): Promise<Alert> {
    const row = await this.database.transaction(principal, (tx) =>
      this.updater.update(tx, principal, this.access(principal, id), update, precondition),
    );
    return toAlert(row);
  }

  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const row = await this.updater.open(tx, principal, this.access(principal, id), precondition);
      assertOwner(principal, row.ownerOrganizationId, 'delete the alert');
      await softDelete(sqlIn(tx), 'alert', id);
      await recordActivities(tx, principal, [{ alertId: id, action: 'deleted' }]);
      await this.audit.record(tx, principal, {
        action: 'alert.deleted',
        targetKind: 'alert',
        targetId: id,
        organizationId: row.ownerOrganizationId,
      });
    });
  }

  /** Updates up to a thousand alerts, each obeying tenant, clearance and statuses by itself. */
  async updateMany(
    principal: Principal,
    { ids, ...update }: BulkUpdateAlerts,
  ): Promise<BulkUpdated> {
    const { succeeded, ...rest } = await forEachRecord(
      this.database,
      principal,
      ids,
      (caller, id) => this.update(caller, id, update, NO_PRECONDITION),
    );
    await this.audit.refusedItems(principal, 'alert', rest.results);
    return { updatedCount: succeeded, ...rest };
  }

  async removeMany(principal: Principal, { ids }: BulkDelete): Promise<BulkDeleted> {
    const { succeeded, ...rest } = await forEachRecord(
      this.database,
      principal,
      ids,
      (caller, id) => this.remove(caller, id, NO_PRECONDITION),
    );
    await this.audit.refusedItems(principal, 'alert', rest.results);
    return { deletedCount: succeeded, ...rest };
  }

  private access(principal: Principal, id: string): RecordAccess<AlertRow> {
    return {
      kind: 'alert',
      lock: async (tx) => (await lockRecords(sqlIn(tx), principal, ALERT_TABLES, [id])).has(id),
      read: (tx) => findAlert(sqlIn(tx), principal, id),
      notFound: alertNotFound,
    };
  }
}
