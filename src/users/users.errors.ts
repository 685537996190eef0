import { AppError } from '../common/errors.js';

export function userNotFound(): AppError {
  return new AppError('USER_NOT_FOUND', 'No such user.');
}
