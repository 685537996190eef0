import { createHash } from 'node:crypto';
import type { Marking } from '../access/access.js';
import type { AuditEvent } from '../audit/audit-entry.js';
import { newId } from '../common/ids.js';
import { normalizeObservable } from './observable-normalization.js';
import type { NormalizedObservable } from './observable-normalization.js';
import { fallbackType, typeNamed } from './observable-types.service.js';
import type { ObservableType, ObservableTypes } from './observable-types.service.js';

/** An observable as bodies carry it. */
export interface ObservableInput {
  readonly dataType: string;
  readonly data: string;
  readonly attachment?: string | null | undefined;
  readonly message?: string | undefined;
  readonly tlp?: number | undefined;
  readonly pap?: number | undefined;
  readonly ioc?: boolean | undefined;
  readonly sighted?: boolean | undefined;
  readonly ignoreSimilarity?: boolean | undefined;
  readonly startDate?: string | undefined;
}

/** The record an observable hangs on. */
export interface ObservableParent extends Marking {
  readonly alertId: string | null;
  readonly caseId: string | null;
  readonly organizationId: string;
}

/** A row of `observables`, for statements that insert sets of them. */
export interface ObservableRow extends Marking {
  readonly id: string;
  readonly alertId: string | null;
  readonly caseId: string | null;
  readonly organizationId: string;
  readonly typeId: number;
  readonly data: string;
  readonly normalized: string;
  readonly valueHash: string;
  readonly message: string;
  readonly ioc: boolean;
  readonly sighted: boolean;
  readonly ignoreSimilarity: boolean;
  readonly startDate: string | null;
  readonly attachmentId: string | null;
  readonly createdById: string;
}

/** The entry that says an observable was added. */
export function observableCreated({
  id,
  organizationId,
  data,
}: Pick<ObservableRow, 'id' | 'organizationId' | 'data'>): AuditEvent {
  return {
    action: 'observable.created',
    targetKind: 'observable',
    targetId: id,
    organizationId,
    changes: [{ field: 'data', old: null, new: data }],
  };
}

/** The file that an observable of a file type is. */
export interface ObservableFile {
  /** Null where the record holds its content as an observable already. */
  readonly attachmentId: string | null;
  readonly name: string;
  readonly sha256: string;
}

/** The 16 bytes (hex) by which equal values of a type find each other. */
export function valueHash(normalized: string): string {
  return createHash('sha256').update(normalized).digest('hex').slice(0, 32);
}

/** The normalised value, valid when it has the format of its type and the pattern that is asked of it. */
export function normalizedAs(
  type: Pick<ObservableType, 'name' | 'fits'>,
  data: string,
): NormalizedObservable {
  const { value, valid } = normalizeObservable(type.name, data);
  return { value, valid: valid && type.fits(value) };
}

/** The hashes that a value may be stored under: that of its type, or of any where none is said. */
export function hashesOf(
  data: string,
  types: Iterable<Pick<ObservableType, 'name'>>,
): readonly string[] {
  const values = [...types].map(({ name }) => normalizeObservable(name, data).value);
  return [...new Set(values)].map(valueHash);
}

/**
 * The row for an observable at intake: nothing is refused over its type or format.
 *
 * An unknown type becomes `other` and a value that fails its format stays as sent; `message` says so
 * (spec/behaviour.md §8).
 */
export function toObservableRow(
  input: ObservableInput,
  types: ObservableTypes,
  parent: ObservableParent,
  createdById: string,
  file: ObservableFile | null = null,
): ObservableRow {
  const type = typeNamed(types, input.dataType);
  return rowOf(input, type, type ?? fallbackType(types), parent, createdById, file);
}

