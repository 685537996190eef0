import { Injectable } from '@nestjs/common';
import { ownedBy } from '../access/access.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { defined } from '../common/defined.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { issuesToError } from '../common/issues.js';
import { beginningWith, pageByCreation } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { findByName, orAlreadyTaken } from '../common/unique.js';
import { Database } from '../database/database.service.js';
import type { Tx } from '../database/sql.js';
import type { Prisma } from '../generated/prisma/client.js';
import { changesBetween } from '../records/record-changes.js';
import { slaConfigSelect, toReusableSlaConfig } from './sla-config.mapper.js';
import { slaConfigNotFound } from './sla.errors.js';
import { slaConfigSchema } from './sla.schema.js';
import type {
  CreateReusableSlaConfig,
  ReusableSlaConfig,
  SlaConfigListQuery,
  UpdateReusableSlaConfig,
} from './sla.schema.js';

interface HeldConfig {
  readonly id: string;
  readonly organizationId: string;
  readonly config: ReusableSlaConfig;
}

/** Reusable configurations of a tenant. Cases copy them, so what is changed or deleted here moves no clock. */
@Injectable()
export class SlaConfigsService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  async list(principal: Principal, query: SlaConfigListQuery): Promise<Page<ReusableSlaConfig>> {
    const { slaConfig } = this.database.prismaFor(principal);
    const where = {
      ...thereFor(principal),
      ...(query.q !== undefined && { name: beginningWith(query.q) }),
    };
    const page = await pageByCreation(
      'sla-configs',
      query,
      this.cursors,
      ({ after, ...order }) =>
        slaConfig.findMany({ where: { AND: [where, after] }, ...order, select: slaConfigSelect }),
      (take) => slaConfig.count({ where, take }),
    );
    return page.map(toReusableSlaConfig);
  }

  async get(principal: Principal, id: string): Promise<ReusableSlaConfig> {
    const row = await this.database
      .prismaFor(principal)
      .slaConfig.findFirst({ where: { id, ...thereFor(principal) }, select: slaConfigSelect });
    if (!row) throw slaConfigNotFound();
    return toReusableSlaConfig(row);
  }

  create(principal: Principal, input: CreateReusableSlaConfig): Promise<ReusableSlaConfig> {
    const { organizationId } = principal;
    const work = async (tx: Tx) => {
      const row = await tx.slaConfig.create({
        data: { id: newId(), organizationId, ...toColumns(input) },
        select: slaConfigSelect,
      });
      await this.record(tx, principal, 'sla-config.created', { id: row.id, organizationId }, [
        { field: 'name', old: null, new: input.name },
      ]);
      return toReusableSlaConfig(row);
    };
    return orAlreadyTaken(
      () => this.database.transaction(principal, work),
      nameTaken(input.name),
      () => this.holderOf(principal, organizationId, input.name),
    );
  }

  /** Changes a configuration, which must be valid as a whole; cases keep the copies they have. */
  async update(
    principal: Principal,
    id: string,
    input: UpdateReusableSlaConfig,
    precondition: Precondition,
  ): Promise<ReusableSlaConfig> {
    let { organizationId } = principal;
    const work = async (tx: Tx) => {
      const held = await this.lock(tx, principal, id);
      ({ organizationId } = held);
      const before = held.config;
      precondition.assertMatches(before.version);
      const wanted = { ...before, ...defined(input) };
      const changes = changesBetween(before, wanted);
      if (changes.length === 0) return before;
      const row = await tx.slaConfig.update({
        where: { id },
        data: { ...toColumns(wanted), version: { increment: 1 } },
        select: slaConfigSelect,
      });
      await this.record(tx, principal, 'sla-config.updated', held, changes);
      return toReusableSlaConfig(row);
    };
    return orAlreadyTaken(
      () => this.database.transaction(principal, work),
      nameTaken(input.name),
      () => this.holderOf(principal, organizationId, input.name),
    );
  }

  /** Deletes a configuration; cases keep their copies, and its id. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const held = await this.lock(tx, principal, id);
      precondition.assertMatches(held.config.version);
      await tx.slaConfig.update({
        where: { id },
        data: { deletedAt: new Date(), version: { increment: 1 } },
      });
      await this.record(tx, principal, 'sla-config.deleted', held, [
        { field: 'name', old: held.config.name, new: null },
      ]);
    });
  }

  /** Holds a configuration that the caller may change until the transaction ends. */
  private async lock(tx: Tx, principal: Principal, id: string): Promise<HeldConfig> {
    await tx.$queryRaw`SELECT id FROM sla_configs WHERE id = ${id}::uuid FOR UPDATE`;
    const row = await tx.slaConfig.findFirst({
      where: { id, ...thereFor(principal) },
      select: { ...slaConfigSelect, organizationId: true },
    });
    if (!row) throw slaConfigNotFound();
    return { id, organizationId: row.organizationId, config: toReusableSlaConfig(row) };
  }

  private holderOf(principal: Principal, organizationId: string, name = '') {
    return findByName(this.database.sqlFor(principal), 'sla_configs', organizationId, name);
  }

  private record(
    tx: Tx,
    principal: Principal,
    action: string,
    { id, organizationId }: Pick<HeldConfig, 'id' | 'organizationId'>,
    changes: readonly FieldChange[],
  ): Promise<void> {
    return this.audit.record(tx, principal, {
      action,
      targetKind: 'sla-config',
      targetId: id,
      organizationId,
      changes,
    });
  }
}

function thereFor(principal: Principal): Prisma.SlaConfigWhereInput {
  return { ...ownedBy(principal), deletedAt: null };
}

/** What can be changed of a configuration, as columns; it must be valid as a whole, else 400 naming what is not. */
function toColumns({ name, ...values }: CreateReusableSlaConfig) {
  const config = slaConfigSchema.safeParse(values);
  if (!config.success) throw issuesToError(config.error.issues);
  return { name, config: config.data };
}

function nameTaken(name = ''): string {
  return `An SLA configuration named ${name} is there already.`;
}
