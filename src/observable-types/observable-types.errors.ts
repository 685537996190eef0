import { AppError } from '../common/errors.js';

export function observableTypeNotFound(): AppError {
  return new AppError('OBSERVABLE_TYPE_NOT_FOUND', 'No such observable type.');
}

export function observableTypeProtected(): AppError {
  return new AppError(
    'OBSERVABLE_TYPE_PROTECTED',
    'The server relies on this type: only its label, category and validation can change.',
  );
}

export function observableTypeInUse(): AppError {
  return new AppError(
    'IN_USE',
    'Observables have this type. Send ?replaceWith=<name> to give them another.',
  );
}

/** 409: observables that are files would have no file. */
export function filesInUse(): AppError {
  return new AppError('IN_USE', 'Observables of this type are files, so it stays one of files.');
}
