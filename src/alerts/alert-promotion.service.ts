import { Injectable } from '@nestjs/common';
import { assertCleared, assertOwner } from '../access/access.js';
import type { Marking } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import type { ActivityEvent } from '../activities/activity.js';
import { copyAttachments, countAlertAttachments } from '../attachments/attachments.queries.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { caseMerged, caseNotFound, ownersDiffer } from '../cases/cases.errors.js';
import { CasesService } from '../cases/cases.service.js';
import { referencesNotFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Sql, Tx } from '../database/sql.js';
import { changesBetween, strictest, toActivities } from '../records/record-changes.js';
import { describeMerged, uniteCustomFields } from '../records/record-merge.js';
import { bumpVersion, writeColumns } from '../records/record-writes.js';
import { StatusesService } from '../statuses/statuses.service.js';
import { copyTtps } from '../ttps/record-ttps.queries.js';
import {
  copyObservables,
  copyObservableTags,
  copyTags,
  countDistinctObservables,
  linkAlerts,
  lockAlerts,
  lockReceivingCase,
} from './alert-promotion.queries.js';
import type { PromotableAlert, ReceivingCase } from './alert-promotion.queries.js';
import { toAlert } from './alert.mapper.js';
import type { AlertRow } from './alert.mapper.js';
import { alertInCase, alertNotFound } from './alerts.errors.js';
import { findAlert } from './alerts.queries.js';
import type { Alert, CreateCaseFromAlerts } from './alerts.schema.js';

/** Turns alerts into cases: all or nothing, and never twice. */
@Injectable()
export class AlertPromotionService {
  constructor(
    private readonly database: Database,
    private readonly cases: CasesService,
    private readonly statuses: StatusesService,
    private readonly audit: AuditService,
  ) {}

