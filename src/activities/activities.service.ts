import { Injectable } from '@nestjs/common';
import { clearedFor } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { Database } from '../database/database.service.js';
import { SqlParams } from '../database/sql.js';
import { allChildren } from '../records/child-list.js';
import { openParent } from '../records/parent.js';
import type { Parent } from '../records/parent.js';
import { relativeLabel } from '../records/record-labels.js';
import { instantSql } from '../records/record-sql.js';
import type { Activity, ActivityListQuery } from './activities.schema.js';

/** The line of history `x` of the person `u`, but for what the moment says of it. */
const ANSWER = `json_build_object('id', x.id, 'action', x.action, 'username', x.username, 'userImage', u.image, 'body', x.body,
  'fieldName', x.field_name, 'createdAt', ${instantSql('x.created_at')}, 'oldValue', x.old_value, 'newValue', x.new_value,
  'actor', json_build_object('kind', x.actor_kind, 'id', x.actor_id))`;

type ActivityRow = Omit<Activity, 'timeAgo'>;

function toActivity(row: ActivityRow, nowMs: number): Activity {
  return { ...row, timeAgo: relativeLabel(row.createdAt, nowMs) };
}

/** The history of alerts and cases, newest first. */
@Injectable()
export class ActivitiesService {
  constructor(private readonly database: Database) {}

  async list(principal: Principal, parent: Parent, query: ActivityListQuery): Promise<Activity[]> {
    await openParent(this.database.sqlFor(principal), principal, parent);
    return this.read(principal, `${parent.kind}_id`, parent.id, query);
  }

  /** The history of a task that the caller may see. */
  listOfTask(principal: Principal, id: string, query: ActivityListQuery): Promise<Activity[]> {
    return this.read(principal, 'task_id', id, query);
  }

  /** The whole history of a case that the caller may see, oldest first. */
  async allOfCase(principal: Principal, caseId: string): Promise<Activity[]> {
    const rows = await allChildren<ActivityRow>(this.database.sqlFor(principal), {
      name: `history of ${caseId}`,
      table: 'activities x',
      alias: 'x',
      joins: 'LEFT JOIN users u ON u.id = x.user_id',
      answer: ANSWER,
      conditions: (params) => [
        `x.case_id = ${params.add(caseId, 'uuid')}`,
        clearedFor(principal, 'x', params),
      ],
    });
    const nowMs = Date.now();
    return rows.map((row) => toActivity(row, nowMs));
  }

  private async read(
    principal: Principal,
    key: 'alert_id' | 'case_id' | 'task_id',
    id: string,
    query: ActivityListQuery,
  ): Promise<Activity[]> {
    const sql = this.database.sqlFor(principal);
    const params = new SqlParams();
    const where = `x.${key} = ${params.add(id, 'uuid')} AND ${clearedFor(principal, 'x', params)}`;
    const limit = params.add(query.limit, 'int');
    const offset = params.add((query.page - 1) * query.limit, 'int');
    const rows = await sql<{ activity: ActivityRow }>(
      `SELECT ${ANSWER} AS activity
       FROM activities x LEFT JOIN users u ON u.id = x.user_id
       WHERE ${where} ORDER BY x.id DESC LIMIT ${limit} OFFSET ${offset}`,
      params.values,
    );
    const nowMs = Date.now();
    return rows.map(({ activity }) => toActivity(activity, nowMs));
  }
}
