import type { Marking } from '../access/access.js';
import type { AuditEvent } from '../audit/audit-entry.js';
import { newId } from '../common/ids.js';
import type { UploadedFile } from '../storage/upload.guard.js';

/** The record that a file hangs on, and how strictly the file is marked. */
export interface AttachmentParent extends Marking {
  readonly alertId: string | null;
  readonly caseId: string | null;
  readonly taskId: string | null;
  readonly organizationId: string;
}

/** A row of `attachments`, for statements that insert sets of them. */
export interface AttachmentRow extends AttachmentParent {
  readonly id: string;
  readonly sha256: string;
  readonly name: string;
  readonly contentType: string;
  readonly createdById: string;
}

export function toAttachmentRow(
  { sha256, name, contentType }: UploadedFile,
  { alertId, caseId, taskId, organizationId, tlp, pap }: AttachmentParent,
  createdById: string,
): AttachmentRow {
  const parent = { alertId, caseId, taskId, organizationId, tlp, pap };
  return { id: newId(), ...parent, sha256, name, contentType, createdById };
}

/** The entry that says a file was attached. */
export function attachmentCreated({
  id,
  organizationId,
  name,
  sha256,
}: Pick<AttachmentRow, 'id' | 'organizationId' | 'name' | 'sha256'>): AuditEvent {
  return {
    action: 'attachment.created',
    targetKind: 'attachment',
    targetId: id,
    organizationId,
    changes: [
      { field: 'name', old: null, new: name },
      { field: 'sha256', old: null, new: sha256 },
    ],
  };
}

/** Inserts attachment rows from the JSON array in `source`, as part of a larger statement; their contents must be held. */
export function insertAttachmentsSql(source: string): string {
  return `
  INSERT INTO attachments (id, alert_id, case_id, task_id, organization_id, sha256, name, content_type, tlp, pap, created_by_id)
  SELECT x.id, x."alertId", x."caseId", x."taskId", x."organizationId", decode(x.sha256, 'hex'), x.name, x."contentType", x.tlp, x.pap, x."createdById"
  FROM jsonb_to_recordset(${source}) AS x(id uuid, "alertId" uuid, "caseId" uuid, "taskId" uuid, "organizationId" uuid, sha256 text,
    name text, "contentType" text, tlp int, pap int, "createdById" uuid)
  RETURNING id`;
}
