import { Injectable } from '@nestjs/common';
import { CASE_TABLES, assertCleared, assertOwner } from '../access/access.js';
import type { Marking } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import type { ActivityEvent } from '../activities/activity.js';
import type { SettledClock } from '../sla/sla.queries.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { invalidValue, referencesNotFound } from '../common/errors.js';
import type { JsonText } from '../common/json-text.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Sql, Tx } from '../database/sql.js';
import { changesBetween, toActivities } from '../records/record-changes.js';
import { lockRecords } from '../records/record-reads.js';
import {
  bumpVersion,
  replaceShares,
  replaceTags,
  replaceTeams,
  writeColumns,
} from '../records/record-writes.js';
import { StatusesService } from '../statuses/statuses.service.js';
import type { Status } from '../statuses/statuses.service.js';
import { moveTtps } from '../ttps/record-ttps.queries.js';
import { unite } from './case-merge.js';
import {
  findMergeable,
  moveAlerts,
  moveLinks,
  moveParts,
  moveTasks,
  pointToPrimary,
  uniteObservables,
} from './case-merge.queries.js';
import type { MergeableCase, Moved } from './case-merge.queries.js';
import { caseMerged, caseNotFound, ownersDiffer } from './cases.errors.js';
import { relatedCases } from './cases.queries.js';
import type { CaseDetail } from './cases.schema.js';
import { CasesService } from './cases.service.js';

/** What a merge is of. */
interface Merge {
  readonly primary: MergeableCase;
  /** The oldest first. */
  readonly others: readonly MergeableCase[];
}

/** What moved from the others, as far as history tells of it. */
interface MovedParts {
  readonly alerts: readonly Moved[];
  readonly links: readonly Moved[];
}

/**
 * Folds cases into one: all or nothing, and never twice.
 *
 * What they hold moves to the primary and keeps its ids; they are closed, keep their own history, and
 * point to the primary. The number of statements does not depend on what they hold.
 */
@Injectable()
export class CaseMergeService {
  constructor(
    private readonly database: Database,
    private readonly cases: CasesService,
    private readonly statuses: StatusesService,
    private readonly audit: AuditService,
  ) {}

  /** Merges cases into the primary and answers it; those that were merged into it already change nothing. */
  merge(
    principal: Principal,
    id: string,
    caseIds: readonly string[],
    reopen: boolean,
  ): Promise<JsonText<CaseDetail>> {
    return this.database.transaction(principal, async (tx) => {
      const { primary, others } = await this.open(sqlIn(tx), principal, id, caseIds);
      if (primary.primaryCaseId !== null) throw caseMerged(id);
      const fresh = others.filter(({ primaryCaseId }) => primaryCaseId !== id);
      for (const other of fresh) if (other.primaryCaseId !== null) throw caseMerged(other.id);
      if (fresh.length > 0) {
        const status = await this.cases.reopening(tx, primary, reopen);
        await this.fold(tx, principal, { primary, others: fresh }, status);
      }
      return this.cases.get({ ...principal, transaction: tx }, id);
    });
  }

  /** Holds the cases: all must be there (404, or 400 naming each path), cleared and the caller's (403), of one owner (409). */
  private async open(
    sql: Sql,
    principal: Principal,
    id: string,
    caseIds: readonly string[],
  ): Promise<Merge> {
    const wanted = [id, ...caseIds];
    const related = await relatedCases(sql, caseIds);
    const found = await lockRecords(sql, principal, CASE_TABLES, [...wanted, ...related]);
    const cases = await findMergeable(
      sql,
      id,
      wanted.filter((each) => found.has(each)),
    );
    const primary = cases.find((each) => each.id === id);
    if (!primary) throw caseNotFound();
    const others = cases.filter((each) => each.id !== id);
    assertMayMerge(principal, primary);
    const self = caseIds.indexOf(id);
    if (self >= 0) throw invalidValue(`caseIds[${self}]`, 'must not name the case itself');
    const missing = caseIds.flatMap((each, i) => (found.has(each) ? [] : [`caseIds[${i}]`]));
    if (missing.length > 0) throw referencesNotFound(missing);
    for (const other of others) {
      assertMayMerge(principal, other);
      if (other.organizationId !== primary.organizationId) throw ownersDiffer(other.id);
    }
    return { primary, others };
  }

  private async fold(
    tx: Tx,
    principal: Principal,
    merge: Merge,
    reopened: Status | null,
  ): Promise<void> {
    const { primary, others } = merge;
    const sql = sqlIn(tx);
    const { id } = primary;
    const ids = others.map((other) => other.id);
    const united = unite(primary, others);
    await moveTasks(sql, id, ids);
    await uniteObservables(sql, id, ids);
    await moveParts(sql, id, ids);
    await moveTtps(sql, ids, id);
    const moved = {
      alerts: await moveAlerts(sql, id, ids),
      links: await moveLinks(sql, id, ids),
    };

    const { tags, teams, organizations, ...columns } = united;
    const ownClock = await writeColumns(sql, principal, 'case', id, columns, reopened);
    await replaceTags(sql, principal, 'case', id, primary.organizationId, idsOf(tags));
    await replaceTeams(sql, 'case', id, idsOf(teams));
    await replaceShares(sql, 'case', id, idsOf(organizations));
    await bumpVersion(sql, 'case', id);

    const closed = await this.statusOfMerged(tx);
    const otherClocks = await writeColumns(sql, principal, 'case', ids, {}, closed);
    await pointToPrimary(sql, id, ids);

    const statusValue = reopened?.value ?? primary.statusValue;
    const changes = [
      ...changesBetween(primary, { ...united, statusValue }),
      ...ownClock.flatMap((clock) => clock.changes),
    ];
    await recordActivities(tx, principal, [
      ...others.flatMap((other) => mergedLines(primary, other, united, closed)),
      ...toActivities({ caseId: id }, changes, united),
      ...movedLines(merge, moved, united),
      ...otherClocks.flatMap(({ id: caseId, changes, ...marking }) =>
        toActivities({ caseId }, changes, marking),
      ),
    ]);
    await this.record(tx, principal, merge, closed, changes, otherClocks, moved);
  }

