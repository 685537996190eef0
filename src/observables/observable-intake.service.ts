import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { assertCleared } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import { attachmentCreated, toAttachmentRow } from '../attachments/attachment-row.js';
import type { AttachmentRow } from '../attachments/attachment-row.js';
import { insertAttachments } from '../attachments/attachments.queries.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { defined } from '../common/defined.js';
import { AppError, invalidValue, referencesNotFound } from '../common/errors.js';
import { issuesToError } from '../common/issues.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { openParent } from '../records/parent.js';
import type { Parent, ParentRow } from '../records/parent.js';
import { strictest } from '../records/record-changes.js';
import { bumpVersion } from '../records/record-writes.js';
import type { TagInput } from '../records/record.schema.js';
import { ReferencesService } from '../records/references.service.js';
import type { UploadedFile } from '../storage/upload.guard.js';
import type { CreatedObservables } from './created-observables.js';
import { distinctRows, observableCreated, toObservableRow, valueHash } from './observable-row.js';
import type {
  ObservableFile,
  ObservableInput,
  ObservableParent,
  ObservableRow,
} from './observable-row.js';
import { ObservableTypesService, typeNamed } from './observable-types.service.js';
import type { ObservableTypes } from './observable-types.service.js';
import { findEqual, insertObservables, linkTags, readObservables } from './observables.queries.js';
import { bulkObservableSchema } from './observables.schema.js';
import type {
  BulkCreateObservables,
  BulkCreatedObservables,
  ChildObservable,
  CreateObservable,
  FileObservables,
} from './observables.schema.js';

/** Values normalised before other requests get their turn. */
const VALUES_A_TURN = 100;

/** An observable to be added to a record. */
export interface NewObservable extends ObservableInput {
  readonly tags?: readonly TagInput[] | undefined;
  /** The file that it is, attached to the record. */
  readonly file?: ObservableFile | undefined;
}

/** What became of it: the observable that holds the value now, and whether it was there before. */
export interface TakenObservable {
  readonly id: string;
  readonly isNew: boolean;
}

type ItemResult = BulkCreatedObservables['results'][number];

/** Adds observables to records: what a record holds already stays as it is. */
@Injectable()
export class ObservableIntakeService {
  constructor(
    private readonly database: Database,
    private readonly types: ObservableTypesService,
    private readonly references: ReferencesService,
    private readonly audit: AuditService,
  ) {}

  /** Adds observables to the alert or case that the body names. */
  create(principal: Principal, { alertId, caseId, ...input }: CreateObservable) {
    return this.createUnder(principal, parentOf({ alertId, caseId }), input);
  }

  /** Adds observables to a parent; what it already holds is answered as it is. */
  async createUnder(
    principal: Principal,
    parent: Parent,
    input: ChildObservable,
  ): Promise<CreatedObservables> {
    const types = await this.types.list(principal);
    assertKnown(types, input.dataType);
    assertCleared(principal, input);
    return this.database.transaction(principal, async (tx) => {
      const held = await openParent(sqlIn(tx), principal, parent, 'FOR UPDATE');
      await this.references.assertExist(
        { ...principal, transaction: tx },
        { tags: input.tags },
        held.organizationId,
      );
      const wanted = [input.data].flat().map((data) => ({ ...input, data }));
      const taken = await this.take(tx, principal, parent, held, wanted);
      return this.answer(tx, taken);
    });
  }

