import { Injectable } from '@nestjs/common';
import { ActivitiesService } from '../activities/activities.service.js';
import { toAlert } from '../alerts/alert.mapper.js';
import { findAlert } from '../alerts/alerts.queries.js';
import type { Alert } from '../alerts/alerts.schema.js';
import { attachmentsWithin } from '../attachments/attachments.queries.js';
import type { Attachment } from '../attachments/attachments.schema.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { hasScope } from '../auth/scopes.js';
import { linksOf } from '../case-links/case-links.queries.js';
import type { CaseLink } from '../case-links/case-links.schema.js';
import { toCaseDetail } from '../cases/case.mapper.js';
import { caseNotFound } from '../cases/cases.errors.js';
import { findCase } from '../cases/cases.queries.js';
import { commentsWithin } from '../comments/comments.queries.js';
import type { Comment } from '../comments/comments.schema.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { allChildren } from '../records/child-list.js';
import { openParent } from '../records/parent.js';
import { eventsOf, toTimelineEvent } from '../timeline/timeline.queries.js';
import type { EventRow } from '../timeline/timeline.queries.js';
import { ttpsOf } from '../ttps/record-ttps.queries.js';
import type { RecordTtp } from '../ttps/ttps.schema.js';
import { CASE_EXPORT_FORMAT } from './case-export.schema.js';
import type { CaseExport } from './case-export.schema.js';

/** Gives a case away as a whole. */
@Injectable()
export class CaseExportService {
  constructor(
    private readonly database: Database,
    private readonly activities: ActivitiesService,
    private readonly audit: AuditService,
  ) {}

  /**
   * The case with all that the caller may see of it, of one moment; that it was taken is audited.
   *
   * Its alerts are there for callers with `alerts:read`.
   */
  export(principal: Principal, id: string): Promise<CaseExport> {
    return this.database.transaction(principal, async (tx) => {
      const caller = { ...principal, transaction: tx };
      const sql = sqlIn(tx);
      const parent = { kind: 'case', id, notFound: caseNotFound } as const;
      // Whoever changes what hangs on a case holds it, so that nothing changes between these reads.
      const { organizationId } = await openParent(sql, caller, parent, 'FOR UPDATE');
      const row = await findCase(sql, caller, id);
      if (!row) throw caseNotFound();
      const { tasks, observables, alerts, ...rest } = toCaseDetail(row);
      const events = await allChildren<EventRow>(sql, eventsOf(caller, id));
      const exported: CaseExport = {
        format: CASE_EXPORT_FORMAT,
        case: rest,
        tasks,
        observables,
        comments: await allChildren<Comment>(sql, commentsWithin(caller, id)),
        attachments: await allChildren<Attachment>(sql, attachmentsWithin(caller, id)),
        ttps: await allChildren<RecordTtp>(sql, ttpsOf(parent)),
        timeline: events.map(toTimelineEvent),
        activities: await this.activities.allOfCase(caller, id),
        links: await allChildren<CaseLink>(sql, linksOf(caller, id)),
        alerts: await readAlerts(sql, caller, alerts),
      };
      await this.audit.record(tx, principal, {
        action: 'case.exported',
        targetKind: 'case',
        targetId: id,
        organizationId,
      });
      return exported;
    });
  }
}

/** The alerts with all of their observables. */
async function readAlerts(
  sql: Sql,
  principal: Principal,
  linked: readonly { readonly id: string }[],
): Promise<Alert[]> {
  if (!hasScope(principal.scopes, 'alerts:read')) return [];
  const alerts: Alert[] = [];
  for (const { id } of linked) {
    const row = await findAlert(sql, principal, id);
    if (row) alerts.push(toAlert(row));
  }
  return alerts;
}
