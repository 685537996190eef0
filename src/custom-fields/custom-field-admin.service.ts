import { Injectable } from '@nestjs/common';
import { ownedBy } from '../access/access.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { defined } from '../common/defined.js';
import { validationFailed } from '../common/errors.js';
import type { AppError } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { BY_CREATION, pageByColumn } from '../common/keyset.js';
import type { SortColumn } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { orAlreadyTaken } from '../common/unique.js';
import { ChangeFeed } from '../database/change-feed.js';
import { Database } from '../database/database.service.js';
import type { Tx } from '../database/sql.js';
import { Prisma } from '../generated/prisma/client.js';
import { changesBetween } from '../records/record-changes.js';
import { customFieldSelect, toCustomField } from './custom-field.mapper.js';
import type { CustomFieldRow } from './custom-field.mapper.js';
import { declarationFaults } from './custom-field-values.js';
import { customFieldNotFound, tooManyFields } from './custom-fields.errors.js';
import type {
  CreateCustomField,
  CustomField,
  CustomFieldListQuery,
  UpdateCustomField,
} from './custom-fields.schema.js';

const ORDER_MAX = 10_000;

const BY_ORDER: SortColumn<{ readonly position: number }> = {
  name: 'position',
  toPosition: (row) => row.position,
  fromPosition: (value) => value,
};

/** Fields a tenant may declare: each new record carries their defaults. */
const FIELDS_MAX = 200;

/** Declares the custom fields of a tenant. */
@Injectable()
export class CustomFieldAdminService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangeFeed,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  /** The fields in the order people see them; those of one place by creation. */
  async list(principal: Principal, query: CustomFieldListQuery): Promise<Page<CustomField>> {
    const { customField } = this.database.prismaFor(principal);
    const where = {
      ...declaredFor(principal),
      ...(query.appliesTo !== undefined && { appliesTo: { has: query.appliesTo } }),
    };
    const page = await pageByColumn<CustomFieldRow>(
      'custom-fields',
      query,
      this.cursors,
      query.sort.endsWith('order') ? BY_ORDER : BY_CREATION,
      ({ after, ...order }) =>
        customField.findMany({
          where: { AND: [where, after] },
          ...order,
          select: customFieldSelect,
        }),
      (take) => customField.count({ where, take }),
    );
    return page.map(toCustomField);
  }

  async get(principal: Principal, id: string): Promise<CustomField> {
    const row = await this.database.prismaFor(principal).customField.findFirst({
      where: { id, ...declaredFor(principal) },
      select: customFieldSelect,
    });
    if (!row) throw customFieldNotFound();
    return toCustomField(row);
  }

  create(principal: Principal, input: CreateCustomField): Promise<CustomField> {
    const { organizationId } = principal;
    const { key, type } = input;
    const faults = declarationFaults(input);
    if (faults.length > 0) throw declarationRefused(faults, input);
    const work = async (tx: Tx) => {
      const taken = { organizationId, deletedAt: null };
      if ((await tx.customField.count({ where: taken })) >= FIELDS_MAX)
        throw tooManyFields(FIELDS_MAX);
      const order = input.order ?? (await this.lastOrder(tx, organizationId)) + 1;
      const row = await tx.customField.create({
        data: { id: newId(), organizationId, key, type, ...toColumns({ ...input, order }) },
        select: customFieldSelect,
      });
      await this.announce(tx, principal, 'custom-field.created', row.id, organizationId, [
        { field: 'key', old: null, new: key },
        { field: 'type', old: null, new: type },
      ]);
      return toCustomField(row);
    };
    return orAlreadyTaken(
      () => this.database.transaction(principal, work),
      `A custom field with the key ${key} is there already.`,
      () =>
        this.database.prismaFor(principal).customField.findFirst({
          where: { organizationId, key, deletedAt: null },
          select: { id: true },
        }),
    );
  }

  /** Changes a field; what records hold already stays as it is. */
  update(
    principal: Principal,
    id: string,
    input: UpdateCustomField,
    precondition: Precondition,
  ): Promise<CustomField> {
    return this.database.transaction(principal, async (tx) => {
      const { organizationId, ...row } = await this.lock(tx, principal, id);
      precondition.assertMatches(row.version);
      const before = toCustomField(row);
      const wanted = { ...before, ...defined(input) };
      const faults = declarationFaults(wanted);
      if (faults.length > 0) throw declarationRefused(faults, input);
      const changes = changesBetween(before, wanted);
      if (changes.length === 0) return before;
      const after = await tx.customField.update({
        where: { id },
        data: { ...toColumns(wanted), version: { increment: 1 } },
        select: customFieldSelect,
      });
      await this.announce(tx, principal, 'custom-field.updated', id, organizationId, changes);
      return toCustomField(after);
    });
  }

  /** Undeclares a key: its values stay in the records, free of any rule, and it can be declared again. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const { organizationId, key, version } = await this.lock(tx, principal, id);
      precondition.assertMatches(version);
      await tx.customField.update({
        where: { id },
        data: { deletedAt: new Date(), version: { increment: 1 } },
      });
      await this.announce(tx, principal, 'custom-field.deleted', id, organizationId, [
        { field: 'key', old: key, new: null },
      ]);
    });
  }

  private async lastOrder(tx: Tx, organizationId: string): Promise<number> {
    const last = await tx.customField.aggregate({
      where: { organizationId, deletedAt: null },
      _max: { position: true },
    });
    return Math.min(last._max.position ?? -1, ORDER_MAX - 1);
  }

  private async lock(tx: Tx, principal: Principal, id: string) {
    await tx.$queryRaw`SELECT id FROM custom_fields WHERE id = ${id}::uuid FOR UPDATE`;
    const row = await tx.customField.findFirst({
      where: { id, ...declaredFor(principal) },
      select: { ...customFieldSelect, organizationId: true },
    });
    if (!row) throw customFieldNotFound();
    return row;
  }

  private async announce(
    tx: Tx,
    principal: Principal,
    action: string,
    targetId: string,
    organizationId: string,
    changes: readonly FieldChange[],
  ): Promise<void> {
    await this.audit.record(tx, principal, {
      action,
      targetKind: 'custom-field',
      targetId,
      organizationId,
      changes,
    });
    await this.changes.announce(tx, 'settings');
  }
}

function declaredFor(principal: Principal): Prisma.CustomFieldWhereInput {
  return { ...ownedBy(principal), deletedAt: null };
}

/** What can be changed of a field, as columns. */
function toColumns(field: Pick<CustomField, keyof UpdateCustomField>) {
  const { label, appliesTo, required, options, defaultValue, description, order } = field;
  return {
    label,
    appliesTo,
    required,
    options: options ?? Prisma.DbNull,
    defaultValue: defaultValue ?? Prisma.DbNull,
    description,
    position: order,
  };
}

/** 400 for a declaration that contradicts itself, at what the body brought of it. */
function declarationRefused(faults: ReturnType<typeof declarationFaults>, input: object): AppError {
  return validationFailed(
    faults.map(({ path, message }) => ({
      path: [path, 'options'].find((key) => key in input) ?? 'required',
      code: 'invalid_value',
      message,
    })),
  );
}
