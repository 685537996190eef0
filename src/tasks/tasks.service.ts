import { Injectable } from '@nestjs/common';
import { assertCleared, assertOwner } from '../access/access.js';
import { ActivitiesService } from '../activities/activities.service.js';
import type { Activity, ActivityListQuery } from '../activities/activities.schema.js';
import { recordActivities } from '../activities/activity.js';
import type { ActivityEvent } from '../activities/activity.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { caseNotFound } from '../cases/cases.errors.js';
import { defined } from '../common/defined.js';
import { invalidValue } from '../common/errors.js';
import type { AppError } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { COUNT_MAX, Cursors, Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { shownOf } from '../database/page-bytes.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { openParent } from '../records/parent.js';
import type { ParentRow } from '../records/parent.js';
import { changesBetween } from '../records/record-changes.js';
import { bumpVersion } from '../records/record-writes.js';
import { ReferencesService } from '../records/references.service.js';
import { timesAfter } from './task-status.js';
import { taskNotFound } from './tasks.errors.js';
import { countOfCase, countTasks, findTask, listTasks, shiftTasks } from './tasks.queries.js';
import type { TaskFilter } from './tasks.queries.js';
import type {
  CaseTaskListQuery,
  CreateTask,
  Task,
  TaskListQuery,
  UpdateTask,
} from './tasks.schema.js';

/** The case that new tasks are for; its row must be held, or new itself. */
interface TaskCase {
  readonly id: string;
  readonly organizationId: string;
  readonly tlp: number;
}

/** What is to be done in cases. */
@Injectable()
export class TasksService {
  constructor(
    private readonly database: Database,
    private readonly references: ReferencesService,
    private readonly activities: ActivitiesService,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  list(principal: Principal, query: TaskListQuery): Promise<Page<Task>> {
    const { limit, cursor, sort, count, ...filter } = query;
    return this.page(principal, 'tasks', { limit, cursor, sort, count }, filter);
  }

  /** The tasks of a case that must be there (404) and within clearance (403), in their order. */
  async listOfCase(
    principal: Principal,
    caseId: string,
    query: CaseTaskListQuery,
  ): Promise<Page<Task>> {
    const sql = this.database.sqlFor(principal);
    await openParent(sql, principal, { kind: 'case', id: caseId, notFound: caseNotFound });
    return this.page(principal, `tasks of ${caseId}`, query, { caseId: [caseId] });
  }

  async get(principal: Principal, id: string): Promise<Task> {
    return (await this.open(principal, id)).task;
  }

  async history(principal: Principal, id: string, query: ActivityListQuery): Promise<Activity[]> {
    await this.open(principal, id);
    return this.activities.listOfTask(principal, id, query);
  }

  async create(principal: Principal, caseId: string, input: CreateTask): Promise<Task> {
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const parent = { kind: 'case', id: caseId, notFound: caseNotFound } as const;
      const held = await openParent(sql, principal, parent, 'FOR UPDATE');
      const [id = ''] = await this.add(tx, principal, { ...held, id: caseId }, [input], () => '');
      await bumpVersion(sql, 'case', caseId);
      return this.read(tx, id);
    });
  }

  /** Adds tasks to a case in the transaction that holds it; `pathOf` is what paths into the body start with. */
  async add(
    tx: Tx,
    principal: Principal,
    target: TaskCase,
    inputs: readonly CreateTask[],
    pathOf: (index: number) => string,
  ): Promise<string[]> {
    const sql = sqlIn(tx);
    const ids: string[] = [];
    let count = await countOfCase(sql, target.id);
    for (const [index, { teams, order = count, tlp = target.tlp, ...input }] of inputs.entries()) {
      assertFloor(tlp, target.tlp, pathOf(index));
      assertCleared(principal, { tlp });
      await this.references.assertExist(
        { ...principal, transaction: tx },
        { teams, assigneeId: input.assigneeId },
        target.organizationId,
        pathOf(index),
      );
      const id = newId();
      const position = Math.min(order, count);
      await shiftTasks(sql, target.id, position, count, 1);
      await tx.task.create({
        data: {
          ...defined(input),
          ...timesAfter(input.status, { startedAt: null, completedAt: null }, new Date()),
          id,
          caseId: target.id,
          organizationId: target.organizationId,
          tlp,
          position,
          createdById: principal.userId,
          teams: { create: [...new Set(teams)].map((teamId) => ({ teamId })) },
        },
      });
      await this.record(tx, principal, target, 'created', { id, title: input.title, tlp }, [], {
        action: 'added',
        fieldName: 'tasks',
        newValue: { id, title: input.title },
      });
      ids.push(id);
      count++;
    }
    return ids;
  }

  async update(
    principal: Principal,
    id: string,
    { fields, prefix }: UpdateTask,
    precondition: Precondition,
  ): Promise<Task> {
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const { task: before, held } = await this.open({ ...principal, transaction: tx }, id, {
        lock: 'FOR UPDATE',
      });
      precondition.assertMatches(before.version);
      if (fields.tlp !== undefined) assertFloor(fields.tlp, held.tlp, prefix);
      assertCleared(principal, fields);
      await this.references.assertExist(
        { ...principal, transaction: tx },
        fields,
        held.organizationId,
        prefix,
      );
      const { teams, order, ...columns } = fields;
      const times = {
        startedAt: toDate(before.startedAt),
        completedAt: toDate(before.completedAt),
      };
      await tx.task.update({
        where: { id },
        data: {
          ...defined(columns),
          ...(columns.status && timesAfter(columns.status, times, new Date())),
          ...(teams && {
            teams: { deleteMany: {}, create: [...new Set(teams)].map((teamId) => ({ teamId })) },
          }),
        },
      });
      if (order !== undefined) await this.move(tx, before, order);
      const written = await this.read(tx, id);
      const changes = changesOf(before, written);
      if (changes.length === 0) return before;
      await sql('UPDATE tasks SET version = version + 1, updated_at = now() WHERE id = $1::uuid', [
        id,
      ]);
      await bumpVersion(sql, 'case', before.caseId);
      const marked = { ...written, tlp: Math.max(before.tlp, written.tlp) };
      const owner = { id: before.caseId, organizationId: held.organizationId, tlp: held.tlp };
      await this.record(
        tx,
        principal,
        owner,
        'updated',
        marked,
        changes,
        ...changes.map((change) => ({
          action: change.field === 'status' ? ('statusChanged' as const) : ('updated' as const),
          fieldName: change.field,
          oldValue: change.old,
          newValue: change.new,
        })),
      );
      return this.read(tx, id);
    });
  }

  /** Deletes a task, as the owner of its case; those after it move up. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const { task, held } = await this.open({ ...principal, transaction: tx }, id, {
        lock: 'FOR UPDATE',
      });
      precondition.assertMatches(task.version);
      assertOwner(principal, held.organizationId, 'delete the task');
      await sql(
        'UPDATE tasks SET deleted_at = now(), updated_at = now(), version = version + 1 WHERE id = $1::uuid',
        [id],
      );
      await shiftTasks(
        sql,
        task.caseId,
        task.order + 1,
        (await countOfCase(sql, task.caseId)) + 1,
        -1,
      );
      await bumpVersion(sql, 'case', task.caseId);
      const owner = { id: task.caseId, organizationId: held.organizationId, tlp: held.tlp };
      await this.record(tx, principal, owner, 'deleted', task, [], {
        action: 'removed',
        fieldName: 'tasks',
        oldValue: { id, title: task.title },
      });
    });
  }

  private async page(
    principal: Principal,
    name: string,
    query: CaseTaskListQuery,
    filter: TaskFilter,
  ): Promise<Page<Task>> {
    const sql = this.database.sqlFor(principal);
    const bound = { ...query, ...filter };
    const after = this.cursors.decode(name, bound);
    const [found, count] = await Promise.all([
      listTasks(sql, principal, filter, { limit: query.limit, sort: query.sort, after }),
      query.count ? countTasks(sql, principal, filter, COUNT_MAX + 1) : null,
    ]);
    return Page.of(found, { limit: shownOf(found, query.limit) }, count, (last) =>
      this.cursors.encode(name, bound, [last.sort, last.task.id]),
    ).map((row) => row.task);
  }

  /** A task in a case that is there for the caller (else 404), both within clearance (else 403). */
  async open(
    principal: Principal,
    id: string,
    {
      notFound = taskNotFound,
      lock = '',
    }: { readonly notFound?: () => AppError; readonly lock?: '' | 'FOR UPDATE' } = {},
  ): Promise<{ readonly task: Task; readonly held: ParentRow }> {
    const sql = this.database.sqlFor(principal);
    const seen = await findTask(sql, id);
    if (!seen) throw notFound();
    const parent = { kind: 'case', id: seen.caseId, notFound } as const;
    const held = await openParent(sql, principal, parent, lock);
    // Whoever changes or moves a task holds its case, so only now does it stay as and where it is.
    const task = lock ? await findTask(sql, id) : seen;
    if (task?.caseId !== seen.caseId) throw notFound();
    assertCleared(principal, { tlp: task.tlp });
    return { task, held };
  }

  private async move(tx: Tx, { id, caseId, order }: Task, wanted: number): Promise<void> {
    const sql = sqlIn(tx);
    const to = Math.min(wanted, (await countOfCase(sql, caseId)) - 1);
    if (to < order) await shiftTasks(sql, caseId, to, order, 1);
    if (to > order) await shiftTasks(sql, caseId, order + 1, to + 1, -1);
    await tx.task.update({ where: { id }, data: { position: to } });
  }

  private async read(tx: Tx, id: string): Promise<Task> {
    const task = await findTask(sqlIn(tx), id);
    if (!task) throw new Error('A written task is gone.');
    return task;
  }

  private async record(
    tx: Tx,
    principal: Principal,
    target: TaskCase,
    verb: 'created' | 'updated' | 'deleted',
    task: Pick<Task, 'id' | 'title' | 'tlp'>,
    changes: readonly FieldChange[],
    ...events: readonly ActivityEvent[]
  ): Promise<void> {
    const about = { caseId: target.id, taskId: task.id, body: task.title, tlp: task.tlp };
    await recordActivities(
      tx,
      principal,
      events.map((event) => ({ ...event, ...about })),
    );
    await this.audit.record(tx, principal, {
      action: `task.${verb}`,
      targetKind: 'task',
      targetId: task.id,
      organizationId: target.organizationId,
      changes,
    });
  }
}

/** @throws AppError `VALIDATION_FAILED` when the task would be less restricted than its case (spec/behaviour.md §7). */
function assertFloor(tlp: number, caseTlp: number, prefix: string): void {
  if (tlp >= caseTlp) return;
  throw invalidValue(
    `${prefix}tlp`,
    `Must not be below the TLP of the case, ${caseTlp}.`,
    'too_small',
  );
}

function toDate(instant: string | null): Date | null {
  return instant === null ? null : new Date(instant);
}

/** What changed; the times follow from the status. */
function changesOf(before: Task, after: Task): FieldChange[] {
  const shown = ({ status, ...task }: Task) => ({ ...task, statusValue: status });
  return changesBetween(shown(before), shown(after))
    .filter(({ field }) => field !== 'startedAt' && field !== 'completedAt')
    .map((change) => (change.field === 'statusValue' ? { ...change, field: 'status' } : change));
}