function rowOf(
  input: ObservableInput,
  sentType: ObservableType | null,
  type: ObservableType,
  parent: ObservableParent,
  createdById: string,
  file: ObservableFile | null,
): ObservableRow {
  // A file is what it contains, whatever it is called.
  const { value, valid } = file
    ? { value: file.sha256, valid: true }
    : normalizedAs(type, input.data);
  const notes = [
    input.message ?? '',
    sentType ? '' : `Sent with the unknown type "${input.dataType}".`,
    valid ? '' : formatNote(type),
    input.attachment && !file
      ? `Names the attachment "${input.attachment}", which was not uploaded.`
      : '',
  ];
  return {
    id: newId(),
    alertId: parent.alertId,
    caseId: parent.caseId,
    organizationId: parent.organizationId,
    typeId: type.id,
    data: input.data === '' && file ? file.name : input.data,
    normalized: value,
    valueHash: valueHash(value),
    message: notes.filter((note) => note !== '').join(' '),
    tlp: input.tlp ?? parent.tlp,
    pap: input.pap ?? parent.pap,
    ioc: input.ioc ?? false,
    sighted: input.sighted ?? false,
    ignoreSimilarity: input.ignoreSimilarity ?? false,
    startDate: input.startDate ?? null,
    attachmentId: file?.attachmentId ?? null,
    createdById,
  };
}

/** What the message says of a value that fails its type's format. */
function formatNote(type: Pick<ObservableType, 'name'>): string {
  return `The value is not a valid ${type.name}.`;
}

/** The message once a value or its type has changed: it says of the new one what it said of the old. */
export function messageAfter(
  message: string,
  before: Pick<ObservableType, 'name'>,
  after: Pick<ObservableType, 'name'>,
  isValid: boolean,
): string {
  const rest = message.replace(formatNote(before), '').trim();
  return [rest, isValid ? '' : formatNote(after)].filter((part) => part !== '').join(' ');
}

/**
 * One row for each type and normalised value of a parent: the first, with the stricter marking of all, and
 * what any of them knows more.
 */
export function distinctRows(rows: readonly ObservableRow[]): ObservableRow[] {
  const united = new Map<string, ObservableRow>();
  for (const row of rows) {
    const key = `${row.alertId ?? row.caseId ?? ''} ${row.typeId} ${row.valueHash}`;
    const first = united.get(key);
    united.set(key, first ? unitedRow(first, row) : row);
  }
  return [...united.values()];
}

function unitedRow(first: ObservableRow, other: ObservableRow): ObservableRow {
  return {
    ...first,
    tlp: Math.max(first.tlp, other.tlp),
    pap: Math.max(first.pap, other.pap),
    ioc: first.ioc || other.ioc,
    sighted: first.sighted || other.sighted,
    attachmentId: first.attachmentId ?? other.attachmentId,
  };
}

/**
 * Inserts the observables in the JSON array `source`, as part of a larger statement.
 *
 * What the parent already holds is left out, by the unique index, so that equal requests at once leave one.
 */
export function insertObservablesSql(source: string): string {
  return `
  INSERT INTO observables (id, alert_id, case_id, organization_id, type_id, data, normalized, value_hash, message, tlp, pap,
    ioc, sighted, sighted_at, ignore_similarity, start_date, attachment_id, created_by_id)
  SELECT x.id, x."alertId", x."caseId", x."organizationId", x."typeId", x.data, x.normalized, decode(x."valueHash", 'hex'),
    x.message, x.tlp, x.pap, x.ioc, x.sighted, CASE WHEN x.sighted THEN now() END, x."ignoreSimilarity",
    coalesce(x."startDate", now()), x."attachmentId", x."createdById"
  FROM jsonb_to_recordset(${source}) AS x(id uuid, "alertId" uuid, "caseId" uuid, "organizationId" uuid, "typeId" int,
    data text, normalized text, "valueHash" text, message text, tlp int, pap int, ioc bool, sighted bool,
    "ignoreSimilarity" bool, "startDate" timestamptz, "attachmentId" uuid, "createdById" uuid)
  ON CONFLICT DO NOTHING
  RETURNING *`;
}
