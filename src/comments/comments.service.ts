import { Injectable } from '@nestjs/common';
import { assertAuthor } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import type { ActivityEvent } from '../activities/activity.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { assertScope } from '../auth/scope.guard.js';
import { referencesNotFound } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { listChildren } from '../records/child-list.js';
import { PlacesService, placeOf } from '../tasks/places.service.js';
import type { Place, PlaceRef } from '../tasks/places.service.js';
import { commentNotFound } from './comments.errors.js';
import { commentsOf, findComment, findMentioned } from './comments.queries.js';
import type { Comment, CommentListQuery, CreateComment, UpdateComment } from './comments.schema.js';
import { mentionedEmails } from './mentions.js';

interface Held {
  readonly comment: Comment;
  readonly place: Place;
}

/** What people say on alerts, cases and tasks. */
@Injectable()
export class CommentsService {
  constructor(
    private readonly database: Database,
    private readonly places: PlacesService,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  /** The comments of a parent that must be there (404) and within clearance (403). */
  async list(
    principal: Principal,
    parent: PlaceRef,
    query: CommentListQuery,
  ): Promise<Page<Comment>> {
    await this.places.open(principal, parent);
    return listChildren(this.database.sqlFor(principal), this.cursors, query, commentsOf(parent));
  }

  async get(principal: Principal, id: string): Promise<Comment> {
    const sql = this.database.sqlFor(principal);
    const comment = await findComment(sql, id);
    if (!comment) throw commentNotFound();
    const parent = placeOf(comment);
    await this.places.open(principal, parent, { notFound: commentNotFound });
    assertScope(principal, parent.kind === 'alert' ? 'alerts:read' : 'cases:read');
    return comment;
  }

  async create(
    principal: Principal,
    parent: PlaceRef,
    { body, parentId = null }: CreateComment,
  ): Promise<Comment> {
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const place = await this.places.open({ ...principal, transaction: tx }, parent, {
        lock: 'FOR UPDATE',
      });
      if (parentId !== null) {
        const answered = await findComment(sql, parentId);
        if (!answered || idOf(parent) !== idOf(placeOf(answered)))
          throw referencesNotFound(['parentId']);
      }
      const id = newId();
      const { organizationId } = place;
      await tx.comment.create({
        data: {
          id,
          [`${parent.kind}Id`]: parent.id,
          organizationId,
          parentId,
          body,
          createdById: principal.userId,
        },
      });
      await this.mention(tx, principal, id, body);
      await recordActivities(tx, principal, [
        { ...place.history, action: 'commentAdded', newValue: { id } },
      ]);
      await this.record(tx, principal, 'comment.created', id, organizationId, [
        { field: 'body', old: null, new: body },
      ]);
      return this.read(tx, id);
    });
  }

  async update(
    principal: Principal,
    id: string,
    { body }: UpdateComment,
    precondition: Precondition,
  ): Promise<Comment> {
    return this.database.transaction(principal, async (tx) => {
      const { comment, place } = await this.openOwn(tx, principal, id, precondition);
      if (comment.body === body) return comment;
      await tx.comment.update({
        where: { id },
        data: { body, editedAt: new Date(), version: { increment: 1 } },
      });
      await tx.commentMention.deleteMany({ where: { commentId: id } });
      await this.mention(tx, principal, id, body);
      await recordActivities(tx, principal, [changed(place, 'updated', id)]);
      await this.record(tx, principal, 'comment.updated', id, place.organizationId, [
        { field: 'body', old: comment.body, new: body },
      ]);
      return this.read(tx, id);
    });
  }

  /** Deletes a comment; what answered it then answers what it answered. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const { comment, place } = await this.openOwn(tx, principal, id, precondition);
      await tx.comment.update({
        where: { id },
        data: { deletedAt: new Date(), version: { increment: 1 } },
      });
      await tx.comment.updateMany({
        where: { parentId: id },
        data: { parentId: comment.parentId, version: { increment: 1 } },
      });
      await recordActivities(tx, principal, [changed(place, 'removed', id)]);
      await this.record(tx, principal, 'comment.deleted', id, place.organizationId, [
        { field: 'body', old: comment.body, new: null },
      ]);
    });
  }

  /** A comment for its author or an administrator. Whoever changes one holds its record, so they take turns. */
  private async openOwn(
    tx: Tx,
    principal: Principal,
    id: string,
    precondition: Precondition,
  ): Promise<Held> {
    const sql = sqlIn(tx);
    const seen = await findComment(sql, id);
    if (!seen) throw commentNotFound();
    const parent = placeOf(seen);
    const place = await this.places.open({ ...principal, transaction: tx }, parent, {
      notFound: commentNotFound,
      lock: 'FOR UPDATE',
    });
    assertScope(principal, parent.kind === 'alert' ? 'alerts:write' : 'cases:write');
    const comment = await findComment(sql, id);
    if (!comment || idOf(placeOf(comment)) !== idOf(parent)) throw commentNotFound();
    assertAuthor(principal, comment.createdBy.id, 'a comment');
    precondition.assertMatches(comment.version);
    return { comment, place };
  }

  private async mention(tx: Tx, principal: Principal, commentId: string, body: string) {
    const userIds = await findMentioned(sqlIn(tx), principal, mentionedEmails(body));
    await tx.commentMention.createMany({ data: userIds.map((userId) => ({ commentId, userId })) });
  }

  private async read(tx: Tx, id: string): Promise<Comment> {
    const comment = await findComment(sqlIn(tx), id);
    if (!comment) throw new Error('A written comment is gone.');
    return comment;
  }

  private record(
    tx: Tx,
    principal: Principal,
    action: string,
    targetId: string,
    organizationId: string,
    changes: readonly FieldChange[],
  ): Promise<void> {
    return this.audit.record(tx, principal, {
      action,
      targetKind: 'comment',
      targetId,
      organizationId,
      changes,
    });
  }
}

function idOf({ kind, id }: PlaceRef): string {
  return `${kind} ${id}`;
}

function changed({ history }: Place, action: 'updated' | 'removed', id: string): ActivityEvent {
  const value = action === 'removed' ? { oldValue: { id } } : { newValue: { id } };
  return { ...history, action, fieldName: 'comments', ...value };
}
