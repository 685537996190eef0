import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { assertCleared, assertOwner } from '../access/access.js';
import { recordActivities, toActivityRow } from '../activities/activity.js';
import { toAuditRow } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import type { Precondition } from '../common/etag.js';
import { Cursors, Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import { distinctRows, toObservableRow } from '../observables/observable-row.js';
import { ObservableTypesService } from '../observables/observable-types.service.js';
import type { RecordListQuery } from '../records/record.schema.js';
import { listPage } from '../records/record-list.js';
import { RecordUpdater } from '../records/record-updater.service.js';
import type { RecordAccess } from '../records/record-updater.service.js';
import { toNewLinks } from '../records/new-links.js';
import { softDelete } from '../records/record-writes.js';
import { ReferencesService } from '../records/references.service.js';
import { StatusesService } from '../statuses/statuses.service.js';
import { toAlert } from './alert.mapper.js';
import type { AlertRow } from './alert.mapper.js';
import { alertNotFound } from './alerts.errors.js';
import { countAlerts, findAlert, insertAlerts, listAlerts, lockAlert } from './alerts.queries.js';
import type { NewAlerts } from './alerts.queries.js';
import type { Alert, CreateAlert, UpdateAlert } from './alerts.schema.js';

@Injectable()
export class AlertsService {
  constructor(
    private readonly database: Database,
    private readonly statuses: StatusesService,
    private readonly types: ObservableTypesService,
    private readonly references: ReferencesService,
    private readonly updater: RecordUpdater,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  /** Stores the alert with its observables, tags, activity and audit entry in one statement. */
  async create(principal: Principal, input: CreateAlert): Promise<Alert> {
    const status = await this.statuses.resolve('alert', input.statusValue, 'statusValue');
    const types = await this.types.list();
    assertCleared(principal, input);
    for (const observable of input.observables) assertCleared(principal, observable);
    const organizationId = this.references.ownerOf(principal, input.organizations);
    await this.references.assertExist(principal, input, organizationId);

    const id = uuidv7();
    const parent = { alertId: id, caseId: null, organizationId, tlp: input.tlp, pap: input.pap };
    const rows: NewAlerts = {
      ...toNewLinks(id, organizationId, input),
      records: [
        {
          id,
          organizationId,
          title: input.title,
          description: input.description,
          statusId: status.id,
          stage: status.stage,
          severity: input.severity,
          tlp: input.tlp,
          pap: input.pap,
          count: input.count,
          type: input.type ?? null,
          source: input.source ?? null,
          sourceRef: input.sourceRef ?? null,
          externalLink: input.externalLink ?? null,
          customFields: input.customFields,
          visibleToAll: input.visibleToAllOrganizations,
          assigneeId: input.assigneeId ?? null,
          createdById: principal.userId,
          clientId: input.clientId ?? null,
          clientName: input.clientName ?? null,
        },
      ],
      observables: distinctRows(
        input.observables.map((observable) =>
          toObservableRow(observable, types, parent, principal.userId),
        ),
      ),
      activities: [toActivityRow(principal, { alertId: id, action: 'created', body: input.title })],
      audit: [
        toAuditRow(principal, {
          action: 'alert.created',
          targetKind: 'alert',
          targetId: id,
          organizationId,
        }),
      ],
    };
    const [row] = await insertAlerts(this.database.sqlFor(principal), principal, rows);
    if (!row) throw new Error('The insert returned no row.');
    return toAlert(row);
  }

  async get(principal: Principal, id: string): Promise<Alert> {
    const row = await findAlert(this.database.sqlFor(principal), principal, id);
    if (!row) throw alertNotFound();
    assertCleared(principal, row);
    return toAlert(row);
  }

  async list(principal: Principal, query: RecordListQuery): Promise<Page<Alert>> {
    const sql = this.database.sqlFor(principal);
    const statuses = await this.statuses.list('alert');
    const page = await listPage<AlertRow>(principal, query, statuses, this.cursors, {
      name: 'alerts',
      rows: async (shape) =>
        (await listAlerts(sql, principal, shape)).map(({ alert, sort }) => ({ row: alert, sort })),
      count: (shape) => countAlerts(sql, principal, shape),
    });
    const nowMs = Date.now();
    return page.map((row) => toAlert(row, nowMs));
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

  private access(principal: Principal, id: string): RecordAccess<AlertRow> {
    return {
      kind: 'alert',
      lock: (tx) => lockAlert(sqlIn(tx), principal, id),
      read: (tx) => findAlert(sqlIn(tx), principal, id),
      notFound: alertNotFound,
    };
  }
}
