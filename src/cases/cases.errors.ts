import { AppError } from '../common/errors.js';

export function caseNotFound(): AppError {
  return new AppError('CASE_NOT_FOUND', 'No such case.');
}
