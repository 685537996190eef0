import { AppError } from '../common/errors.js';

export function commentNotFound(): AppError {
  return new AppError('COMMENT_NOT_FOUND', 'No such comment.');
}

/** 403: what a person said is changed by that person, or an administrator. */
export function notTheAuthor(): AppError {
  return new AppError(
    'AUTHOR_ONLY',
    'Only its author or an administrator may change or delete a comment.',
  );
}
