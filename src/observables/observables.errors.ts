import { AppError } from '../common/errors.js';

export function observableNotFound(): AppError {
  return new AppError('OBSERVABLE_NOT_FOUND', 'No such observable.');
}
