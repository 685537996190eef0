import { Injectable } from '@nestjs/common';
import { isOwner, ownedBy } from '../access/access.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { defined } from '../common/defined.js';
import { invalidValue, referencesNotFound } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { BY_CREATION, beginningWith, containing, pageByColumn } from '../common/keyset.js';
import type { SortColumn } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { orAlreadyTaken } from '../common/unique.js';
import { Database } from '../database/database.service.js';
import type { Tx } from '../database/sql.js';
import type { Prisma } from '../generated/prisma/client.js';
import { changesBetween } from '../records/record-changes.js';
import { toTtp, ttpSelect } from './ttp.mapper.js';
import type { TtpRow } from './ttp.mapper.js';
import { ttpNotFound, ttpProtected } from './ttps.errors.js';
import type { CreateTtp, Ttp, TtpListQuery, UpdateTtp } from './ttps.schema.js';

const SORTS: Readonly<Record<string, SortColumn<TtpRow>>> = {
  techniqueId: byText('techniqueId'),
  name: byText('name'),
  createdAt: BY_CREATION,
};

/** A technique as a body names it: by its id here, by MITRE's or the tenant's, or by both. */
interface TtpName {
  readonly ttpId?: string | undefined;
  readonly techniqueId?: string | undefined;
}

/** The library of techniques: those of MITRE ATT&CK, and those that a tenant adds. */
@Injectable()
export class TtpsService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  async list(principal: Principal, query: TtpListQuery): Promise<Page<Ttp>> {
    const { ttp } = this.database.prismaFor(principal);
    const where = { AND: [readableBy(principal), filterOf(query)] };
    const page = await pageByColumn<TtpRow>(
      'ttps',
      query,
      this.cursors,
      SORTS[query.sort.replace('-', '')] ?? BY_CREATION,
      ({ after, ...order }) =>
        ttp.findMany({ where: { AND: [where, after] }, ...order, select: ttpSelect }),
      (take) => ttp.count({ where, take }),
    );
    return page.map(toTtp);
  }

  async get(principal: Principal, id: string): Promise<Ttp> {
    const row = await this.database
      .prismaFor(principal)
      .ttp.findFirst({ where: { id, ...readableBy(principal) }, select: ttpSelect });
    if (!row) throw ttpNotFound();
    return toTtp(row);
  }

  /**
   * The technique that records of this owner may name: ATT&CK's, or one of the owner's that the caller may read.
   *
   * @throws AppError `REFERENCE_NOT_FOUND`, or `VALIDATION_FAILED` when both names are given and do not agree.
   */
  async resolve(
    principal: Principal,
    { ttpId, techniqueId }: TtpName,
    organizationId: string,
  ): Promise<Ttp> {
    const find = async (where: Prisma.TtpWhereInput, path: string) => {
      const owners = isOwner(principal, organizationId) ? [null, organizationId] : [null];
      const owned = owners.map((owner) => ({ organizationId: owner }));
      const row = await this.database.prismaFor(principal).ttp.findFirst({
        where: { ...where, deletedAt: null, AND: { OR: owned } },
        select: ttpSelect,
      });
      if (!row) throw referencesNotFound([path]);
      return toTtp(row);
    };
    const byCode =
      techniqueId === undefined ? null : await find(named([techniqueId]), 'techniqueId');
    const ttp = ttpId === undefined ? byCode : await find({ id: ttpId }, 'ttpId');
    if (!ttp) throw new Error('A body names no technique.');
    if (byCode && byCode.id !== ttp.id)
      throw invalidValue('techniqueId', `must be ${ttp.techniqueId}, as ttpId says, or absent`);
    return ttp;
  }

  create(principal: Principal, input: CreateTtp): Promise<Ttp> {
    const { organizationId } = principal;
    const { techniqueId } = input;
    const work = async (tx: Tx) => {
      await assertParent(tx, input.parentTechniqueId);
      const row = await tx.ttp.create({
        data: { ...input, id: newId(), organizationId },
        select: ttpSelect,
      });
      await this.record(tx, principal, 'ttp.created', row, [
        { field: 'techniqueId', old: null, new: techniqueId },
        { field: 'name', old: null, new: row.name },
      ]);
      return toTtp(row);
    };
    return orAlreadyTaken(
      () => this.database.transaction(principal, work),
      `A technique with the id ${techniqueId} is there already.`,
      () =>
        this.database.prismaFor(principal).ttp.findFirst({
          where: { organizationId, techniqueId, deletedAt: null },
          select: { id: true },
        }),
    );
  }

  update(
    principal: Principal,
    id: string,
    input: UpdateTtp,
    precondition: Precondition,
  ): Promise<Ttp> {
    return this.database.transaction(principal, async (tx) => {
      const before = await this.lockOwn(tx, principal, id, precondition);
      await assertParent(tx, input.parentTechniqueId);
      const changes = changesBetween(before, { ...before, ...defined(input) });
      if (changes.length === 0) return toTtp(before);
      const after = await tx.ttp.update({
        where: { id },
        data: { ...defined(input), version: { increment: 1 } },
        select: ttpSelect,
      });
      await this.record(tx, principal, 'ttp.updated', before, changes);
      return toTtp(after);
    });
  }

  /** Takes a technique out of the library; records that name it keep it. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const row = await this.lockOwn(tx, principal, id, precondition);
      await tx.ttp.update({
        where: { id },
        data: { deletedAt: new Date(), version: { increment: 1 } },
      });
      await this.record(tx, principal, 'ttp.deleted', row, [
        { field: 'techniqueId', old: row.techniqueId, new: null },
      ]);
    });
  }

  /** Holds a technique that the caller may change: ATT&CK's are nobody's to change. */
  private async lockOwn(
    tx: Tx,
    principal: Principal,
    id: string,
    precondition: Precondition,
  ): Promise<TtpRow> {
    await tx.$queryRaw`SELECT id FROM ttps WHERE id = ${id}::uuid FOR UPDATE`;
    const row = await tx.ttp.findFirst({
      where: { id, ...readableBy(principal) },
      select: ttpSelect,
    });
    if (!row) throw ttpNotFound();
    if (row.organizationId === null) throw ttpProtected();
    precondition.assertMatches(row.version);
    return row;
  }

  private record(
    tx: Tx,
    principal: Principal,
    action: string,
    { id, organizationId }: TtpRow,
    changes: readonly FieldChange[],
  ): Promise<void> {
    return this.audit.record(tx, principal, {
      action,
      targetKind: 'ttp',
      targetId: id,
      organizationId,
      changes,
    });
  }
}

