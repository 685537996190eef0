import { Injectable } from '@nestjs/common';
import { CASE_TABLES, assertCleared, assertOwner } from '../access/access.js';
import { recordActivities, toActivityRow } from '../activities/activity.js';
import type { ActivityEvent } from '../activities/activity.js';
import { toAuditRow } from '../audit/audit-entry.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { CaseTemplatesService } from '../case-templates/case-templates.service.js';
import { referencesNotFound } from '../common/errors.js';
import { NO_PRECONDITION } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import type { JsonText } from '../common/json-text.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { CustomFieldsService } from '../custom-fields/custom-fields.service.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Sql, SqlParams, Tx } from '../database/sql.js';
import { distinctRows, toObservableRow } from '../observables/observable-row.js';
import { ObservableTypesService } from '../observables/observable-types.service.js';
import { toNewLinks } from '../records/new-links.js';
import { openParent } from '../records/parent.js';
import { forEachRecord } from '../records/record-bulk.js';
import type { BulkDelete, BulkDeleted, BulkUpdated } from '../records/record-bulk.js';
import { listPage } from '../records/record-list.js';
import { countRecords, lockRecords } from '../records/record-reads.js';
import { toRecordText } from '../records/record-text.js';
import { RecordTexts } from '../records/record-texts.js';
import { RecordUpdater } from '../records/record-updater.service.js';
import type { RecordAccess } from '../records/record-updater.service.js';
import { softDelete } from '../records/record-writes.js';
import { ReferencesService } from '../records/references.service.js';
import { chosenSla } from '../sla/sla-choice.js';
import { slaEnded, slaNotPaused, slaNotSet, slaPaused } from '../sla/sla.errors.js';
import { pauseClock, resumeClock, settleClocks } from '../sla/sla.queries.js';
import { findCandidates } from '../similarity/similarity.queries.js';
import { mostRelated } from '../similarity/similarity.js';
import { StatusesService } from '../statuses/statuses.service.js';
import type { Status } from '../statuses/statuses.service.js';
import { TasksService } from '../tasks/tasks.service.js';
import { toCaseDetail } from './case.mapper.js';
import type { CaseDetailRow } from './case.mapper.js';
import { completeCase } from './case-template-use.js';
import type { CompleteCase } from './case-template-use.js';
import { caseConditions } from './case-filter.js';
import type { CaseListQuery } from './case-filter.js';
import { caseClosed, caseNotFound } from './cases.errors.js';
import {
  findCase,
  findCaseTexts,
  insertCase,
  listCases,
  relatedCases,
  release,
} from './cases.queries.js';
import type { NewCases } from './cases.queries.js';
import type {
  Case,
  CaseDetail,
  CreateCase,
  ListedCase,
  BulkUpdateCases,
  SimilarCase,
  UpdateCase,
} from './cases.schema.js';

@Injectable()
export class CasesService {
  private readonly texts: RecordTexts;

