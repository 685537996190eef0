import { AppError } from '../common/errors.js';

export function teamNotFound(): AppError {
  return new AppError('TEAM_NOT_FOUND', 'No such team.');
}