function byText(name: 'techniqueId' | 'name'): SortColumn<TtpRow> {
  return { name, toPosition: (row) => row[name], fromPosition: (value) => value };
}

function readableBy(principal: Principal): Prisma.TtpWhereInput {
  if (principal.everyOrganization) return { deletedAt: null };
  return { deletedAt: null, OR: [{ organizationId: null }, ownedBy(principal)] };
}

/** The condition that a technique has one of the ids, or had it before ATT&CK replaced it. */
function named(techniqueIds: string[]): Prisma.TtpWhereInput {
  return {
    OR: [{ techniqueId: { in: techniqueIds } }, { formerIds: { hasSome: techniqueIds } }],
  };
}

function filterOf({
  q,
  techniqueId,
  parentTechniqueId,
  tactic,
  source,
}: TtpListQuery): Prisma.TtpWhereInput {
  const conditions: Prisma.TtpWhereInput[] = [];
  if (q !== undefined)
    conditions.push({ OR: [{ techniqueId: beginningWith(q) }, { name: containing(q) }] });
  if (techniqueId) conditions.push(named(techniqueId));
  if (parentTechniqueId) {
    const among = { parentTechniqueId: { in: parentTechniqueId } };
    const hasNone = parentTechniqueId.includes('none');
    conditions.push(hasNone ? { OR: [among, { parentTechniqueId: null }] } : among);
  }
  if (tactic) conditions.push({ tactics: { hasSome: tactic } });
  if (source === 'mitre-attack') conditions.push({ organizationId: null });
  if (source === 'custom') conditions.push({ organizationId: { not: null } });
  return { AND: conditions };
}

/** @throws AppError `REFERENCE_NOT_FOUND` unless the parent is a technique of ATT&CK that has none itself. */
async function assertParent(tx: Tx, techniqueId: string | null | undefined): Promise<void> {
  if (techniqueId === null || techniqueId === undefined) return;
  const parent = await tx.ttp.findFirst({
    where: { organizationId: null, techniqueId, parentTechniqueId: null },
    select: { id: true },
  });
  if (!parent) throw referencesNotFound(['parentTechniqueId']);
}
