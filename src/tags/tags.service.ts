import { Injectable } from '@nestjs/common';
import { ownedBy } from '../access/access.js';
import { insertActivitiesSql, toActivityRow } from '../activities/activity.js';
import { insertEachAuditSql, toActorColumns } from '../audit/audit-entry.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { AppError } from '../common/errors.js';
import { beginningWith, pageByCreation } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { findByName, orAlreadyTaken } from '../common/unique.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import type { Tag } from '../records/answer.schema.js';
import type { CreateTag, TagListQuery, UpdateTag } from './tags.schema.js';

const SELECT = { id: true, name: true, color: true } as const;

/** The tags of a tenant; records find or create them by name as well. */
@Injectable()
export class TagsService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  async list(principal: Principal, query: TagListQuery): Promise<Page<Tag>> {
    const { tag } = this.database.prismaFor(principal);
    const where = {
      ...ownedBy(principal),
      ...(query.q !== undefined && { name: beginningWith(query.q) }),
    };
    const page = await pageByCreation(
      'tags',
      query,
      this.cursors,
      ({ after, ...order }) =>
        tag.findMany({
          where: { AND: [where, after] },
          ...order,
          select: { ...SELECT, createdAt: true },
        }),
      (take) => tag.count({ where, take }),
    );
    return page.map(({ id, name, color }) => ({ id, name, color }));
  }

  async get(principal: Principal, id: number): Promise<Tag> {
    const tag = await this.database
      .prismaFor(principal)
      .tag.findFirst({ where: { id, ...ownedBy(principal) }, select: SELECT });
    if (!tag) throw tagNotFound();
    return tag;
  }

  create(principal: Principal, { name, color }: CreateTag): Promise<Tag> {
    const { organizationId } = principal;
    const work = async (tx: Tx) => {
      const data = { organizationId, name, ...(color !== undefined && { color }) };
      const tag = await tx.tag.create({ data, select: SELECT });
      await this.record(tx, principal, 'tag.created', tag.id, organizationId, [
        { field: 'name', old: null, new: tag.name },
      ]);
      return tag;
    };
    return orAlreadyTaken(
      () => this.database.transaction(principal, work),
      nameTaken(name),
      () => this.holderOf(principal, organizationId, name),
    );
  }

  update(principal: Principal, id: number, { name, color }: UpdateTag): Promise<Tag> {
    let organizationId = principal.organizationId;
    const work = async (tx: Tx) => {
      const before = await this.lock(tx, principal, id);
      ({ organizationId } = before);
      const data = { ...(name !== undefined && { name }), ...(color !== undefined && { color }) };
      const after = await tx.tag.update({ where: { id }, data, select: SELECT });
      const changes = Object.keys(data).map((field) => ({
        field,
        old: before[field as keyof Tag],
        new: after[field as keyof Tag],
      }));
      await this.record(tx, principal, 'tag.updated', id, organizationId, changes);
      return after;
    };
    return orAlreadyTaken(
      () => this.database.transaction(principal, work),
      nameTaken(name),
      () => this.holderOf(principal, organizationId, name),
    );
  }

  /** Deletes the tag and takes it off every record, with a line in the history and an audit entry of each. */
  async remove(principal: Principal, id: number): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const tag = await this.lock(tx, principal, id);
      const line = toActivityRow(principal, {
        action: 'removed',
        fieldName: 'tags',
        oldValue: tag.name,
      });
      const entry = {
        ...toActorColumns(principal),
        changes: [{ field: 'tags', old: tag.name, new: null }],
      };
      await sqlIn(tx)(
        `WITH of_observables AS (DELETE FROM observable_tags WHERE tag_id = $1::int RETURNING observable_id AS id),
           moved_observables AS (UPDATE observables SET version = version + 1, updated_at = now()
             WHERE id IN (SELECT id FROM of_observables) RETURNING alert_id, case_id),
           of_alerts AS (DELETE FROM alert_tags WHERE tag_id = $1::int RETURNING jsonb_build_object('alertId', alert_id) AS parent),
           of_cases AS (DELETE FROM case_tags WHERE tag_id = $1::int RETURNING jsonb_build_object('caseId', case_id) AS parent),
           moved_alerts AS (UPDATE alerts SET version = version + 1, updated_at = now()
             WHERE id IN (SELECT (parent->>'alertId')::uuid FROM of_alerts UNION SELECT alert_id FROM moved_observables)),
           moved_cases AS (UPDATE cases SET version = version + 1, updated_at = now()
             WHERE id IN (SELECT (parent->>'caseId')::uuid FROM of_cases UNION SELECT case_id FROM moved_observables)),
           lines AS (SELECT jsonb_agg($2::jsonb || parent) AS rows FROM (SELECT * FROM of_alerts UNION ALL SELECT * FROM of_cases) x),
           history AS (${insertActivitiesSql("coalesce((SELECT rows FROM lines), '[]')")}),
           untagged AS (
             SELECT 'alert' AS kind, id, organization_id FROM alerts WHERE id IN (SELECT (parent->>'alertId')::uuid FROM of_alerts)
             UNION ALL SELECT 'case', id, organization_id FROM cases WHERE id IN (SELECT (parent->>'caseId')::uuid FROM of_cases)
             UNION ALL SELECT 'observable', id, organization_id FROM observables WHERE id IN (SELECT id FROM of_observables)),
           entries AS (${insertEachAuditSql(`$3::jsonb || jsonb_build_object('action', x.kind || '.updated', 'targetKind', x.kind)`, 'untagged')})
         SELECT 1`,
        [id, JSON.stringify(line), JSON.stringify(entry)],
      );
      await tx.tag.delete({ where: { id } });
      await this.record(tx, principal, 'tag.deleted', id, tag.organizationId, [
        { field: 'name', old: tag.name, new: null },
      ]);
    });
  }

  private async lock(tx: Tx, principal: Principal, id: number) {
    await tx.$queryRaw`SELECT id FROM tags WHERE id = ${id}::int FOR UPDATE`;
    const tag = await tx.tag.findFirst({
      where: { id, ...ownedBy(principal) },
      select: { ...SELECT, organizationId: true },
    });
    if (!tag) throw tagNotFound();
    return tag;
  }

  private holderOf(principal: Principal, organizationId: string, name = '') {
    return findByName(this.database.sqlFor(principal), 'tags', organizationId, name);
  }

  private record(
    tx: Tx,
    principal: Principal,
    action: string,
    id: number,
    organizationId: string,
    changes: readonly FieldChange[],
  ): Promise<void> {
    return this.audit.record(tx, principal, {
      action,
      targetKind: 'tag',
      targetId: String(id),
      organizationId,
      changes,
    });
  }
}

function tagNotFound(): AppError {
  return new AppError('TAG_NOT_FOUND', 'No such tag.');
}

function nameTaken(name = ''): string {
  return `A tag named ${name} is there already.`;
}
