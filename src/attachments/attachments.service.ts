import { Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { assertCleared, assertOwner } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { assertScope } from '../auth/scope.guard.js';
import { invalidValue } from '../common/errors.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { AppConfig } from '../config/config.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Sql, Tx } from '../database/sql.js';
import { listChildren } from '../records/child-list.js';
import { BlobsService } from '../storage/blobs.service.js';
import { FileStore } from '../storage/file-store.js';
import type { UploadedFile } from '../storage/upload.guard.js';
import { PlacesService, placeOf } from '../tasks/places.service.js';
import type { Place, PlaceRef } from '../tasks/places.service.js';
import { attachmentCreated, toAttachmentRow } from './attachment-row.js';
import { attachmentInUse, attachmentNotFound, caseFilesFull } from './attachments.errors.js';
import {
  attachmentsOf,
  deleteAttachment,
  findAttachment,
  findUse,
  insertAttachments,
  sumCaseFiles,
} from './attachments.queries.js';
import type { HeldAttachment } from './attachments.queries.js';
import type { Attachment, AttachmentListQuery, DownloadQuery } from './attachments.schema.js';
import { infectedZip } from './infected-zip.js';

/** What a download answers; a zip's size is known only at its end. */
interface Download {
  readonly name: string;
  readonly size: number | null;
  readonly content: Readable;
}

/** Files on alerts, cases and tasks: evidence. */
@Injectable()
export class AttachmentsService {
  constructor(
    private readonly database: Database,
    private readonly places: PlacesService,
    private readonly files: FileStore,
    private readonly blobs: BlobsService,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
    private readonly config: AppConfig,
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
      const { history } = place;
      if (history.caseId !== undefined) await this.assertRoom(sql, history.caseId, files);
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
          tlp: place.tlp,
          pap: place.pap,
        })),
      );
      await this.audit.record(tx, principal, ...rows.map(attachmentCreated));
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

  /** Deletes a file, as the owner of its record; when nothing else has its content, its space is free again. */
  async remove(principal: Principal, id: string): Promise<void> {
    const hold = await this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const { attachment, marking, organizationId, history } = await this.hold(tx, principal, id);
      const { name, sha256 } = attachment;
      assertOwner(principal, organizationId, 'delete the file');
      const use = await findUse(sql, principal, id);
      if (use) throw attachmentInUse(use.observableId);
      const kept = await this.blobs.holdStored(tx, sha256);
      await deleteAttachment(sql, id);
      await recordActivities(tx, principal, [
        {
          ...history,
          action: 'removed',
          fieldName: 'attachments',
          oldValue: { id, name },
          ...marking,
        },
      ]);
      await this.audit.record(tx, principal, {
        action: 'attachment.deleted',
        targetKind: 'attachment',
        targetId: id,
        organizationId,
        changes: [
          { field: 'name', old: name, new: null },
          { field: 'sha256', old: sha256, new: null },
        ],
      });
      return kept;
    });
    await this.blobs.release([hold]);
  }

  /** The content of a file, or a zip of it; that it was taken is audited. */
  async download(principal: Principal, id: string, { zip }: DownloadQuery): Promise<Download> {
    const { attachment, organizationId, key } = await this.open(principal, id);
    await this.database.transaction(principal, (tx) =>
      this.audit.record(tx, principal, {
        action: 'attachment.downloaded',
        targetKind: 'attachment',
        targetId: id,
        organizationId,
      }),
    );
    const { name, size } = attachment;
    const content = await this.read(principal, id, key);
    return zip
      ? { name: `${name}.zip`, size: null, content: await infectedZip(attachment, content) }
      : { name, size, content };
  }

  private async read(principal: Principal, id: string, key: string): Promise<Readable> {
    try {
      return await this.files.read(key);
    } catch (error) {
      // Deleted since it was found: then this answers 404.
      await this.open(principal, id);
      throw error;
    }
  }

  /** A case that is held takes no more than configured; what promotion and merging unite is never refused. */
  private async assertRoom(
    sql: Sql,
    caseId: string,
    files: readonly UploadedFile[],
  ): Promise<void> {
    const bytesMax = this.config.caseFilesBytesMax;
    const wanted = files.reduce((sum, { size }) => sum + size, 0);
    if ((await sumCaseFiles(sql, caseId)) + wanted > bytesMax) throw caseFilesFull(bytesMax);
  }

  /** An attachment to be changed. Whoever changes one holds its record, so they take turns. */
  private async hold(
    tx: Tx,
    principal: Principal,
    id: string,
  ): Promise<HeldAttachment & Pick<Place, 'history'>> {
    const sql = sqlIn(tx);
    const seen = await findAttachment(sql, principal, id);
    if (!seen) throw attachmentNotFound();
    const ref = placeOf(seen.attachment);
    const { history } = await this.places.open({ ...principal, transaction: tx }, ref, {
      notFound: attachmentNotFound,
      lock: 'FOR UPDATE',
    });
    assertScope(principal, ref.kind === 'alert' ? 'alerts:write' : 'cases:write');
    const held = await findAttachment(sql, principal, id);
    if (!held) throw attachmentNotFound();
    // Cases that were merged meanwhile have moved it.
    if (placeOf(held.attachment).id !== ref.id) return this.hold(tx, principal, id);
    assertCleared(principal, held.marking);
    return { ...held, history };
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
