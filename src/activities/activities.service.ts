import { Injectable } from '@nestjs/common';
import { clearedFor } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { Database } from '../database/database.service.js';
import { SqlParams } from '../database/sql.js';
import { openParent } from '../records/parent.js';
import type { Parent } from '../records/parent.js';
import { relativeLabel } from '../records/record-labels.js';
import { instantSql } from '../records/record-sql.js';
import type { Activity, ActivityListQuery } from './activities.schema.js';

/** The history of alerts and cases, newest first. */
@Injectable()
export class ActivitiesService {
  constructor(private readonly database: Database) {}

  async list(principal: Principal, parent: Parent, query: ActivityListQuery): Promise<Activity[]> {
    const sql = this.database.sqlFor(principal);
    await openParent(sql, principal, parent);
    const params = new SqlParams();
    const parentKey = parent.kind === 'alert' ? 'alert_id' : 'case_id';
    const where = `x.${parentKey} = ${params.add(parent.id, 'uuid')} AND ${clearedFor(principal, 'x', params)}`;
    const limit = params.add(query.limit, 'int');
    const offset = params.add((query.page - 1) * query.limit, 'int');
    const rows = await sql<{ activity: Omit<Activity, 'timeAgo'> }>(
      `SELECT json_build_object('id', x.id, 'action', x.action, 'username', x.username, 'userImage', u.image, 'body', x.body,
         'fieldName', x.field_name, 'createdAt', ${instantSql('x.created_at')}, 'oldValue', x.old_value, 'newValue', x.new_value,
         'actor', json_build_object('kind', x.actor_kind, 'id', x.actor_id)) AS activity
       FROM activities x LEFT JOIN users u ON u.id = x.user_id
       WHERE ${where} ORDER BY x.id DESC LIMIT ${limit} OFFSET ${offset}`,
      params.values,
    );
    const nowMs = Date.now();
    return rows.map(({ activity }) => ({
      ...activity,
      timeAgo: relativeLabel(activity.createdAt, nowMs),
    }));
  }
}
