import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { recordActivities } from '../activities/activity.js';
import type { ActivityEvent } from '../activities/activity.js';
import { alertNotFound } from '../alerts/alerts.errors.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { assertScope } from '../auth/scope.guard.js';
import { hasScope } from '../auth/scopes.js';
import { caseNotFound } from '../cases/cases.errors.js';
import { referencesNotFound } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { listChildren } from '../records/child-list.js';
import { openParent } from '../records/parent.js';
import type { Parent, ParentRow } from '../records/parent.js';
import { commentNotFound, notTheAuthor } from './comments.errors.js';
import { commentsOf, findComment, findMentioned } from './comments.queries.js';
import type { Comment, CommentListQuery, CreateComment, UpdateComment } from './comments.schema.js';
import { mentionedEmails } from './mentions.js';

interface Held {
  readonly comment: Comment;
  readonly parent: Parent;
  readonly row: ParentRow;
}

/** What people say on alerts and cases. */
@Injectable()
export class CommentsService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  /** The comments of a parent that must be there (404) and within clearance (403). */
  async list(
    principal: Principal,
    parent: Parent,
    query: CommentListQuery,
  ): Promise<Page<Comment>> {
    const sql = this.database.sqlFor(principal);
    await openParent(sql, principal, parent);
    return listChildren(sql, this.cursors, query, commentsOf(parent));
  }

  async get(principal: Principal, id: string): Promise<Comment> {
    const sql = this.database.sqlFor(principal);
    const comment = await findComment(sql, id);
    if (!comment) throw commentNotFound();
    const parent = parentOf(comment);
    await openParent(sql, principal, { ...parent, notFound: commentNotFound });
    assertScope(principal, parent.kind === 'alert' ? 'alerts:read' : 'cases:read');
    return comment;
  }

  async create(
    principal: Principal,
    parent: Parent,
    { body, parentId = null }: CreateComment,
  ): Promise<Comment> {
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const row = await openParent(sql, principal, parent, 'FOR UPDATE');
      if (parentId !== null) {
        const answered = await findComment(sql, parentId);
        if (!answered || idOf(parent) !== idOf(parentOf(answered)))
          throw referencesNotFound(['parentId']);
      }
      const id = uuidv7();
      const { organizationId } = row;
      await tx.comment.create({
        data: {
          id,
          ...keyOf(parent),
          organizationId,
          parentId,
          body,
          createdById: principal.userId,
        },
      });
      await this.mention(tx, principal, id, body);
      await recordActivities(tx, principal, [
        { ...keyOf(parent), action: 'commentAdded', newValue: { id } },
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
      const { comment, parent, row } = await this.openOwn(tx, principal, id, precondition);
      if (comment.body === body) return comment;
      await tx.comment.update({
        where: { id },
        data: { body, editedAt: new Date(), version: { increment: 1 } },
      });
      await tx.commentMention.deleteMany({ where: { commentId: id } });
      await this.mention(tx, principal, id, body);
      await recordActivities(tx, principal, [changed(parent, 'updated', id)]);
      await this.record(tx, principal, 'comment.updated', id, row.organizationId, [
        { field: 'body', old: comment.body, new: body },
      ]);
      return this.read(tx, id);
    });
  }

  /** Deletes a comment; what answered it then answers what it answered. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const { comment, parent, row } = await this.openOwn(tx, principal, id, precondition);
      await tx.comment.update({
        where: { id },
        data: { deletedAt: new Date(), version: { increment: 1 } },
      });
      await tx.comment.updateMany({
        where: { parentId: id },
        data: { parentId: comment.parentId, version: { increment: 1 } },
      });
      await recordActivities(tx, principal, [changed(parent, 'removed', id)]);
      await this.record(tx, principal, 'comment.deleted', id, row.organizationId, [
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
    const parent = parentOf(seen);
    const row = await openParent(
      sql,
      principal,
      { ...parent, notFound: commentNotFound },
      'FOR UPDATE',
    );
    assertScope(principal, parent.kind === 'alert' ? 'alerts:write' : 'cases:write');
    const comment = await findComment(sql, id);
    if (!comment) throw commentNotFound();
    const isAuthor = comment.createdBy.id === principal.userId;
    if (!isAuthor && !hasScope(principal.scopes, 'admin:*')) throw notTheAuthor();
    precondition.assertMatches(comment.version);
    return { comment, parent, row };
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

function parentOf({ alertId, caseId }: Comment): Parent {
  return alertId === null
    ? { kind: 'case', id: caseId ?? '', notFound: caseNotFound }
    : { kind: 'alert', id: alertId, notFound: alertNotFound };
}

function keyOf({ kind, id }: Parent): { readonly alertId: string } | { readonly caseId: string } {
  return kind === 'alert' ? { alertId: id } : { caseId: id };
}

function idOf({ kind, id }: Parent): string {
  return `${kind} ${id}`;
}

function changed(parent: Parent, action: 'updated' | 'removed', id: string): ActivityEvent {
  const value = action === 'removed' ? { oldValue: { id } } : { newValue: { id } };
  return { ...keyOf(parent), action, fieldName: 'comments', ...value };
}
