import { AppError } from '../common/errors.js';

export function statusNotFound(): AppError {
  return new AppError('STATUS_NOT_FOUND', 'No such status.');
}

export function statusProtected(): AppError {
  return new AppError(
    'STATUS_PROTECTED',
    'The server relies on this status: only its label, color and order can change.',
  );
}

export function statusInUse(): AppError {
  return new AppError(
    'IN_USE',
    'Records have this status. Send ?replaceWith=<value> to move them.',
  );
}

/** 409: with the stage, records would be opened or closed that nobody opened or closed. */
export function stageInUse(): AppError {
  return new AppError(
    'IN_USE',
    'Records have this status, so its stage stays. Create another status, and delete this one with ?replaceWith=<value>.',
  );
}
