import { Injectable } from '@nestjs/common';
import { ownedBy } from '../access/access.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { AppError } from '../common/errors.js';
import { beginningWith, pageByCreation } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { findByName, orAlreadyTaken } from '../common/unique.js';
import { Database } from '../database/database.service.js';
import type { LotLock } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import type { Tag } from '../records/answer.schema.js';
import { untagLot } from './tags.queries.js';
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

  /**
   * Takes the tag off whatever has it, a lot at a time, with an audit entry of each, and a line in the history of
   * records; then deletes it.
   */
  async remove(principal: Principal, id: number): Promise<void> {
    await this.database.inLots(principal, async (tx, lock) => {
      const tag = await this.lock(tx, principal, id, lock);
      if (await untagLot(sqlIn(tx), principal, tag)) return true;
      if (lock === 'UPDATE') {
        await tx.tag.delete({ where: { id } });
        await this.record(tx, principal, 'tag.deleted', id, tag.organizationId, [
          { field: 'name', old: tag.name, new: null },
        ]);
      }
      return false;
    });
  }

  private async lock(tx: Tx, principal: Principal, id: number, strength: LotLock = 'UPDATE') {
    await sqlIn(tx)(`SELECT id FROM tags WHERE id = $1::int FOR ${strength}`, [id]);
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
