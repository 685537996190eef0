import { AppError } from '../common/errors.js';

export function attachmentNotFound(): AppError {
  return new AppError('ATTACHMENT_NOT_FOUND', 'No such attachment.');
}
