import { Injectable } from '@nestjs/common';
import type { ActivityEvent } from '../activities/activity.js';
import { alertNotFound } from '../alerts/alerts.errors.js';
import type { Principal } from '../auth/principal.js';
import { caseNotFound } from '../cases/cases.errors.js';
import type { AppError } from '../common/errors.js';
import { Database } from '../database/database.service.js';
import { openParent } from '../records/parent.js';
import type { ParentRow } from '../records/parent.js';
import { taskNotFound } from './tasks.errors.js';
import { TasksService } from './tasks.service.js';

/** An alert, case or task that a comment or a file hangs on. */
export interface PlaceRef {
  readonly kind: 'alert' | 'case' | 'task';
  readonly id: string;
}

interface Child {
  readonly alertId: string | null;
  readonly caseId: string | null;
  readonly taskId: string | null;
}

/** What a comment or a file hangs on, of which it names exactly one. */
export function placeOf({ alertId, caseId, taskId }: Child): PlaceRef {
  if (alertId !== null) return { kind: 'alert', id: alertId };
  return caseId === null ? { kind: 'task', id: taskId ?? '' } : { kind: 'case', id: caseId };
}

/** Such a record, once it is open to the caller; as restricted as the stricter of a task and its case. */
export interface Place extends ParentRow {
  /** Where its history is: a task's is also its case's. */
  readonly history: Pick<ActivityEvent, 'alertId' | 'caseId' | 'taskId' | 'tlp'>;
}

interface OpenOptions {
  readonly notFound?: () => AppError;
  readonly lock?: '' | 'FOR UPDATE';
}

const NOT_FOUND = { alert: alertNotFound, case: caseNotFound, task: taskNotFound };

/** Opens alerts, cases and tasks for what hangs on any of them. */
@Injectable()
export class PlacesService {
  constructor(
    private readonly database: Database,
    private readonly tasks: TasksService,
  ) {}

  /**
   * The place, there for the caller (else 404) and within its clearance (else 403).
   *
   * With `FOR UPDATE` its record, for a task its case, is held until the principal's transaction ends.
   */
  async open(
    principal: Principal,
    { kind, id }: PlaceRef,
    { notFound = NOT_FOUND[kind], lock = '' }: OpenOptions = {},
  ): Promise<Place> {
    if (kind === 'task') {
      const { task, held } = await this.tasks.open(principal, id, { notFound, lock });
      const tlp = Math.max(task.tlp, held.tlp);
      return { ...held, tlp, history: { caseId: task.caseId, taskId: id, tlp } };
    }
    const sql = this.database.sqlFor(principal);
    const held = await openParent(sql, principal, { kind, id, notFound }, lock);
    return { ...held, history: kind === 'alert' ? { alertId: id } : { caseId: id } };
  }
}