  /** `duplicated`; where an administrator has deleted or moved that, the closed status that is always there. */
  private async statusOfMerged(tx: Tx): Promise<Status> {
    const owner = { transaction: tx };
    const duplicated = (await this.statuses.list(owner, 'case')).get('duplicated');
    return duplicated?.stage === 'Closed'
      ? duplicated
      : this.statuses.resolve(owner, 'case', 'resolved', 'statusValue');
  }

  private async record(
    tx: Tx,
    principal: Principal,
    { primary, others }: Merge,
    closed: Status,
    changes: readonly FieldChange[],
    otherClocks: readonly SettledClock[],
    moved: MovedParts,
  ): Promise<void> {
    const { organizationId } = primary;
    await this.audit.record(
      tx,
      principal,
      ...others.map(({ id, statusValue }) => ({
        action: 'case.merged',
        targetKind: 'case',
        targetId: id,
        organizationId,
        changes: [
          { field: 'primaryCaseId', old: null, new: primary.id },
          { field: 'statusValue', old: statusValue, new: closed.value },
          ...otherClocks.flatMap((clock) => (clock.id === id ? clock.changes : [])),
          ...moves(moved, id).map(({ field, value }) => ({ field, old: value, new: null })),
        ],
      })),
      {
        action: 'case.updated',
        targetKind: 'case',
        targetId: primary.id,
        organizationId,
        changes: [
          ...changes,
          ...moves(moved).map(({ field, value }) => ({ field, old: null, new: value })),
        ],
      },
      ...moved.alerts.map((each) => movedEntry('alert', 'case', each, primary)),
      ...moved.links.map((each) => movedEntry('case', 'links', each, primary)),
    );
  }
}

function assertMayMerge(principal: Principal, each: MergeableCase): void {
  assertCleared(principal, each);
  assertOwner(principal, each.organizationId, 'merge the case');
}

/** What the audit trail names of what moved, of one case or of all. */
function moves(moved: MovedParts, from?: string) {
  return (['alerts', 'links'] as const).flatMap((field) =>
    moved[field]
      .filter((each) => from === undefined || each.from === from)
      .map(({ id }) => ({ field, value: id })),
  );
}

/** The entry of an alert or another case, which the primary has taken over from a case that was folded. */
function movedEntry(kind: 'alert' | 'case', field: string, moved: Moved, primary: MergeableCase) {
  return {
    action: `${kind}.updated`,
    targetKind: kind,
    targetId: moved.id,
    organizationId: moved.organizationId,
    changes: [{ field, old: moved.from, new: primary.id }],
  };
}

/** What the history of both tells of a case that was folded. */
function mergedLines(
  primary: MergeableCase,
  folded: MergeableCase,
  united: Marking,
  closed: Status,
): ActivityEvent[] {
  const [into, from] = [{ caseId: primary.id }, { caseId: folded.id }];
  const closing = changesBetween(folded, { statusValue: closed.value });
  return [
    marked(folded, { ...into, action: 'merged', fieldName: 'cases', newValue: refOf(folded) }),
    marked(united, { ...from, action: 'merged', fieldName: 'case', newValue: refOf(primary) }),
    ...toActivities(from, closing, folded),
  ];
}

/** What the history of the alerts tells, and of the cases that the folded ones were linked with. */
function movedLines({ primary, others }: Merge, moved: MovedParts, united: Marking) {
  const refs = new Map(others.map((other) => [other.id, refOf(other)]));
  const line = ({ from }: Moved) => {
    return { action: 'updated', oldValue: refs.get(from), newValue: refOf(primary) } as const;
  };
  return [
    ...moved.alerts.map((each) =>
      marked(united, { ...line(each), alertId: each.id, fieldName: 'case' }),
    ),
    ...moved.links.map((each) =>
      marked(united, { ...line(each), caseId: each.id, fieldName: 'links' }),
    ),
  ];
}

/** The line, as restricted as what it tells of. */
function marked({ tlp, pap }: Marking, line: ActivityEvent): ActivityEvent {
  return { ...line, tlp, pap };
}

/** A case in the history of what others may share: no more than its number. */
function refOf({ id, tinyId }: MergeableCase) {
  return { id, tinyId };
}

function idsOf<Id>(items: readonly { readonly id: Id }[]): Id[] {
  return items.map(({ id }) => id);
}
