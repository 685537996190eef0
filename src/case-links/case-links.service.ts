import { Injectable } from '@nestjs/common';
import { CASE_TABLES, assertOwner, isOwner } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { caseNotFound } from '../cases/cases.errors.js';
import { invalidValue, referencesNotFound } from '../common/errors.js';
import type { AppError } from '../common/errors.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Sql, Tx } from '../database/sql.js';
import { listChildren } from '../records/child-list.js';
import { openParent } from '../records/parent.js';
import type { ParentRow } from '../records/parent.js';
import { lockRecords } from '../records/record-reads.js';
import { deleteLink, findLink, insertLink, linksOf } from './case-links.queries.js';
import type { CaseLink, CaseLinkListQuery, CreateCaseLink } from './case-links.schema.js';

/** What a creation answers: the link, and whether it is new. */
export interface CreatedCaseLink {
  readonly link: CaseLink;
  readonly isNew: boolean;
}

/** One of the two cases of a link. */
interface End extends ParentRow {
  readonly id: string;
}

/**
 * Cases that have to do with each other; a link is one thing that both show.
 *
 * Whoever may change a case may link it with any other it sees. The answer of a case does not show its
 * links, so its version stays.
 */
@Injectable()
export class CaseLinksService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  async list(
    principal: Principal,
    caseId: string,
    query: CaseLinkListQuery,
  ): Promise<Page<CaseLink>> {
    const sql = this.database.sqlFor(principal);
    await openEnd(sql, principal, caseId, caseNotFound);
    return listChildren(sql, this.cursors, query, linksOf(principal, caseId));
  }

  async get(principal: Principal, caseId: string, otherCaseId: string): Promise<CaseLink> {
    const sql = this.database.sqlFor(principal);
    await openEnd(sql, principal, caseId, caseNotFound);
    await openEnd(sql, principal, otherCaseId, caseNotFound);
    return this.read(sql, caseId, otherCaseId);
  }

  /** Links the case with the one the body names; where they are linked already, that stays as it is. */
  create(
    principal: Principal,
    id: string,
    { caseId, kind }: CreateCaseLink,
  ): Promise<CreatedCaseLink> {
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      await lockRecords(sql, principal, CASE_TABLES, [id, caseId]);
      const own = await openEnd(sql, principal, id, caseNotFound, 'FOR UPDATE');
      if (caseId === id) throw invalidValue('caseId', 'must name another case');
      const missing = () => referencesNotFound(['caseId']);
      const other = await openEnd(sql, principal, caseId, missing, 'FOR UPDATE');
      const isNew = await insertLink(sql, id, caseId, kind);
      if (isNew) await this.record(tx, principal, 'added', own, other);
      return { link: await this.read(sql, id, caseId), isNew };
    });
  }

  /** Takes the link off both cases, as the owner of either. */
  async remove(principal: Principal, id: string, otherCaseId: string): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      await lockRecords(sql, principal, CASE_TABLES, [id, otherCaseId]);
      const own = await openEnd(sql, principal, id, caseNotFound);
      const other = await openEnd(sql, principal, otherCaseId, caseNotFound);
      await this.read(sql, id, otherCaseId);
      if (!isOwner(principal, own.organizationId))
        assertOwner(principal, other.organizationId, 'unlink the cases');
      await this.record(tx, principal, 'removed', own, other);
      await deleteLink(sql, id, otherCaseId);
    });
  }

  /** A line of history and an audit entry for each of the two; the link must be there. */
  private async record(
    tx: Tx,
    principal: Principal,
    action: 'added' | 'removed',
    own: End,
    other: End,
  ): Promise<void> {
    for (const [{ id: caseId, organizationId }, far] of [
      [own, other],
      [other, own],
    ] as const) {
      const { tinyId, kind } = await this.read(sqlIn(tx), caseId, far.id);
      const shown = { id: far.id, tinyId, kind };
      const [oldValue, newValue] = action === 'added' ? [null, shown] : [shown, null];
      const { tlp, pap } = far;
      await recordActivities(tx, principal, [
        { caseId, action, fieldName: 'links', oldValue, newValue, tlp, pap },
      ]);
      await this.audit.record(tx, principal, {
        action: action === 'added' ? 'case.linked' : 'case.unlinked',
        targetKind: 'case',
        targetId: caseId,
        organizationId,
        changes: [{ field: 'links', old: oldValue, new: newValue }],
      });
    }
  }

  private async read(sql: Sql, caseId: string, otherCaseId: string): Promise<CaseLink> {
    const link = await findLink(sql, caseId, otherCaseId);
    if (!link) throw caseNotFound();
    return link;
  }
}

async function openEnd(
  sql: Sql,
  principal: Principal,
  id: string,
  notFound: () => AppError,
  lock: '' | 'FOR UPDATE' = '',
): Promise<End> {
  return { ...(await openParent(sql, principal, { kind: 'case', id, notFound }, lock)), id };
}
