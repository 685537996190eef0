import { v7 as uuidv7 } from 'uuid';
import type { Principal } from '../auth/principal.js';

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

/** The entry that says the caller did this. */
export function toAuditRow(principal: Actor, event: AuditEvent): AuditRow {
  const actorKind = actorKindOf(principal);
  const isKnown = actorKind !== 'system';
  return {
    id: uuidv7(),
    organizationId:
      event.organizationId === undefined ? principal.organizationId : event.organizationId,
    actorKind,
    actorId: isKnown ? principal.userId : null,
    credentialId: isKnown ? principal.credentialId : null,
    action: event.action,
    targetKind: event.targetKind,
    targetId: event.targetId,
    changes: event.changes ?? [],
    requestId: isKnown ? principal.requestId : null,
    ip: isKnown ? principal.ip : null,
  };
}

/** The entry that says the server did this by itself. */
export function toSystemAuditRow(event: AuditEvent): AuditRow {
  return {
    id: uuidv7(),
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

/** Whether a person did it by hand, a key for the person, or somebody at the server's terminal. */
export function actorKindOf({
  credentialKind,
}: Pick<Actor, 'credentialKind'>): 'user' | 'apiKey' | 'system' {
  if (credentialKind === 'terminal') return 'system';
  return credentialKind === 'session' ? 'user' : 'apiKey';
}

/** Inserts audit rows from the JSON array in `source`, as part of a larger statement. */
export function insertAuditSql(source: string): string {
  return `
  INSERT INTO audit_entries (id, organization_id, actor_kind, actor_id, credential_id, action, target_kind, target_id, changes, request_id, ip)
  SELECT x.id, x."organizationId", x."actorKind", x."actorId", x."credentialId", x.action, x."targetKind", x."targetId", x.changes, x."requestId", x.ip
  FROM jsonb_to_recordset(${source}) AS x(id uuid, "organizationId" uuid, "actorKind" text, "actorId" uuid, "credentialId" uuid,
    action text, "targetKind" text, "targetId" text, changes jsonb, "requestId" text, ip text)`;
}
