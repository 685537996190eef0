import { Injectable } from '@nestjs/common';
import { assertOwner } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import type { ActivityEvent } from '../activities/activity.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { defined } from '../common/defined.js';
import { alreadyTaken } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Sql, Tx } from '../database/sql.js';
import { listChildren } from '../records/child-list.js';
import { openParent } from '../records/parent.js';
import type { Parent, ParentRow } from '../records/parent.js';
import { changesBetween } from '../records/record-changes.js';
import { findEqualTtp, findRecordTtp, ttpsOf } from './record-ttps.queries.js';
import type { FoundTtp } from './record-ttps.queries.js';
import { tacticForeign, ttpNotFound } from './ttps.errors.js';
import type {
  CreateRecordTtp,
  RecordTtp,
  RecordTtpListQuery,
  UpdateRecordTtp,
} from './ttps.schema.js';
import { TtpsService } from './ttps.service.js';

/** What a creation answers: the technique on the record, and whether it is new there. */
export interface CreatedTtp {
  readonly ttp: RecordTtp;
  readonly isNew: boolean;
}

/** The techniques that were seen on alerts and cases. Whoever changes one holds its record, so they take turns. */
@Injectable()
export class RecordTtpsService {
  constructor(
    private readonly database: Database,
    private readonly library: TtpsService,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  /** The techniques on a record that must be there (404) and within clearance (403). */
  async list(
    principal: Principal,
    parent: Parent,
    query: RecordTtpListQuery,
  ): Promise<Page<RecordTtp>> {
    const sql = this.database.sqlFor(principal);
    await openParent(sql, principal, parent);
    return listChildren(sql, this.cursors, query, ttpsOf(parent));
  }

  async get(principal: Principal, parent: Parent, id: string): Promise<RecordTtp> {
    const sql = this.database.sqlFor(principal);
    await openParent(sql, principal, parent);
    return (await find(sql, parent, id)).ttp;
  }

  /** Names a technique on a record; one that is there with the same tactic is answered as it is. */
  async create(
    principal: Principal,
    parent: Parent,
    { ttpId, techniqueId, ...input }: CreateRecordTtp,
  ): Promise<CreatedTtp> {
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const held = await hold(sql, principal, parent);
      const technique = await this.library.resolve(
        { ...principal, transaction: tx },
        { ttpId, techniqueId },
        held.organizationId,
      );
      assertTactic(
        technique.techniqueId,
        technique.tactics.map(({ value }) => value),
        input.tactic,
      );
      const wanted = { ...input, ttpId: technique.id };
      const equalId = await findEqualTtp(sql, parent, wanted);
      if (equalId !== null) return { ttp: (await find(sql, parent, equalId)).ttp, isNew: false };
      const id = newId();
      await tx.recordTtp.create({
        data: { ...wanted, ...keyOf(parent), id, createdById: principal.userId },
      });
      const { ttp } = await find(sql, parent, id);
      await this.record(tx, principal, held, 'created', ttp, changesOf(null, ttp), {
        action: 'added',
        newValue: refOf(ttp),
      });
      return { ttp, isNew: true };
    });
  }

  async update(
    principal: Principal,
    parent: Parent,
    id: string,
    input: UpdateRecordTtp,
    precondition: Precondition,
  ): Promise<RecordTtp> {
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const held = await hold(sql, principal, parent);
      const { ttp: before, tactics } = await find(sql, parent, id);
      precondition.assertMatches(before.version);
      const wanted = { ...before, ...defined(input) };
      const changes = changesOf(before, wanted);
      if (changes.length === 0) return before;
      if (wanted.tactic !== before.tactic) {
        assertTactic(before.techniqueId, tactics, wanted.tactic);
        const equalId = await findEqualTtp(sql, parent, wanted);
        if (equalId !== null)
          throw alreadyTaken('The record has the technique with this tactic already.', equalId);
      }
      await tx.recordTtp.update({
        where: { id },
        data: { ...defined(input), version: { increment: 1 } },
      });
      const { ttp } = await find(sql, parent, id);
      await this.record(tx, principal, held, 'updated', ttp, changes, {
        action: 'updated',
        oldValue: { ...refOf(before), ...Object.fromEntries(changes.map((c) => [c.field, c.old])) },
        newValue: { ...refOf(ttp), ...Object.fromEntries(changes.map((c) => [c.field, c.new])) },
      });
      return ttp;
    });
  }

  /** Takes a technique off a record, as the owner of that. */
  async remove(
    principal: Principal,
    parent: Parent,
    id: string,
    precondition: Precondition,
  ): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const held = await hold(sql, principal, parent);
      const { ttp } = await find(sql, parent, id);
      precondition.assertMatches(ttp.version);
      assertOwner(principal, held.organizationId, 'take a technique off the record');
      await tx.recordTtp.delete({ where: { id } });
      await this.record(tx, principal, held, 'deleted', ttp, changesOf(ttp, null), {
        action: 'removed',
        oldValue: refOf(ttp),
      });
    });
  }

  private async record(
    tx: Tx,
    principal: Principal,
    { organizationId, tlp, pap, ...parent }: HeldRecord,
    verb: 'created' | 'updated' | 'deleted',
    { id }: RecordTtp,
    changes: readonly FieldChange[],
    event: ActivityEvent,
  ): Promise<void> {
    await recordActivities(tx, principal, [
      { ...keyOf(parent), ...event, fieldName: 'ttps', tlp, pap },
    ]);
    await this.audit.record(tx, principal, {
      action: `record-ttp.${verb}`,
      targetKind: 'record-ttp',
      targetId: id,
      organizationId,
      changes,
    });
  }
}

/** An alert or a case that is held until the transaction ends. */
type HeldRecord = Parent & ParentRow;

async function hold(sql: Sql, principal: Principal, parent: Parent): Promise<HeldRecord> {
  return { ...parent, ...(await openParent(sql, principal, parent, 'FOR UPDATE')) };
}

async function find(sql: Sql, parent: Parent, id: string): Promise<FoundTtp> {
  const found = await findRecordTtp(sql, parent, id);
  if (!found) throw ttpNotFound();
  return found;
}

/** @throws AppError `VALIDATION_FAILED` for a tactic that the technique does not serve. */
function assertTactic(
  techniqueId: string,
  tactics: readonly string[],
  tactic: string | null,
): void {
  if (tactic !== null && !tactics.includes(tactic)) throw tacticForeign(techniqueId, tactics);
}

function keyOf({ kind, id }: Parent) {
  return kind === 'alert' ? { alertId: id } : { caseId: id };
}

/** How a technique shows in the history of its record. */
function refOf({ id, techniqueId, tactic }: RecordTtp) {
  return { id, techniqueId, tactic };
}

const NOTHING = { techniqueId: null, tactic: null, occurredAt: null, note: '' };

/** What changes about a technique on a record that comes, stays or goes. */
function changesOf(before: RecordTtp | null, after: RecordTtp | null): FieldChange[] {
  const told = (ttp: RecordTtp | null) => {
    const { techniqueId, tactic, occurredAt, note } = ttp ?? NOTHING;
    return { techniqueId, tactic, occurredAt, note };
  };
  return changesBetween(told(before), told(after));
}
