import { Injectable } from '@nestjs/common';
import { assertPlatformAdmin } from '../access/access.js';
import { recordActivities, toActivityRow } from '../activities/activity.js';
import { toAuditRow } from '../audit/audit-entry.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { invalidValue } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { orAlreadyTaken } from '../common/unique.js';
import { ChangeFeed } from '../database/change-feed.js';
import { isForeignKeyViolation } from '../database/database-errors.js';
import { Database } from '../database/database.service.js';
import type { LotLock } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { toActivities } from '../records/record-changes.js';
import { moveLot } from '../records/record-moves.js';
import { settleClocks } from '../sla/sla.queries.js';
import { stageInUse, statusInUse, statusNotFound, statusProtected } from './statuses.errors.js';
import type { CreateStatus, StatusDetail, UpdateStatus } from './statuses.schema.js';
import { StatusesService, toStatusValue } from './statuses.service.js';
import type { Status, StatusKind } from './statuses.service.js';

const DEFAULT_COLOR = '#64748b';

/** Administration of statuses, which belong to the whole instance. */
@Injectable()
export class StatusAdminService {
  constructor(
    private readonly database: Database,
    private readonly statuses: StatusesService,
    private readonly changes: ChangeFeed,
    private readonly audit: AuditService,
  ) {}

  /** All statuses of a kind, in the order people see them. */
  async list(principal: Principal, kind: StatusKind): Promise<StatusDetail[]> {
    return [...(await this.statuses.list(principal, kind)).values()].map(toStatusDetail);
  }

  async get(principal: Principal, kind: StatusKind, id: string): Promise<StatusDetail> {
    const status = (await this.list(principal, kind)).find((each) => each.id === id);
    if (!status) throw statusNotFound();
    return status;
  }

  async create(principal: Principal, kind: StatusKind, input: CreateStatus): Promise<StatusDetail> {
    assertPlatformAdmin(principal);
    const value = input.value ?? valueOfLabel(input.label);
    const status = await this.write(principal, kind, value, () =>
      this.database.transaction(principal, async (tx) => {
        const last = await tx.status.aggregate({ where: { kind }, _max: { position: true } });
        const row = await tx.status.create({
          data: {
            id: newId(),
            kind,
            value,
            label: input.label,
            stage: input.stage,
            color: input.color ?? DEFAULT_COLOR,
            position: input.order ?? (last._max.position ?? -1) + 1,
          },
        });
        await this.announce(tx, principal, 'status.created', row.id, [
          { field: 'value', old: null, new: value },
        ]);
        return row as Status;
      }),
    );
    return toStatusDetail(status);
  }

  /** Changes a status; one the server relies on keeps its value and stage. */
  async update(
    principal: Principal,
    kind: StatusKind,
    id: string,
    { order, ...input }: UpdateStatus,
    precondition: Precondition,
  ): Promise<StatusDetail> {
    assertPlatformAdmin(principal);
    const status = await this.write(principal, kind, input.value ?? '', () =>
      this.database.transaction(principal, async (tx) => {
        const before = await this.lock(tx, kind, id);
        precondition.assertMatches(before.version);
        const moves =
          (input.value ?? before.value) !== before.value ||
          (input.stage ?? before.stage) !== before.stage;
        if (!before.canDelete && moves) throw statusProtected();
        if ((input.stage ?? before.stage) !== before.stage && (await isUsed(tx, kind, id))) {
          throw stageInUse();
        }
        const data = Object.fromEntries(
          Object.entries({ ...input, position: order }).filter(([, value]) => value !== undefined),
        );
        const row = await tx.status.update({
          where: { id },
          data: { ...data, version: { increment: 1 } },
        });
        const changes = Object.entries(data).map(([field, value]) => ({
          field: field === 'position' ? 'order' : field,
          old: before[field as keyof Status],
          new: value,
        }));
        await this.announce(tx, principal, 'status.updated', id, changes);
        return row as Status;
      }),
    );
    return toStatusDetail(status);
  }

  /** Deletes a status; records that have it take the one named by `replaceWith` first, a lot at a time. */
  async remove(
    principal: Principal,
    kind: StatusKind,
    id: string,
    replaceWith: string | undefined,
    precondition: Precondition,
  ): Promise<void> {
    assertPlatformAdmin(principal);
    await this.database.inLots(principal, async (tx, lock) => {
      const status = await this.lock(tx, kind, id, lock);
      precondition.assertMatches(status.version);
      if (!status.canDelete) throw statusProtected();
      const successor =
        replaceWith === undefined ? null : await this.successorOf(tx, kind, status, replaceWith);
      if (successor && (await this.moveLot(tx, principal, kind, status, successor))) return true;
      if (lock === 'UPDATE') {
        await tx.status.delete({ where: { id } }).catch((error: unknown) => {
          throw isForeignKeyViolation(error) ? statusInUse() : error;
        });
        await this.announce(tx, principal, 'status.deleted', id, [
          { field: 'value', old: status.value, new: successor?.value ?? null },
        ]);
      }
      return false;
    });
  }

