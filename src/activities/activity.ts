import { actorKindOf } from '../audit/audit-entry.js';
import type { Principal } from '../auth/principal.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';

export type ActivityAction =
  | 'created'
  | 'updated'
  | 'deleted'
  | 'added'
  | 'merged'
  | 'removed'
  | 'statusChanged'
  | 'commentAdded';

/** A line of an alert's or case's history. */
export interface ActivityEvent {
  readonly alertId?: string;
  readonly caseId?: string;
  /** The task of the case that the line tells of. */
  readonly taskId?: string;
  readonly action: ActivityAction;
  readonly fieldName?: string;
  readonly body?: string;
  readonly oldValue?: unknown;
  readonly newValue?: unknown;
  /** The marking of what the line tells, where it is stricter than the record's: an observable's, a case's. */
  readonly tlp?: number;
  readonly pap?: number;
}

/** A row of `activities`, for statements that write it beside the change. */
export interface ActivityRow extends ActivityEvent {
  readonly actorKind: string;
  readonly actorId: string | null;
  readonly userId: string | null;
  readonly username: string;
}

/** Who the caller is to a history: the person who did it by hand, or the key. */
export function actorOf(principal: Principal): {
  readonly actorKind: string;
  readonly actorId: string;
} {
  const actorKind = actorKindOf(principal);
  return {
    actorKind,
    actorId: actorKind === 'user' ? principal.userId : principal.credentialId,
  };
}

/** The line that says the caller did this. */
export function toActivityRow(principal: Principal, event: ActivityEvent): ActivityRow {
  return {
    ...event,
    ...actorOf(principal),
    userId: principal.userId,
    username: principal.userName,
  };
}

/** The line that says the server did this by itself. */
export function toSystemActivityRow(event: ActivityEvent): ActivityRow {
  return { ...event, actorKind: 'system', actorId: null, userId: null, username: 'System' };
}

/** Inserts activity rows from the JSON array in `source`, as part of a larger statement. */
export function insertActivitiesSql(source: string): string {
  return `
  INSERT INTO activities (alert_id, case_id, task_id, action, field_name, body, old_value, new_value, tlp, pap, actor_kind, actor_id, user_id, username)
  SELECT x."alertId", x."caseId", x."taskId", x.action, x."fieldName", coalesce(x.body, ''), x."oldValue", x."newValue", coalesce(x.tlp, 0), coalesce(x.pap, 0), x."actorKind", x."actorId", x."userId", x.username
  FROM jsonb_to_recordset(${source}) AS x("alertId" uuid, "caseId" uuid, "taskId" uuid, action text, "fieldName" text, body text,
    "oldValue" jsonb, "newValue" jsonb, tlp int, pap int, "actorKind" text, "actorId" uuid, "userId" uuid, username text)`;
}

/** Records lines of history in the transaction that makes it. */
export async function recordActivities(
  tx: Tx,
  principal: Principal,
  events: readonly ActivityEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event) => toActivityRow(principal, event));
  await sqlIn(tx)(`WITH lines AS (${insertActivitiesSql('$1::jsonb')}) SELECT 1`, [
    JSON.stringify(rows),
  ]);
}
