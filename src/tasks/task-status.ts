import { z } from 'zod';
import { text } from '../common/fields.js';
import { toStatusValue } from '../statuses/statuses.service.js';

/** What can be said of a task (spec/behaviour.md §7); no way from one to another is forbidden. */
export const TASK_STATUSES = [
  'open',
  'in-progress',
  'under-review',
  'completed',
  'blocked',
  'cancelled',
] as const;

export type TaskStatus = (typeof TASK_STATUSES)[number];

/** What needs no more work. */
export const DONE_STATUSES: readonly TaskStatus[] = ['completed', 'cancelled'];

/** A status word, matched like statuses of records: without regard to case, blanks and underscores as hyphens. */
export const taskStatusSchema = text(64)
  .transform(toStatusValue)
  .pipe(z.enum(TASK_STATUSES, { error: `unknown status; known are ${TASK_STATUSES.join(', ')}` }))
  .meta({ description: `One of ${TASK_STATUSES.join(', ')}.`, example: 'in-progress' });

interface TaskTimes {
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
}

/** When a task was first begun, and when it was completed, once its status is this. */
export function timesAfter(status: TaskStatus, before: TaskTimes, now: Date): TaskTimes {
  return {
    startedAt: before.startedAt ?? (status === 'open' ? null : now),
    completedAt: status === 'completed' ? (before.completedAt ?? now) : null,
  };
}
