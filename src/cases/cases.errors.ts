import { AppError } from '../common/errors.js';

export function caseNotFound(): AppError {
  return new AppError('CASE_NOT_FOUND', 'No such case.');
}

/** 409: what the case held went to another one, which its `primaryCaseId` names; it takes nothing more. */
export function caseMerged(conflictingId: string): AppError {
  return new AppError(
    'CASE_MERGED',
    `Case ${conflictingId} was merged into another one, which its primaryCaseId names: use that one, or open this one again.`,
    { conflictingId },
  );
}

export function caseClosed(caseId: string): AppError {
  return new AppError('CASE_CLOSED', 'The case is closed. Send ?reopen=true to open it again.', {
    conflictingId: caseId,
  });
}

export function ownersDiffer(conflictingId: string): AppError {
  return new AppError('OWNERS_DIFFER', 'Only records of one owning organization can be united.', {
    conflictingId,
  });
}
