import { AppError } from '../common/errors.js';

export function clientNotFound(): AppError {
  return new AppError('CLIENT_NOT_FOUND', 'No such client.');
}

export function clientInUse(): AppError {
  return new AppError(
    'IN_USE',
    'Alerts or cases name this client. Send ?replaceWith=<id of another> to move them.',
  );
}
