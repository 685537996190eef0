import { AppError } from '../common/errors.js';

export function organizationNotFound(): AppError {
  return new AppError('ORGANIZATION_NOT_FOUND', 'No such organization.');
}

export function organizationInUse(what: string): AppError {
  return new AppError(
    'IN_USE',
    `The organization has ${what}. Delete or move them, and revoke its keys, first.`,
  );
}
