import { AppError } from '../common/errors.js';

export function attachmentNotFound(): AppError {
  return new AppError('ATTACHMENT_NOT_FOUND', 'No such attachment.');
}

/** 413: a case is no place for more than that. */
export function caseFilesFull(bytesMax: number): AppError {
  return new AppError(
    'CASE_FILES_FULL',
    `The files of a case and its tasks may take ${bytesMax} bytes together. Delete some that are no longer needed.`,
  );
}

/** 409: an observable would be left without the file that it is; the id is for those who may see it. */
export function attachmentInUse(observableId: string | null): AppError {
  return new AppError(
    'IN_USE',
    'An observable is this file. Delete the observable first.',
    observableId === null ? {} : { conflictingId: observableId },
  );
}
