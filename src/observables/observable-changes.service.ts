import { Injectable } from '@nestjs/common';
import { assertCleared, assertOwner } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import type { ActivityEvent } from '../activities/activity.js';
import type { AuditEvent, FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { defined } from '../common/defined.js';
import { AppError, alreadyTaken, invalidValue } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import type { Observable } from '../records/answer.schema.js';
import { outcomeOf, resultOf } from '../records/record-bulk.js';
import type { BulkDelete, BulkDeleted, BulkOutcome, BulkUpdated } from '../records/record-bulk.js';
import { changesBetween, strictest } from '../records/record-changes.js';
import { bumpVersions } from '../records/record-writes.js';
import { ReferencesService } from '../records/references.service.js';
import { assertKnown, refusalOf } from './observable-intake.service.js';
import { messageAfter, normalizedAs, valueHash } from './observable-row.js';
import { ObservableTypesService, typeNamed } from './observable-types.service.js';
import { observableNotFound } from './observables.errors.js';
import {
  findEqual,
  linkTags,
  lockParents,
  readObservables,
  unlinkTags,
} from './observables.queries.js';
import type { HeldParent } from './observables.queries.js';
import type { BulkUpdateObservables, UpdateObservable } from './observables.schema.js';

/** An observable whose record is held, so that it stays as it is but for the one who holds it. */
interface HeldObservable {
  readonly observable: Observable;
  readonly parent: HeldParent;
}

/** What observables can be told at once. */
type Marks = Partial<BulkUpdateObservables['fields']>;

/** What changes of an observable whose value or type changes. */
interface ValueChange {
  readonly typeId: number;
  readonly data: string;
  readonly normalized: string;
  readonly valueHash: Uint8Array<ArrayBuffer>;
  readonly message: string;
}

/** Changes and deletes observables: one, or many by one statement each. */
@Injectable()
export class ObservableChangesService {
  constructor(
    private readonly database: Database,
    private readonly types: ObservableTypesService,
    private readonly references: ReferencesService,
    private readonly audit: AuditService,
  ) {}

  async update(
    principal: Principal,
    id: string,
    { fields, prefix }: UpdateObservable,
    precondition: Precondition,
  ): Promise<Observable> {
    return this.database.transaction(principal, async (tx) => {
      const held = await this.holdOne(tx, principal, id, precondition);
      const { data, dataType, ...marks } = fields;
      const wanted = { data, dataType, message: fields.message };
      const value = await this.changedValue(tx, principal, held, wanted, prefix);
      await this.change(tx, principal, [held], marks, prefix, value);
      return (await this.read(tx, [id])).get(id) ?? held.observable;
    });
  }

  /** Tells up to a thousand observables the same; each obeys tenant and clearance by itself. */
  async updateMany(
    principal: Principal,
    { ids, fields, prefix }: BulkUpdateObservables,
  ): Promise<BulkUpdated> {
    const { succeeded, ...rest } = await this.forEach(principal, ids, (tx, held) =>
      this.change(tx, principal, held, fields, prefix, null),
    );
    return { updatedCount: succeeded, ...rest };
  }

  /** Deletes an observable, as the owner of its record. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const held = await this.holdOne(tx, principal, id, precondition);
      assertDeletable(principal, held);
      await this.delete(tx, principal, [held]);
    });
  }

  async removeMany(principal: Principal, { ids }: BulkDelete): Promise<BulkDeleted> {
    const { succeeded, ...rest } = await this.forEach(
      principal,
      ids,
      (tx, held) => this.delete(tx, principal, held),
      assertDeletable,
    );
    return { deletedCount: succeeded, ...rest };
  }

  private async holdOne(
    tx: Tx,
    principal: Principal,
    id: string,
    precondition: Precondition,
  ): Promise<HeldObservable> {
    const held = (await this.hold(tx, principal, [id])).get(id);
    if (!held) throw observableNotFound();
    assertCleared(principal, strictest([held.observable, held.parent]));
    precondition.assertMatches(held.observable.version);
    return held;
  }

  /** The visible ones of these observables, their records held: cases first, as everywhere. */
  private async hold(
    tx: Tx,
    principal: Principal,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, HeldObservable>> {
    const sql = sqlIn(tx);
    const seen = await this.read(tx, ids);
    const parents = new Map<string, HeldParent>();
    for (const kind of ['case', 'alert'] as const) {
      const of = new Set([...seen.values()].flatMap((each) => each[`${kind}Id`] ?? []));
      for (const parent of await lockParents(sql, principal, kind, [...of]))
        parents.set(parent.id, parent);
    }
    const now = await this.read(tx, [...seen.keys()]);
    // Cases that were merged meanwhile have moved some.
    const isMoved = [...now.values()].some(
      (each) => parentIdOf(each) !== parentIdOf(seen.get(each.id)),
    );
    if (isMoved) return this.hold(tx, principal, ids);
    const held = new Map<string, HeldObservable>();
    for (const [id, observable] of now) {
      const parent = parents.get(parentIdOf(observable) ?? '');
      if (parent) held.set(id, { observable, parent });
    }
    return held;
  }

  /** Does a work on those of the observables that the caller may have it done to, and answers for each. */
  private async forEach(
    principal: Principal,
    ids: readonly string[],
    work: (tx: Tx, held: readonly HeldObservable[]) => Promise<void>,
    check: (principal: Principal, held: HeldObservable) => void = () => undefined,
  ): Promise<BulkOutcome> {
    const outcome = await this.database.transaction(principal, async (tx) => {
      const held = await this.hold(tx, principal, ids);
      const sound: HeldObservable[] = [];
      const results = new Map<string, BulkOutcome['results'][number]>();
      for (const id of new Set(ids)) {
        const each = held.get(id);
        const refusal = each
          ? refusalOf(() => {
              assertCleared(principal, strictest([each.observable, each.parent]));
              check(principal, each);
            })
          : observableNotFound();
        results.set(id, resultOf(id, refusal));
        if (each && !refusal) sound.push(each);
      }
      if (sound.length > 0) {
        const refusal = await this.attempt(tx, principal, (inside) => work(inside, sound));
        if (refusal)
          for (const { observable } of sound)
            results.set(observable.id, resultOf(observable.id, refusal));
      }
      return outcomeOf(ids, results);
    });
    await this.audit.refusedItems(principal, 'observable', outcome.results);
    return outcome;
  }

  /** Does what may be refused as a whole: then it has done nothing, and answers why. */
  private async attempt(
    tx: Tx,
    principal: Principal,
    work: (tx: Tx) => Promise<void>,
  ): Promise<AppError | null> {
    try {
      await this.database.transaction({ ...principal, transaction: tx }, work);
      return null;
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }

  /** The columns of another value or type, which nothing else in the record may have. */
  private async changedValue(
    tx: Tx,
    principal: Principal,
    { observable, parent }: HeldObservable,
    {
      data = observable.data,
      dataType = observable.dataType,
      message = observable.message,
    }: Pick<UpdateObservable['fields'], 'data' | 'dataType' | 'message'>,
    prefix: string,
  ): Promise<ValueChange | null> {
    if (data === observable.data && dataType === observable.dataType) return null;
    const types = await this.types.list({ transaction: tx });
    assertKnown(types, dataType, prefix);
    const type = typeNamed(types, dataType);
    if (!type) throw new Error('A known type is gone.');
    const { attachment } = observable;
    if (attachment && !type.isAttachment) {
      throw invalidValue(`${prefix}dataType`, 'an observable that is a file keeps a type of files');
    }
    // A file is what it contains, whatever it is called.
    const { value, valid } = attachment
      ? { value: attachment.sha256, valid: true }
      : normalizedAs(type, data);
    const hash = valueHash(value);
    const key = {
      alertId: observable.alertId,
      caseId: observable.caseId,
      typeId: type.id,
      valueHash: hash,
    };
    const [equal] = await findEqual(sqlIn(tx), [key]);
    if (equal && equal.id !== observable.id) {
      assertCleared(principal, equal);
      throw alreadyTaken(`The ${parent.kind} has this value already.`, equal.id);
    }
    const before = { name: observable.dataType };
    return {
      typeId: type.id,
      data,
      normalized: value,
      valueHash: Buffer.from(hash, 'hex'),
      message: messageAfter(message, before, type, valid),
    };
  }

  /** Writes what the observables are told, with an activity for each change and an audit entry for each that changes. */
  private async change(
    tx: Tx,
    principal: Principal,
    held: readonly HeldObservable[],
    { tags, tagsToAdd, tagsToRemove, ...marks }: Marks,
    prefix: string,
    value: ValueChange | null,
  ): Promise<void> {
    assertCleared(principal, marks);
    const owner = held[0]?.parent.organizationId ?? '';
    const inside = { ...principal, transaction: tx };
    await this.references.assertExist(inside, { tags, tagsToAdd }, owner, prefix);
    const sql = sqlIn(tx);
    const ids = held.map(({ observable }) => observable.id);
    const among = { id: { in: ids } };
    const { sighted } = marks;
    await tx.observable.updateMany({
      where: among,
      data: { ...defined(marks), ...value, ...(sighted === false && { sightedAt: null }) },
    });
    if (sighted) {
      await tx.observable.updateMany({
        where: { ...among, sightedAt: null },
        data: { sightedAt: new Date() },
      });
    }
    if (tags) await unlinkTags(sql, ids, 'others', tags);
    if (tagsToRemove) await unlinkTags(sql, ids, 'these', tagsToRemove);
    await linkTags(
      sql,
      principal,
      held.flatMap(({ observable, parent: { organizationId } }) =>
        [...(tags ?? []), ...(tagsToAdd ?? [])].map((tag) => ({
          observableId: observable.id,
          organizationId,
          tag,
        })),
      ),
    );
    await this.recordChanges(tx, principal, held);
  }

  private async recordChanges(
    tx: Tx,
    principal: Principal,
    held: readonly HeldObservable[],
  ): Promise<void> {
    const written = await this.read(
      tx,
      held.map(({ observable }) => observable.id),
    );
    const changed = held.flatMap((each) => {
      const after = written.get(each.observable.id);
      const changes = after ? changesOf(each.observable, after) : [];
      return after && changes.length > 0 ? [{ ...each, after, changes }] : [];
    });
    if (changed.length === 0) return;
    await tx.observable.updateMany({
      where: { id: { in: changed.map(({ after }) => after.id) } },
      data: { version: { increment: 1 }, updatedAt: new Date() },
    });
    await this.record(
      tx,
      principal,
      changed,
      changed.flatMap(({ observable, parent, after, changes }) =>
        changes.map((change) => ({
          ...parentKeyOf(parent),
          action: 'updated' as const,
          fieldName: `observables.${change.field}`,
          body: after.data,
          oldValue: change.old,
          newValue: change.new,
          ...strictest([observable, after]),
        })),
      ),
      changed.map(({ after, parent, changes }) => auditOf('updated', after, parent, changes)),
    );
  }

  private async delete(
    tx: Tx,
    principal: Principal,
    held: readonly HeldObservable[],
  ): Promise<void> {
    const now = new Date();
    await tx.observable.updateMany({
      where: { id: { in: held.map(({ observable }) => observable.id) } },
      data: { deletedAt: now, updatedAt: now, version: { increment: 1 } },
    });
    await this.record(
      tx,
      principal,
      held,
      held.map(({ observable: { id, dataType, data, tlp, pap }, parent }) => ({
        ...parentKeyOf(parent),
        action: 'removed' as const,
        fieldName: 'observables',
        oldValue: { id, dataType, data },
        tlp,
        pap,
      })),
      held.map(({ observable, parent }) =>
        auditOf('deleted', observable, parent, [
          { field: 'data', old: observable.data, new: null },
        ]),
      ),
    );
  }

  /** Moves the versions of the records, whose answers show observables, and tells their history. */
  private async record(
    tx: Tx,
    principal: Principal,
    held: readonly HeldObservable[],
    activities: readonly ActivityEvent[],
    audit: readonly AuditEvent[],
  ): Promise<void> {
    for (const kind of ['case', 'alert'] as const) {
      const ids = held.flatMap(({ parent }) => (parent.kind === kind ? [parent.id] : []));
      if (ids.length > 0) await bumpVersions(sqlIn(tx), kind, ids);
    }
    await recordActivities(tx, principal, activities);
    await this.audit.record(tx, principal, ...audit);
  }

  private read(tx: Tx, ids: readonly string[]): Promise<ReadonlyMap<string, Observable>> {
    return readObservables(sqlIn(tx), ids);
  }
}

function parentIdOf(observable: Observable | undefined): string | null {
  return observable?.alertId ?? observable?.caseId ?? null;
}

function parentKeyOf({ kind, id }: HeldParent): Pick<ActivityEvent, 'alertId' | 'caseId'> {
  return kind === 'alert' ? { alertId: id } : { caseId: id };
}

function assertDeletable(principal: Principal, { parent }: HeldObservable): void {
  assertOwner(principal, parent.organizationId, 'delete the observable');
}

function auditOf(
  verb: 'updated' | 'deleted',
  { id }: Observable,
  { organizationId }: HeldParent,
  changes: readonly FieldChange[],
): AuditEvent {
  const action = `observable.${verb}`;
  return { action, targetKind: 'observable', targetId: id, organizationId, changes };
}

/** What changed; `sightedAt` follows from `sighted`, and the id of the type from its name. */
function changesOf(before: Observable, after: Observable): FieldChange[] {
  return changesBetween(before, after).filter(
    ({ field }) => field !== 'sightedAt' && field !== 'observableTypeId',
  );
}
