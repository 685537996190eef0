import { Injectable } from '@nestjs/common';
import type { ReadStream } from 'node:fs';
import { assertCleared } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { assertScope } from '../auth/scope.guard.js';
import { invalidValue } from '../common/errors.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import { listChildren } from '../records/child-list.js';
import { FileStore } from '../storage/file-store.js';
import type { UploadedFile } from '../storage/upload.guard.js';
import { PlacesService } from '../tasks/places.service.js';
import type { PlaceRef } from '../tasks/places.service.js';
import { toAttachmentRow } from './attachment-row.js';
import { attachmentNotFound } from './attachments.errors.js';
import { attachmentsOf, findAttachment, insertAttachments } from './attachments.queries.js';
import type { HeldAttachment } from './attachments.queries.js';
import type { Attachment, AttachmentListQuery } from './attachments.schema.js';

/** Files on alerts, cases and tasks: evidence. */
@Injectable()
export class AttachmentsService {
  constructor(
    private readonly database: Database,
    private readonly places: PlacesService,
    private readonly files: FileStore,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  /** Attaches files to a parent, all or none. */
  async create(
    principal: Principal,
    parent: PlaceRef,
    files: readonly UploadedFile[],
  ): Promise<Attachment[]> {
    if (files.length === 0) throw invalidValue('file', 'send at least one file', 'too_small');
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const place = await this.places.open({ ...principal, transaction: tx }, parent, {
        lock: 'FOR UPDATE',
      });
      const { organizationId, history } = place;
      const ids = { alertId: null, caseId: null, taskId: null, [`${parent.kind}Id`]: parent.id };
      const owner = { ...ids, ...place };
      const rows = files.map((file) => toAttachmentRow(file, owner, principal.userId));
      await insertAttachments(sql, rows);
      await recordActivities(
        tx,
        principal,
        rows.map(({ id, name }) => ({
          ...history,
          action: 'added' as const,
          fieldName: 'attachments',
          newValue: { id, name },
          tlp: held.tlp,
          pap: held.pap,
        })),
      );
      await this.audit.record(
        tx,
        principal,
        ...rows.map(({ id, name, sha256 }) => ({
          action: 'attachment.created',
          targetKind: 'attachment',
          targetId: id,
          organizationId,
          changes: [
            { field: 'name', old: null, new: name },
            { field: 'sha256', old: null, new: sha256 },
          ],
        })),
      );
      const created: Attachment[] = [];
      for (const { id } of rows) {
        const held = await findAttachment(sql, principal, id);
        if (held) created.push(held.attachment);
      }
      return created;
    });
  }

  /** The files of a parent that must be there (404) and within clearance (403). */
  async list(
    principal: Principal,
    parent: PlaceRef,
    query: AttachmentListQuery,
  ): Promise<Page<Attachment>> {
    await this.places.open(principal, parent);
    const sql = this.database.sqlFor(principal);
    return listChildren(sql, this.cursors, query, attachmentsOf(principal, parent));
  }

  async get(principal: Principal, id: string): Promise<Attachment> {
    return (await this.open(principal, id)).attachment;
  }

  /** The content of a file; that it was taken is audited. */
  async download(
    principal: Principal,
    id: string,
  ): Promise<{ readonly attachment: Attachment; readonly content: ReadStream }> {
    const { attachment, organizationId } = await this.open(principal, id);
    await this.database.transaction(principal, (tx) =>
      this.audit.record(tx, principal, {
        action: 'attachment.downloaded',
        targetKind: 'attachment',
        targetId: id,
        organizationId,
      }),
    );
    return { attachment, content: await this.files.read(attachment.sha256) };
  }

  /** An attachment counts as its parent's kind, also for scopes (spec/api.md §9). */
  private async open(principal: Principal, id: string): Promise<HeldAttachment> {
    const held = await findAttachment(this.database.sqlFor(principal), principal, id);
    if (!held) throw attachmentNotFound();
    assertScope(principal, held.attachment.alertId === null ? 'cases:read' : 'alerts:read');
    assertCleared(principal, held.marking);
    return held;
  }
}
