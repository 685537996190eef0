import { AppError } from '../common/errors.js';

export function alertNotFound(): AppError {
  return new AppError('ALERT_NOT_FOUND', 'No such alert.');
}