  private async successorOf(
    tx: Tx,
    kind: StatusKind,
    status: Status,
    replaceWith: string,
  ): Promise<Status> {
    const to = await this.statuses.resolve({ transaction: tx }, kind, replaceWith, 'replaceWith');
    if (to.id === status.id) throw invalidValue('replaceWith', 'must name another status');
    return to;
  }

  /**
   * Gives a lot of the records of a status another one, with a line in the history and an audit entry of each; answers
   * whether there may be others.
   */
  private async moveLot(
    tx: Tx,
    principal: Principal,
    kind: StatusKind,
    from: Status,
    to: Status,
  ): Promise<boolean> {
    const line = toActivityRow(principal, {
      action: 'statusChanged',
      fieldName: 'statusValue',
      oldValue: from.value,
      newValue: to.value,
    });
    const { ids, hasMore } = await moveLot(
      sqlIn(tx),
      kind,
      {
        set: `status_id = $2::uuid,
          in_progress_at = CASE WHEN $3 = 'InProgress' THEN coalesce(in_progress_at, now()) ELSE in_progress_at END,
          closed_at = CASE WHEN $3 = 'Closed' THEN coalesce(closed_at, now()) ELSE closed_at END`,
        where: 'r.status_id = $1::uuid',
        order: 'r.organization_id, r.created_at, r.id',
        values: [from.id, to.id, to.stage],
      },
      line,
      toAuditRow(principal, {
        action: `${kind}.updated`,
        targetKind: kind,
        targetId: null,
        changes: [{ field: 'statusValue', old: from.value, new: to.value }],
      }),
    );
    if (kind === 'case' && to.stage !== from.stage) {
      const clocks = await settleClocks(sqlIn(tx), ids);
      await recordActivities(
        tx,
        principal,
        clocks.flatMap(({ id, changes, ...marking }) =>
          toActivities({ caseId: id }, changes, marking),
        ),
      );
      await this.audit.record(
        tx,
        principal,
        ...clocks
          .filter(({ changes }) => changes.length > 0)
          .map(({ id, organizationId, changes }) => ({
            action: 'case.updated',
            targetKind: 'case',
            targetId: id,
            organizationId,
            changes,
          })),
      );
    }
    return hasMore;
  }

  private async lock(
    tx: Tx,
    kind: StatusKind,
    id: string,
    strength: LotLock = 'UPDATE',
  ): Promise<Status> {
    await sqlIn(tx)(`SELECT id FROM statuses WHERE id = $1::uuid FOR ${strength}`, [id]);
    const row = await tx.status.findFirst({ where: { id, kind } });
    if (!row) throw statusNotFound();
    return row as Status;
  }

  /** Runs a write that may meet another status with the same value. */
  private write(
    principal: Principal,
    kind: StatusKind,
    value: string,
    work: () => Promise<Status>,
  ): Promise<Status> {
    return orAlreadyTaken(work, `A status with the value ${value} is there already.`, () =>
      this.database
        .prismaFor(principal)
        .status.findFirst({ where: { kind, value }, select: { id: true } }),
    );
  }

  private async announce(
    tx: Tx,
    principal: Principal,
    action: string,
    targetId: string,
    changes: readonly FieldChange[],
  ): Promise<void> {
    await this.audit.record(tx, principal, {
      action,
      targetKind: 'status',
      targetId,
      organizationId: null,
      changes,
    });
    await this.changes.announce(tx, 'settings');
  }
}

/** `Waiting for customer` → `waiting-for-customer`. */
function valueOfLabel(label: string): string {
  const value = toStatusValue(label)
    .replace(/[^a-z0-9-]/g, '')
    .replace(/-{2,}/g, '-')
    .replace(/^-|-$/g, '');
  if (value !== '') return value;
  throw invalidValue(
    'label',
    'has no letters a to z or digits to make a value of; send `value` too',
  );
}

function toStatusDetail(status: Status): StatusDetail {
  const { id, value, label, stage, color, position, canDelete, version } = status;
  return { id, value, label, stage, color, order: position, canDelete, version };
}

/** Whether a record has the status. */
async function isUsed(tx: Tx, kind: StatusKind, statusId: string): Promise<boolean> {
  const where = { statusId, deletedAt: null };
  const found =
    kind === 'alert' ? await tx.alert.findFirst({ where }) : await tx.case.findFirst({ where });
  return found !== null;
}
