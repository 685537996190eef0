import { AppError } from '../common/errors.js';

export function attachmentNotFound(): AppError {
  return new AppError('ATTACHMENT_NOT_FOUND', 'No such attachment.');
}

/** 409: an observable would be left without the file that it is; the id is for those who may see it. */
export function attachmentInUse(observableId: string | null): AppError {
  return new AppError(
    'IN_USE',
    'An observable is this file. Delete the observable first.',
    observableId === null ? {} : { conflictingId: observableId },
  );
}