  /** Adds each of the files to a parent as an observable; contents that it holds as such are answered as they are. */
  async createFromFiles(
    principal: Principal,
    parent: Parent,
    input: FileObservables,
    files: readonly UploadedFile[],
  ): Promise<CreatedObservables> {
    const types = await this.types.list(principal);
    assertKnown(types, input.dataType);
    const type = typeNamed(types, input.dataType);
    if (!type?.isAttachment)
      throw invalidValue('dataType', 'is no type whose observables are files');
    if (files.length === 0) throw invalidValue('file', 'send at least one file', 'too_small');
    assertCleared(principal, input);
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const held = await openParent(sql, principal, parent, 'FOR UPDATE');
      const owner = { ...ownerOf(parent, held), taskId: null };
      const contents = new Map(files.map((file) => [file.sha256, file]));
      const equal = await findEqual(
        sql,
        [...contents.keys()].map((sha256) => ({
          ...owner,
          typeId: type.id,
          valueHash: valueHash(sha256),
        })),
      );
      // A file is as restricted as whatever names it.
      const marking = strictest([held, { ...held, ...defined(input) }]);
      const attachments = [...contents.values()]
        .filter((_, place) => !equal[place])
        .map((file) => toAttachmentRow(file, { ...owner, ...marking }, principal.userId));
      await this.attach(tx, principal, attachments);
      const idOf = new Map(attachments.map(({ sha256, id }) => [sha256, id]));
      const taken = await this.take(
        tx,
        principal,
        parent,
        held,
        files.map(({ name, sha256 }) => ({
          ...input,
          data: name,
          file: { name, sha256, attachmentId: idOf.get(sha256) ?? null },
        })),
      );
      return this.answer(tx, taken);
    });
  }

  private async attach(
    tx: Tx,
    principal: Principal,
    attachments: readonly AttachmentRow[],
  ): Promise<void> {
    if (attachments.length === 0) return;
    await insertAttachments(sqlIn(tx), attachments);
    await this.audit.record(tx, principal, ...attachments.map(attachmentCreated));
  }

  /** Adds up to a thousand observables to a record; each answers for itself. */
  async createMany(
    principal: Principal,
    { alertId, caseId, observables }: BulkCreateObservables,
  ): Promise<BulkCreatedObservables> {
    const types = await this.types.list(principal);
    const parent = parentOf({ alertId, caseId });
    const items = observables.map((body) => parseItem(principal, types, body));
    const results = await this.database.transaction(principal, async (tx) => {
      const held = await openParent(sqlIn(tx), principal, parent, 'FOR UPDATE');
      return this.takeEach(tx, principal, parent, held, items);
    });
    await this.audit.refusedItems(principal, 'observable', results);
    return summaryOf(results);
  }

  /** Takes items that may have failed already, and answers for each. */
  async takeEach(
    tx: Tx,
    principal: Principal,
    parent: Parent,
    held: ParentRow,
    items: readonly (NewObservable | AppError)[],
  ): Promise<ItemResult[]> {
    const inside = { ...principal, transaction: tx };
    const sound = items.flatMap((item) => (item instanceof AppError ? [] : [item]));
    const missing = await this.references.missing(
      inside,
      sound.map(({ tags }) => ({ tags })),
      held.organizationId,
    );
    const wanted = sound.filter((_, place) => (missing[place] ?? []).length === 0);
    const taken = await this.take(tx, principal, parent, held, wanted);
    const outcome = new Map<NewObservable, TakenObservable | AppError>();
    for (const [place, item] of wanted.entries()) {
      const what = taken[place];
      if (what) outcome.set(item, what);
    }
    for (const [place, item] of sound.entries()) {
      const paths = missing[place] ?? [];
      if (paths.length > 0) outcome.set(item, referencesNotFound(paths));
    }
    return items.map((item, index) => {
      const what = item instanceof AppError ? item : outcome.get(item);
      return toItemResult(index, what);
    });
  }

  /**
   * Adds what the parent, which is held, does not have yet: with one activity and audit entry for each.
   *
   * An equal one that is there above the caller's clearance is told as 403, and nothing of it.
   */
  async take(
    tx: Tx,
    principal: Principal,
    parent: Parent,
    held: ParentRow,
    wanted: readonly NewObservable[],
  ): Promise<(TakenObservable | AppError)[]> {
    if (wanted.length === 0) return [];
    const sql = sqlIn(tx);
    const types = await this.types.list({ transaction: tx });
    const owner = ownerOf(parent, held);
    const rows: ObservableRow[] = [];
    for (const [index, input] of wanted.entries()) {
      if (index % VALUES_A_TURN === VALUES_A_TURN - 1) await yieldToOthers();
      rows.push(toObservableRow(input, types, owner, principal.userId, input.file));
    }
    const distinct = distinctRows(rows);
    const inserted = await insertObservables(sql, distinct);
    const found =
      inserted.size === rows.length
        ? rows.map(({ id, tlp, pap }) => ({ id, tlp, pap }))
        : await findEqual(sql, rows);
    const fresh = distinct.filter((row) => inserted.has(row.id));
    if (fresh.length > 0) {
      await linkTags(
        sql,
        principal,
        wanted.flatMap(({ tags = [] }, place) => {
          const observableId = found[place]?.id ?? '';
          if (!inserted.has(observableId)) return [];
          return tags.map((tag) => ({ observableId, organizationId: held.organizationId, tag }));
        }),
      );
      await this.record(tx, principal, parent, held, fresh, types);
    }
    const unseen = new Set(inserted);
    return found.map((equal) => {
      if (!equal) throw new Error('An observable is neither new nor there.');
      const isNew = unseen.delete(equal.id);
      const refusal = refusalOf(() => {
        assertCleared(principal, equal);
      });
      return refusal ?? { id: equal.id, isNew };
    });
  }

  private async record(
    tx: Tx,
    principal: Principal,
    parent: Parent,
    held: ParentRow,
    fresh: readonly ObservableRow[],
    types: ObservableTypes,
  ): Promise<void> {
    const names = new Map([...types.values()].map(({ id, name }) => [id, name]));
    await bumpVersion(sqlIn(tx), parent.kind, parent.id);
    await recordActivities(
      tx,
      principal,
      fresh.map((row) => ({
        ...(parent.kind === 'alert' ? { alertId: parent.id } : { caseId: parent.id }),
        action: 'added' as const,
        fieldName: 'observables',
        newValue: { id: row.id, dataType: names.get(row.typeId), data: row.data },
        tlp: row.tlp,
        pap: row.pap,
      })),
    );
    await this.audit.record(tx, principal, ...fresh.map(observableCreated));
  }

  private async answer(
    tx: Tx,
    taken: readonly (TakenObservable | AppError)[],
  ): Promise<CreatedObservables> {
    const ids = taken.map((each) => {
      if (each instanceof AppError) throw each;
      return each.id;
    });
    const read = await readObservables(sqlIn(tx), ids);
    return {
      observables: ids.flatMap((id) => read.get(id) ?? []),
      isNew: taken.some((each) => !(each instanceof AppError) && each.isNew),
    };
  }
}

