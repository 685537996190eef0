import { AppError } from '../common/errors.js';

export function commentNotFound(): AppError {
  return new AppError('COMMENT_NOT_FOUND', 'No such comment.');
}
