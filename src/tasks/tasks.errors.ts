import { AppError } from '../common/errors.js';

export function taskNotFound(): AppError {
  return new AppError('TASK_NOT_FOUND', 'No such task.');
}

/** 409: the case cannot be closed while these mandatory tasks are to be done; null is one the caller may not see. */
export function mandatoryTasksOpen(titles: readonly (string | null)[]): AppError {
  const named = titles.map((title) => (title === null ? 'one above your clearance' : `"${title}"`));
  return new AppError(
    'MANDATORY_TASKS_OPEN',
    `Mandatory tasks are open: ${named.join(', ')}. Complete or cancel them first.`,
  );
}
