import { Injectable } from '@nestjs/common';
import { assertAuthor } from '../access/access.js';
import { actorOf, recordActivities } from '../activities/activity.js';
import type { ActivityEvent } from '../activities/activity.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { caseNotFound } from '../cases/cases.errors.js';
import { defined } from '../common/defined.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { listChildren } from '../records/child-list.js';
import { openParent } from '../records/parent.js';
import type { ParentRow } from '../records/parent.js';
import { changesBetween } from '../records/record-changes.js';
import { timelineEventAutomatic, timelineEventNotFound } from './timeline.errors.js';
import { eventsOf, findEvent, toTimelineEvent } from './timeline.queries.js';
import type { EventRow } from './timeline.queries.js';
import type {
  CreateTimelineEvent,
  TimelineEvent,
  TimelineQuery,
  UpdateTimelineEvent,
} from './timeline.schema.js';

/** What happened in a case: what the server recorded of it, and what people entered. */
@Injectable()
export class TimelineService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  /** The timeline of a case that must be there (404) and within clearance (403). */
  async list(
    principal: Principal,
    caseId: string,
    query: TimelineQuery,
  ): Promise<Page<TimelineEvent>> {
    const sql = this.database.sqlFor(principal);
    await openParent(sql, principal, { kind: 'case', id: caseId, notFound: caseNotFound });
    const events = eventsOf(principal, caseId);
    const page = await listChildren<EventRow>(sql, this.cursors, query, events);
    return page.map(toTimelineEvent);
  }

  async get(principal: Principal, caseId: string, id: string): Promise<TimelineEvent> {
    const sql = this.database.sqlFor(principal);
    await openParent(sql, principal, { kind: 'case', id: caseId, notFound: caseNotFound });
    const row = await findEvent(sql, principal, caseId, id);
    if (!row) throw timelineEventNotFound();
    return toTimelineEvent(row);
  }

  create(principal: Principal, caseId: string, input: CreateTimelineEvent): Promise<TimelineEvent> {
    return this.database.transaction(principal, async (tx) => {
      const held = await this.hold(tx, principal, caseId);
      const id = newId();
      const event = { ...input, description: input.description ?? null };
      await tx.timelineEvent.create({
        data: { id, caseId, ...event, ...actorOf(principal), createdById: principal.userId },
      });
      await this.record(tx, principal, held, caseId, id, 'created', changesBetween({}, event), {
        action: 'added',
        newValue: { id, title: input.title },
      });
      return this.read(tx, principal, caseId, id);
    });
  }

  /** Changes an event that was entered by hand, as its author or an administrator. */
  update(
    principal: Principal,
    caseId: string,
    id: string,
    input: UpdateTimelineEvent,
    precondition: Precondition,
  ): Promise<TimelineEvent> {
    return this.database.transaction(principal, async (tx) => {
      const { held, event } = await this.openOwn(tx, principal, caseId, id, precondition);
      const changes = changesBetween(event, { ...event, ...defined(input) });
      if (changes.length === 0) return event;
      await tx.timelineEvent.update({
        where: { id },
        data: { ...defined(input), version: { increment: 1 } },
      });
      await this.record(tx, principal, held, caseId, id, 'updated', changes, {
        action: 'updated',
        oldValue: { id, title: event.title },
        newValue: { id, title: input.title ?? event.title },
      });
      return this.read(tx, principal, caseId, id);
    });
  }

  /** Deletes an event that was entered by hand, as its author or an administrator. */
  async remove(
    principal: Principal,
    caseId: string,
    id: string,
    precondition: Precondition,
  ): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const { held, event } = await this.openOwn(tx, principal, caseId, id, precondition);
      await tx.timelineEvent.update({
        where: { id },
        data: { deletedAt: new Date(), version: { increment: 1 } },
      });
      const { title, occurredAt, description } = event;
      const changes = changesBetween(
        { title, occurredAt, description },
        { title: null, occurredAt: null, description: null },
      );
      await this.record(tx, principal, held, caseId, id, 'deleted', changes, {
        action: 'removed',
        oldValue: { id, title },
      });
    });
  }

  /** Whoever changes a timeline holds its case, so they take turns. */
  private hold(tx: Tx, principal: Principal, caseId: string): Promise<ParentRow> {
    const parent = { kind: 'case', id: caseId, notFound: caseNotFound } as const;
    return openParent(sqlIn(tx), principal, parent, 'FOR UPDATE');
  }

  private async openOwn(
    tx: Tx,
    principal: Principal,
    caseId: string,
    id: string,
    precondition: Precondition,
  ): Promise<{ readonly held: ParentRow; readonly event: TimelineEvent }> {
    const held = await this.hold(tx, principal, caseId);
    const row = await findEvent(sqlIn(tx), principal, caseId, id);
    if (!row) throw timelineEventNotFound();
    if (row.kind === 'automatic') throw timelineEventAutomatic();
    assertAuthor(principal, row.createdById, 'an event');
    precondition.assertMatches(row.version);
    return { held, event: toTimelineEvent(row) };
  }

  private async read(
    tx: Tx,
    principal: Principal,
    caseId: string,
    id: string,
  ): Promise<TimelineEvent> {
    const row = await findEvent(sqlIn(tx), principal, caseId, id);
    if (!row) throw new Error('A written event is gone.');
    return toTimelineEvent(row);
  }

  private async record(
    tx: Tx,
    principal: Principal,
    { organizationId, tlp, pap }: ParentRow,
    caseId: string,
    targetId: string,
    verb: 'created' | 'updated' | 'deleted',
    changes: readonly FieldChange[],
    line: ActivityEvent,
  ): Promise<void> {
    await recordActivities(tx, principal, [{ ...line, caseId, fieldName: 'timeline', tlp, pap }]);
    await this.audit.record(tx, principal, {
      action: `timeline.${verb}`,
      targetKind: 'timelineEvent',
      targetId,
      organizationId,
      changes,
    });
  }
}