  /** Opens one case from up to fifty alerts, which take the status `imported`. */
  createCase(principal: Principal, input: CreateCaseFromAlerts): Promise<{ caseId: string }> {
    const { alertIds, ...body } = input;
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const alerts = await this.openAlerts(sql, principal, alertIds);
      for (const alert of alerts)
        if (alert.caseId !== null) throw alertInCase(alert.id, alert.caseId);
      const caller = { ...principal, transaction: tx };
      const owner = ownerOf(alerts);
      const complete = await this.cases.complete(caller, owner, body);
      const marking = strictest([complete, ...alerts]);
      const created = await this.cases.createFor(
        caller,
        owner,
        { ...complete, ...marking },
        uniteCustomFields(alerts, {}),
      );
      await this.unite(tx, principal, { ...marking, id: created.id }, alerts);
      return { caseId: created.id };
    });
  }

  /** Merges alerts into a case; those that are in it already change nothing. */
  async merge(
    principal: Principal,
    caseId: string,
    alertIds: readonly string[],
    options: { readonly reopen: boolean; readonly isInPath: boolean },
  ): Promise<Alert[]> {
    const rows = await this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const target = await this.openCase(sql, principal, caseId);
      const alerts = await this.openAlerts(sql, principal, alertIds, options.isInPath);
      const fresh = alerts.filter((alert) => alert.caseId !== caseId);
      for (const alert of fresh)
        if (alert.caseId !== null) throw alertInCase(alert.id, alert.caseId);
      if (fresh.length > 0) await this.mergeFresh(tx, principal, target, fresh, options.reopen);
      const merged: (AlertRow | null)[] = [];
      for (const id of new Set(alertIds)) merged.push(await findAlert(sql, principal, id));
      return merged;
    });
    return rows.flatMap((row) => (row ? [toAlert(row)] : []));
  }

  /** Takes an alert off its case, back to the status `new`; what was copied stays. */
  async unlink(principal: Principal, caseId: string, alertId: string): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const target = await this.openCase(sql, principal, caseId);
      const [alert] = await this.openAlerts(sql, principal, [alertId], true);
      if (alert?.caseId !== caseId) throw alertNotFound();
      const fresh = await this.statuses.resolve({ transaction: tx }, 'alert', 'new', 'statusValue');
      await linkAlerts(sql, [alertId], null, fresh);
      await bumpVersion(sql, 'case', caseId);
      await recordActivities(tx, principal, [
        {
          alertId,
          action: 'removed',
          fieldName: 'case',
          oldValue: caseRef(target),
          ...markingOf(target),
        },
        {
          alertId,
          action: 'statusChanged',
          fieldName: 'statusValue',
          oldValue: alert.statusValue,
          newValue: 'new',
        },
        {
          caseId,
          action: 'removed',
          fieldName: 'alerts',
          oldValue: alertRef(alert),
          ...markingOf(alert),
        },
      ]);
      await this.audit.record(tx, principal, {
        action: 'alert.unlinked',
        targetKind: 'alert',
        targetId: alertId,
        organizationId: alert.organizationId,
        changes: [{ field: 'case', old: caseId, new: null }],
      });
    });
  }

  private async mergeFresh(
    tx: Tx,
    principal: Principal,
    target: ReceivingCase,
    alerts: readonly PromotableAlert[],
    reopen: boolean,
  ): Promise<void> {
    if (alerts.some((alert) => alert.organizationId !== target.organizationId))
      throw ownersDiffer(target.id);
    if (target.isMerged) throw caseMerged(target.id);
    const status = await this.cases.reopening(tx, target, reopen);
    const sql = sqlIn(tx);
    const united = {
      ...strictest([target, ...alerts]),
      description: describeMerged(target.description, 'alert', alerts),
      customFields: uniteCustomFields(alerts, target.customFields),
    };
    const clocks = await writeColumns(sql, principal, 'case', target.id, united, status);
    await this.unite(tx, principal, { ...united, id: target.id }, alerts);
    await bumpVersion(sql, 'case', target.id);
    const { id: caseId, tlp, pap, description, customFields, statusValue } = target;
    const changes = [
      ...changesBetween(
        { tlp, pap, description, customFields, statusValue },
        { ...united, statusValue: status?.value ?? statusValue },
      ),
      ...clocks.flatMap((clock) => clock.changes),
    ];
    await recordActivities(tx, principal, toActivities({ caseId }, changes, united));
    await this.audit.record(tx, principal, {
      action: 'case.updated',
      targetKind: 'case',
      targetId: caseId,
      organizationId: target.organizationId,
      changes,
    });
  }

  /** Copies what the alerts hold into the case and links them, with history and audit. */
  private async unite(
    tx: Tx,
    principal: Principal,
    target: Marking & { readonly id: string },
    alerts: readonly PromotableAlert[],
  ): Promise<void> {
    const caseId = target.id;
    const sql = sqlIn(tx);
    const ids = alerts.map((alert) => alert.id);
    await copyTags(sql, caseId, ids);
    await copyTtps(sql, caseId, ids, principal.userId);
    const fileIds = Array.from({ length: await countAlertAttachments(sql, ids) }, () => newId());
    await copyAttachments(sql, caseId, ids, fileIds);
    const newIds = Array.from({ length: await countDistinctObservables(sql, ids) }, () => newId());
    await copyObservables(sql, caseId, ids, newIds, principal.userId);
    await copyObservableTags(sql, caseId, ids);
    await linkAlerts(
      sql,
      ids,
      caseId,
      await this.statuses.resolve({ transaction: tx }, 'alert', 'imported', 'statusValue'),
    );
    await recordActivities(
      tx,
      principal,
      alerts.flatMap((alert): ActivityEvent[] => [
        {
          alertId: alert.id,
          action: 'merged',
          fieldName: 'case',
          newValue: { id: caseId },
          ...markingOf(target),
        },
        {
          alertId: alert.id,
          action: 'statusChanged',
          fieldName: 'statusValue',
          oldValue: alert.statusValue,
          newValue: 'imported',
        },
        {
          caseId,
          action: 'merged',
          fieldName: 'alerts',
          newValue: alertRef(alert),
          ...markingOf(alert),
        },
      ]),
    );
    await this.audit.record(
      tx,
      principal,
      ...alerts.map((alert) => ({
        action: 'alert.merged',
        targetKind: 'alert',
        targetId: alert.id,
        organizationId: alert.organizationId,
        changes: [{ field: 'case', old: null, new: caseId }],
      })),
    );
  }

  /** Holds the alerts: all must be there (400 naming each path, or 404), cleared (403) and of one owner (409). */
  private async openAlerts(
    sql: Sql,
    principal: Principal,
    ids: readonly string[],
    isInPath = false,
  ): Promise<PromotableAlert[]> {
    const alerts = await lockAlerts(sql, principal, ids);
    const found = new Set(alerts.map((alert) => alert.id));
    const missing = ids.flatMap((id, index) => (found.has(id) ? [] : [`alertIds[${index}]`]));
    if (missing.length > 0) throw isInPath ? alertNotFound() : referencesNotFound(missing);
    const owner = alerts[0]?.organizationId;
    for (const alert of alerts) {
      assertCleared(principal, alert);
      assertOwner(principal, alert.organizationId, 'merge the alert');
      if (alert.organizationId !== owner) throw ownersDiffer(alert.id);
    }
    return alerts;
  }

  private async openCase(sql: Sql, principal: Principal, caseId: string): Promise<ReceivingCase> {
    const target = await lockReceivingCase(sql, principal, caseId);
    if (!target) throw caseNotFound();
    assertCleared(principal, target);
    assertOwner(principal, target.organizationId, 'merge alerts into the case');
    return target;
  }
}

/** The tenant that owns all of the alerts, of which there is at least one. */
function ownerOf([first]: readonly PromotableAlert[]): string {
  if (!first) throw new Error('No alert to promote.');
  return first.organizationId;
}

/** An alert in the history of a case that others may share: no more than its number. */
function alertRef({ id, tinyId }: PromotableAlert) {
  return { id, tinyId };
}

function caseRef({ id, tinyId }: ReceivingCase) {
  return { id, tinyId };
}

function markingOf({ tlp, pap }: Marking): Marking {
  return { tlp, pap };
}
