import { Injectable } from '@nestjs/common';
import { assertPlatformAdmin } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import type { AuditEvent, FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { defined } from '../common/defined.js';
import { invalidValue } from '../common/errors.js';
import type { AppError } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { orAlreadyTaken } from '../common/unique.js';
import { ChangeFeed } from '../database/change-feed.js';
import { Database } from '../database/database.service.js';
import type { LotLock } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { messageAfter, normalizedAs, valueHash } from '../observables/observable-row.js';
import {
  ObservableTypesService,
  fallbackType,
  typeNamed,
} from '../observables/observable-types.service.js';
import type { ObservableType } from '../observables/observable-types.service.js';
import { changesBetween } from '../records/record-changes.js';
import {
  filesInUse,
  observableTypeInUse,
  observableTypeNotFound,
  observableTypeProtected,
} from './observable-types.errors.js';
import { hasFiles, holdLot, isUsed, retype, retypeDeletedLot } from './observable-types.queries.js';
import type { RetypedObservable, RetypedRow, TypedRow } from './observable-types.queries.js';
import type {
  CreateObservableType,
  ObservableTypeDetail,
  UpdateObservableType,
} from './observable-types.schema.js';

/** Administration of the types of observables, which belong to the whole instance. */
@Injectable()
export class ObservableTypeAdminService {
  constructor(
    private readonly database: Database,
    private readonly types: ObservableTypesService,
    private readonly changes: ChangeFeed,
    private readonly audit: AuditService,
  ) {}

  async list(principal: Principal): Promise<ObservableTypeDetail[]> {
    return [...(await this.types.list(principal)).values()].map(toDetail);
  }

  async get(principal: Principal, id: number): Promise<ObservableTypeDetail> {
    const type = (await this.list(principal)).find((each) => each.id === id);
    if (!type) throw observableTypeNotFound();
    return type;
  }

  async create(principal: Principal, input: CreateObservableType): Promise<ObservableTypeDetail> {
    assertPlatformAdmin(principal);
    return this.write(principal, input.name, async (tx) => {
      const row = await tx.observableType.create({
        data: { ...input, label: input.label ?? input.name },
      });
      await this.announce(tx, principal, 'observable-type.created', row.id, [
        { field: 'name', old: null, new: row.name },
      ]);
      return row;
    });
  }

  /** Changes a type; one the server relies on keeps its name and whether it holds files. */
  async update(
    principal: Principal,
    id: number,
    input: UpdateObservableType,
    precondition: Precondition,
  ): Promise<ObservableTypeDetail> {
    assertPlatformAdmin(principal);
    return this.write(principal, input.name ?? '', async (tx) => {
      const before = await this.lock(tx, id);
      precondition.assertMatches(before.version);
      const { name = before.name, isAttachment = before.isAttachment } = input;
      const moves = name !== before.name || isAttachment !== before.isAttachment;
      if (!before.canDelete && moves) throw observableTypeProtected();
      if (before.isAttachment && !isAttachment && (await hasFiles(sqlIn(tx), id)))
        throw filesInUse();
      const data = defined(input);
      const row = await tx.observableType.update({
        where: { id },
        data: { ...data, version: { increment: 1 } },
      });
      const changes = Object.entries(data).map(([field, value]) => ({
        field,
        old: before[field as keyof UpdateObservableType],
        new: value,
      }));
      await this.announce(tx, principal, 'observable-type.updated', id, changes);
      return row;
    });
  }

  /** Deletes a type; observables that have it take the one named by `replaceWith` first, a lot at a time. */
  async remove(
    principal: Principal,
    id: number,
    replaceWith: string | undefined,
    precondition: Precondition,
  ): Promise<void> {
    assertPlatformAdmin(principal);
    await this.database.inLots(principal, async (tx, lock) => {
      const sql = sqlIn(tx);
      const row = await this.lock(tx, id, lock);
      precondition.assertMatches(row.version);
      if (!row.canDelete) throw observableTypeProtected();
      const types = await this.types.list({ transaction: tx });
      const to = replaceWith === undefined ? null : typeNamed(types, replaceWith);
      if (replaceWith !== undefined && (to === null || to.id === id)) {
        throw invalidValue('replaceWith', 'must name another type');
      }
      if (to) {
        const mayHaveFiles = lock === 'UPDATE' && row.isAttachment && !to.isAttachment;
        if (mayHaveFiles && (await hasFiles(sql, id))) throw someAreFiles();
        if (await this.replaceLot(tx, principal, row, to)) return true;
      } else if (await isUsed(sql, id)) throw observableTypeInUse();
      if (await retypeDeletedLot(sql, id, (to ?? fallbackType(types)).id)) return true;
      if (lock === 'UPDATE') {
        await tx.observableType.delete({ where: { id } });
        await this.announce(tx, principal, 'observable-type.deleted', id, [
          { field: 'name', old: row.name, new: to?.name ?? null },
        ]);
      }
      return false;
    });
  }

  /**
   * Gives a lot of the observables of a type another, as which their values are normalised anew; answers whether there
   * may be others.
   */
  private async replaceLot(
    tx: Tx,
    principal: Principal,
    from: Pick<ObservableType, 'id' | 'name'>,
    to: ObservableType,
  ): Promise<boolean> {
    const sql = sqlIn(tx);
    const { rows, hasMore } = await holdLot(sql, from.id);
    if (rows.length === 0) return hasMore;
    if (!to.isAttachment && rows.some(({ sha256 }) => sha256 !== null)) throw someAreFiles();
    const became = await retype(
      sql,
      to.id,
      rows.map((row) => retyped(row, from, to)),
    );
    await recordActivities(
      tx,
      principal,
      rows.map(({ alertId, caseId, data, tlp, pap }) => ({
        ...(alertId === null ? { caseId: caseId ?? '' } : { alertId }),
        action: 'updated' as const,
        fieldName: 'observables.dataType',
        body: data,
        oldValue: from.name,
        newValue: to.name,
        tlp,
        pap,
      })),
    );
    await this.audit.record(tx, principal, ...became.map(toEntry));
    return hasMore;
  }

  private async lock(tx: Tx, id: number, strength: LotLock = 'UPDATE') {
    await sqlIn(tx)(`SELECT id FROM observable_types WHERE id = $1::int FOR ${strength}`, [id]);
    const row = await tx.observableType.findUnique({ where: { id } });
    if (!row) throw observableTypeNotFound();
    return row;
  }

  /** Runs a write that may meet another type of the same name. */
  private async write(
    principal: Principal,
    name: string,
    work: (tx: Tx) => Promise<ObservableTypeDetail>,
  ): Promise<ObservableTypeDetail> {
    const row = await orAlreadyTaken(
      () => this.database.transaction(principal, work),
      `An observable type named ${name} is there already.`,
      () =>
        this.database
          .prismaFor(principal)
          .observableType.findUnique({ where: { name }, select: { id: true } }),
    );
    return toDetail(row);
  }

  private async announce(
    tx: Tx,
    principal: Principal,
    action: string,
    id: number,
    changes: readonly FieldChange[],
  ): Promise<void> {
    await this.audit.record(tx, principal, {
      action,
      targetKind: 'observable-type',
      targetId: String(id),
      organizationId: null,
      changes,
    });
    await this.changes.announce(tx, 'settings');
  }
}

function someAreFiles(): AppError {
  return invalidValue('replaceWith', 'must name a type of files: some of these are files');
}

/** The entry of an observable that has taken another type, or has given way to an equal one. */
function toEntry({
  id,
  organizationId,
  data,
  before,
  after,
  newTags,
}: RetypedObservable): AuditEvent {
  return {
    action: after ? 'observable.updated' : 'observable.deleted',
    targetKind: 'observable',
    targetId: id,
    organizationId,
    changes: after
      ? [
          ...changesBetween(before, after),
          ...newTags.map((name) => ({ field: 'tags', old: null, new: name })),
        ]
      : [{ field: 'data', old: data, new: null }],
  };
}

function toDetail(type: ObservableTypeDetail): ObservableTypeDetail {
  const { id, name, label, category, isAttachment, validation, canDelete, version } = type;
  return { id, name, label, category, isAttachment, validation, canDelete, version };
}

function retyped(
  row: TypedRow,
  from: Pick<ObservableType, 'name'>,
  to: ObservableType,
): RetypedRow {
  const { value, valid } =
    row.sha256 === null ? normalizedAs(to, row.data) : { value: row.sha256, valid: true };
  return {
    id: row.id,
    normalized: value,
    valueHash: valueHash(value),
    message: messageAfter(row.message, from, to, valid),
  };
}
