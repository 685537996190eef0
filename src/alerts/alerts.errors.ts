import { AppError } from '../common/errors.js';

export function alertNotFound(): AppError {
  return new AppError('ALERT_NOT_FOUND', 'No such alert.');
}

/** 409 under the policy `reject`: an alert with the same type, source and sourceRef is there. */
export function alertExists(conflictingId: string): AppError {
  return new AppError(
    'ALERT_EXISTS',
    'An alert with this type, source and sourceRef is there already.',
    {
      conflictingId,
    },
  );
}

/** 409: the alert hangs on another case already, which the answer names. */
export function alertInCase(alertId: string, caseId: string): AppError {
  return new AppError('ALERT_IN_CASE', `Alert ${alertId} is in a case already.`, {
    conflictingId: caseId,
  });
}