/** The record that a body names. */
export function parentOf({
  alertId,
  caseId,
}: {
  readonly alertId?: string | undefined;
  readonly caseId?: string | undefined;
}): Parent {
  return alertId !== undefined
    ? { kind: 'alert', id: alertId, notFound: () => referencesNotFound(['alertId']) }
    : { kind: 'case', id: caseId ?? '', notFound: () => referencesNotFound(['caseId']) };
}

function ownerOf({ kind, id }: Parent, held: ParentRow): ObservableParent {
  return { alertId: kind === 'alert' ? id : null, caseId: kind === 'case' ? id : null, ...held };
}

/** How a bulk answers. */
export function summaryOf(results: ItemResult[]): BulkCreatedObservables {
  const duplicateCount = results.filter(({ duplicate }) => duplicate).length;
  const failedCount = results.filter(({ status }) => status !== 200).length;
  const createdCount = results.length - duplicateCount - failedCount;
  return { createdCount, duplicateCount, failedCount, results };
}

function toItemResult(index: number, what: TakenObservable | AppError | undefined): ItemResult {
  if (!what) throw new Error('An item has no outcome.');
  if (what instanceof AppError) {
    return { index, status: what.status, code: what.code, detail: what.detail };
  }
  return { index, status: 200, id: what.id, ...(!what.isNew && { duplicate: true as const }) };
}

/** An item of a bulk, or why it cannot be taken. */
export function parseItem(
  principal: Principal,
  types: ObservableTypes,
  body: unknown,
): NewObservable | AppError {
  const parsed = bulkObservableSchema.safeParse(body);
  if (!parsed.success) return issuesToError(parsed.error.issues);
  const refusal = refusalOf(() => {
    assertKnown(types, parsed.data.dataType);
    assertCleared(principal, parsed.data);
  });
  return refusal ?? parsed.data;
}

/** Why a check refuses; null when it does not. */
export function refusalOf(check: () => void): AppError | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

/** @throws AppError `VALIDATION_FAILED` for a type that nobody knows. */
export function assertKnown(types: ObservableTypes, dataType: string, prefix = ''): void {
  if (typeNamed(types, dataType)) return;
  throw invalidValue(
    `${prefix}dataType`,
    `unknown type; known are ${[...types.keys()].join(', ')}`,
    'unknown_type',
  );
}