  constructor(
    private readonly database: Database,
    private readonly statuses: StatusesService,
    private readonly types: ObservableTypesService,
    private readonly references: ReferencesService,
    private readonly customFields: CustomFieldsService,
    private readonly tasks: TasksService,
    private readonly templates: CaseTemplatesService,
    private readonly updater: RecordUpdater,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {
    this.texts = new RecordTexts(database, findCaseTexts);
  }

  async create(principal: Principal, input: CreateCase): Promise<Case> {
    const organizationId = this.references.ownerOf(principal, input.organizations);
    const complete = await this.complete(principal, organizationId, input);
    return this.createFor(principal, organizationId, complete, {});
  }

  /** The new case that a body means with its template, which must be of the tenant that will own it. */
  async complete(
    principal: Principal,
    organizationId: string,
    input: CreateCase,
  ): Promise<CompleteCase> {
    const { templateId } = input;
    if (!templateId) return completeCase(input, null);
    const template = await this.templates.find(principal, templateId, organizationId);
    if (!template) throw referencesNotFound(['templateId']);
    return completeCase(input, template);
  }

  /**
   * Stores the case with its observables, tags, activity and audit entry in one statement.
   *
   * `inherited` are custom fields of what it is made from: the body's win, and they need not fit.
   */
  async createFor(
    principal: Principal,
    organizationId: string,
    input: CompleteCase,
    inherited: Readonly<Record<string, unknown>>,
  ): Promise<Case> {
    const status = await this.statuses.resolve(principal, 'case', input.statusValue, 'statusValue');
    const types = await this.types.list(principal);
    assertCleared(principal, input);
    for (const observable of input.observables) assertCleared(principal, observable);
    await this.references.assertExist(principal, input, organizationId);
    const declared = { kind: 'case', organizationId } as const;
    const customFields = await this.customFields.complete(
      principal,
      declared,
      input.customFields,
      inherited,
    );

    if (status.stage === 'Closed') {
      await this.customFields.assertClosable(principal, organizationId, customFields);
    }

    const sla = await chosenSla(this.database.sqlFor(principal), input, null);
    const id = newId();
    const parent = { alertId: null, caseId: id, organizationId, tlp: input.tlp, pap: input.pap };
    const rows: NewCases = {
      ...toNewLinks(id, organizationId, input),
      records: [
        {
          id,
          organizationId,
          title: input.title,
          description: input.description ?? null,
          statusId: status.id,
          stage: status.stage,
          severity: input.severity,
          tlp: input.tlp,
          pap: input.pap,
          flag: input.flag,
          type: input.type ?? null,
          source: input.source ?? null,
          sourceRef: input.sourceRef ?? null,
          externalLink: input.externalLink ?? null,
          customFields,
          visibleToAll: input.visibleToAllOrganizations,
          assigneeId: input.assigneeId ?? null,
          createdById: principal.userId,
          clientId: input.clientId ?? null,
          clientName: input.clientName ?? null,
          slaConfig: sla.slaConfig ?? null,
          slaConfigId: sla.slaConfigId ?? null,
          createdAt: input.createdAt ?? null,
        },
      ],
      observables: distinctRows(
        input.observables.map((observable) =>
          toObservableRow(observable, types, parent, principal.userId),
        ),
      ),
      activities: [
        toActivityRow(principal, {
          caseId: id,
          action: 'created',
          body: input.title,
          tlp: input.tlp,
          pap: input.pap,
        }),
      ],
      audit: [
        toAuditRow(principal, {
          action: 'case.created',
          targetKind: 'case',
          targetId: id,
          organizationId,
          changes: input.templateId
            ? [{ field: 'templateId', old: null, new: input.templateId }]
            : [],
        }),
      ],
    };
    const hasClock = Boolean(sla.slaConfig) || status.stage === 'Closed';
    if (input.tasks.length === 0 && !hasClock)
      return insertCase(this.database.sqlFor(principal), rows);
    return this.database.transaction(principal, async (tx) => {
      const created = await insertCase(sqlIn(tx), rows);
      const [clock] = hasClock ? await settleClocks(sqlIn(tx), [id]) : [];
      await this.tasks.add(
        tx,
        principal,
        { id, organizationId, tlp: input.tlp },
        input.tasks,
        (i) => `tasks[${i}].`,
      );
      return { ...created, ...clock?.shown };
    });
  }

  async get(principal: Principal, id: string): Promise<JsonText<CaseDetail>> {
    const row = await this.texts.get(principal, id);
    if (!row) throw caseNotFound();
    assertCleared(principal, row);
    return toRecordText(row);
  }

  async list(principal: Principal, query: CaseListQuery): Promise<Page<JsonText<ListedCase>>> {
    const sql = this.database.readsFor(principal);
    const statuses = await this.statuses.list(principal, 'case');
    const conditions = (params: SqlParams) => caseConditions(query, statuses, params);
    return listPage(query, conditions, this.cursors, {
      name: 'cases',
      rows: (shape) => listCases(sql, principal, shape),
      count: (shape) => countRecords(sql, principal, CASE_TABLES, shape),
    });
  }

  /** At most fifty related cases, the most related first. */
  async similar(principal: Principal, id: string): Promise<SimilarCase[]> {
    const sql = this.database.sqlFor(principal);
    await openParent(sql, principal, { kind: 'case', id, notFound: caseNotFound });
    const candidates = await findCandidates(sql, principal, 'case', id);
    return mostRelated(candidates).map(({ record, score, band, signals }) => {
      return { case: record, score, band, signals };
    });
  }

  async update(
    principal: Principal,
    id: string,
    update: UpdateCase,
    precondition: Precondition,
  ): Promise<CaseDetail> {
    const row = await this.database.transaction(principal, (tx) =>
      this.updater.update(tx, principal, this.access(principal, id), update, precondition),
    );
    return toCaseDetail(row);
  }

  /** Stops the clock of the SLA, whose deadline then moves by the pause. */
  async pauseSla(
    principal: Principal,
    id: string,
    precondition: Precondition,
  ): Promise<CaseDetail> {
    return this.changeSla(principal, id, precondition, (sql, row) => {
      if (row.slaPausedAt !== null) throw slaPaused();
      return pauseClock(sql, id);
    });
  }

  async resumeSla(
    principal: Principal,
    id: string,
    precondition: Precondition,
  ): Promise<CaseDetail> {
    return this.changeSla(principal, id, precondition, (sql, row) => {
      if (row.slaPausedAt === null) throw slaNotPaused();
      return resumeClock(sql, id);
    });
  }

  /** Changes a clock that has not ended. */
  private async changeSla(
    principal: Principal,
    id: string,
    precondition: Precondition,
    work: (sql: Sql, row: CaseDetailRow) => Promise<readonly FieldChange[]>,
  ): Promise<CaseDetail> {
    const access = this.access(principal, id);
    const row = await this.database.transaction(principal, (tx) =>
      this.updater.change(tx, principal, access, precondition, (before) => {
        if (before.slaConfig === null) throw slaNotSet();
        if (before.status.stage === 'Closed') throw slaEnded();
        return work(sqlIn(tx), before);
      }),
    );
    return toCaseDetail(row);
  }

  /**
   * Deletes the case with its links; its alerts go back to the status `new`, and what was merged into it
   * points nowhere.
   */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    const fresh = await this.statuses.resolve(principal, 'alert', 'new', 'statusValue');
    await this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const related = await relatedCases(sql, [id]);
      if (related.length > 0) await lockRecords(sql, principal, CASE_TABLES, [id, ...related]);
      const row = await this.updater.open(tx, principal, this.access(principal, id), precondition);
      assertOwner(principal, row.ownerOrganizationId, 'delete the case');
      await softDelete(sql, 'case', id);
      const { alerts, linked, mergedIds } = await release(sql, id, fresh.id);
      const { tlp, pap, ownerOrganizationId: organizationId } = row;
      const oldValue = { id, tinyId: row.tinyId };
      await recordActivities(tx, principal, [
        { caseId: id, action: 'deleted' },
        ...alerts.flatMap(({ id: alertId, statusValue }): ActivityEvent[] => [
          { alertId, action: 'removed', fieldName: 'case', oldValue, tlp, pap },
          {
            alertId,
            action: 'statusChanged',
            fieldName: 'statusValue',
            oldValue: statusValue,
            newValue: fresh.value,
          },
        ]),
        ...linked.map(({ id: caseId }): ActivityEvent => {
          return { caseId, action: 'removed', fieldName: 'links', oldValue, tlp, pap };
        }),
        ...mergedIds.map((caseId): ActivityEvent => {
          return { caseId, action: 'updated', fieldName: 'primaryCaseId', oldValue: id, tlp, pap };
        }),
      ]);
      await this.audit.record(
        tx,
        principal,
        {
          action: 'case.deleted',
          targetKind: 'case',
          targetId: id,
          organizationId,
          changes: [
            ...alerts.map((alert) => ({ field: 'alerts', old: alert.id, new: null })),
            ...linked.map((other) => ({ field: 'links', old: other.id, new: null })),
          ],
        },
        ...alerts.map(({ id: targetId }) => ({
          action: 'alert.unlinked',
          targetKind: 'alert',
          targetId,
          organizationId,
          changes: [{ field: 'case', old: id, new: null }],
        })),
        ...linked.map((other) => ({
          action: 'case.unlinked',
          targetKind: 'case',
          targetId: other.id,
          organizationId: other.organizationId,
          changes: [{ field: 'links', old: { ...oldValue, kind: other.kind }, new: null }],
        })),
        ...mergedIds.map((targetId) => ({
          action: 'case.updated',
          targetKind: 'case',
          targetId,
          organizationId,
          changes: [{ field: 'primaryCaseId', old: id, new: null }],
        })),
      );
    });
  }

  /** The status with which a held case takes something in: a closed one opens again, where that is asked for (else 409). */
  async reopening(
    tx: Tx,
    { id, stage }: { readonly id: string; readonly stage: string },
    reopen: boolean,
  ): Promise<Status | null> {
    if (stage !== 'Closed') return null;
    if (!reopen) throw caseClosed(id);
    return this.statuses.resolve({ transaction: tx }, 'case', 'in-progress', 'statusValue');
  }

  /** Updates up to a thousand cases, each obeying tenant, clearance and statuses by itself. */
  async updateMany(
    principal: Principal,
    { ids, ...update }: BulkUpdateCases,
  ): Promise<BulkUpdated> {
    const { succeeded, ...rest } = await forEachRecord(
      this.database,
      principal,
      ids,
      (caller, id) => this.update(caller, id, update, NO_PRECONDITION),
    );
    await this.audit.refusedItems(principal, 'case', rest.results);
    return { updatedCount: succeeded, ...rest };
  }

  async removeMany(principal: Principal, { ids }: BulkDelete): Promise<BulkDeleted> {
    const { succeeded, ...rest } = await forEachRecord(
      this.database,
      principal,
      ids,
      (caller, id) => this.remove(caller, id, NO_PRECONDITION),
    );
    await this.audit.refusedItems(principal, 'case', rest.results);
    return { deletedCount: succeeded, ...rest };
  }

  private access(principal: Principal, id: string): RecordAccess<CaseDetailRow> {
    return {
      kind: 'case',
      lock: async (tx) => (await lockRecords(sqlIn(tx), principal, CASE_TABLES, [id])).has(id),
      read: (tx) => findCase(sqlIn(tx), principal, id),
      notFound: caseNotFound,
    };
  }
}
