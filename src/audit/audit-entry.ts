import type { Principal } from '../auth/principal.js';
import { newId } from '../common/ids.js';

/** A field that changed; secrets never are one. */
export interface FieldChange {
  readonly field: string;
  readonly old: unknown;
  readonly new: unknown;
}

/** What happened to what. */
export interface AuditEvent {
  /** Dotted, such as `alert.created` or `key.revoked`. */
  readonly action: string;
  readonly targetKind: string;
  readonly targetId: string | null;
  readonly changes?: readonly FieldChange[];
  /** The tenant whose administrators may read the entry; the caller's by default. */
  readonly organizationId?: string | null;
}

/** A row of `audit_entries`, for statements that write it beside the change. */
export interface AuditRow {
  readonly id: string;
  readonly organizationId: string | null;
  readonly actorKind: string;
  readonly actorId: string | null;
  readonly credentialId: string | null;
  readonly action: string;
  readonly targetKind: string;
  readonly targetId: string | null;
  readonly changes: readonly FieldChange[];
  readonly requestId: string | null;
  readonly ip: string | null;
}

/** Who did it, by which credential, in which request. */
export type Actor = Pick<
  Principal,
  'userId' | 'credentialId' | 'credentialKind' | 'organizationId' | 'requestId' | 'ip'
>;

/** Who did it, in the columns of an entry. */
export type ActorColumns = Pick<
  AuditRow,
  'actorKind' | 'actorId' | 'credentialId' | 'requestId' | 'ip'
>;

/** Who did it, as an entry tells it. */
export function toActorColumns(principal: Actor): ActorColumns {
  const actorKind = actorKindOf(principal);
  const isKnown = actorKind !== 'system';
  return {
    actorKind,
    actorId: isKnown ? principal.userId : null,
    credentialId: isKnown ? principal.credentialId : null,
    requestId: isKnown ? principal.requestId : null,
    ip: isKnown ? principal.ip : null,
  };
}

/** The entry that says the caller did this. */
export function toAuditRow(principal: Actor, event: AuditEvent): AuditRow {
  const { action, targetKind, targetId, changes = [] } = event;
  const { organizationId = principal.organizationId } = event;
  return {
    ...toActorColumns(principal),
    id: newId(),
    organizationId,
    action,
    targetKind,
    targetId,
    changes,
  };
}

/** The entry that says the server did this by itself. */
export function toSystemAuditRow(event: AuditEvent): AuditRow {
  return {
    id: newId(),
    organizationId: event.organizationId ?? null,
    actorKind: 'system',
    actorId: null,
    credentialId: null,
    action: event.action,
    targetKind: event.targetKind,
    targetId: event.targetId,
    changes: event.changes ?? [],
    requestId: null,
    ip: null,
  };
}

/** What a caller asked for, as the entry of an export tells it. */
export function askedFor(query: Readonly<Record<string, unknown>>): FieldChange[] {
  return Object.entries(query).flatMap(([field, value]) =>
    value === undefined ? [] : [{ field, old: null, new: value }],
  );
}

/** Whether a person did it by hand, a key for the person, or somebody at the server's terminal. */
export function actorKindOf({
  credentialKind,
}: Pick<Actor, 'credentialKind'>): 'user' | 'apiKey' | 'system' {
  if (credentialKind === 'terminal') return 'system';
  return credentialKind === 'session' ? 'user' : 'apiKey';
}

/** What a statement reads an audit row from JSON as. */
const JSON_ROW = `x(id uuid, "organizationId" uuid, "actorKind" text, "actorId" uuid, "credentialId" uuid,
    action text, "targetKind" text, "targetId" text, changes jsonb, "requestId" text, ip text)`;

function insertRowsSql(from: string): string {
  return `
  INSERT INTO audit_entries (id, organization_id, actor_kind, actor_id, credential_id, action, target_kind, target_id, changes, request_id, ip)
  SELECT x.id, x."organizationId", x."actorKind", x."actorId", x."credentialId", x.action, x."targetKind", x."targetId", x.changes, x."requestId", x.ip
  FROM ${from}`;
}

/** Inserts audit rows from the JSON array in `source`, as part of a larger statement. */
export function insertAuditSql(source: string): string {
  return insertRowsSql(`jsonb_to_recordset(${source}) AS ${JSON_ROW}`);
}

/** A new UUID of version 7, made by the database. */
const NEW_ID_SQL = `encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid`;

/**
 * Inserts the entry in the JSON `entry` for each of the rows `(id, organization_id)` of `source`, as what it is about.
 *
 * One by one: gathered in one value, the entries of many rows may be more than the 256 MiB it can hold.
 */
export function insertEachAuditSql(entry: string, source: string): string {
  const row = `${entry} || jsonb_build_object('id', ${NEW_ID_SQL}, 'organizationId', x.organization_id, 'targetId', x.id)`;
  return insertRowsSql(
    `(SELECT ${row} AS entry FROM ${source} x) told CROSS JOIN LATERAL jsonb_to_record(told.entry) AS ${JSON_ROW}`,
  );
}

/**
 * Inserts an entry for each setting that a statement created because something names it.
 *
 * `source` holds `(kind, id, organization_id, name)`, and `actor` the JSON of who did it: the columns of
 * the actor, or an entry of the same statement.
 */
export function insertNamedAuditSql(actor: string, source: string): string {
  const row = `${actor} || jsonb_build_object('id', ${NEW_ID_SQL}, 'organizationId', x.organization_id, 'action', x.kind || '.created',
    'targetKind', x.kind, 'targetId', x.id, 'changes', jsonb_build_array(jsonb_build_object('field', 'name', 'old', NULL, 'new', x.name)))`;
  return insertAuditSql(`(SELECT coalesce(jsonb_agg(${row}), '[]') FROM (${source}) x)`);
}

/** Among what `INSERT … ON CONFLICT DO UPDATE … RETURNING` answers: whether the row was inserted. */
export const IS_INSERTED_SQL = 'xmax = 0';
