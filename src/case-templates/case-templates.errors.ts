import { AppError } from '../common/errors.js';

export function caseTemplateNotFound(): AppError {
  return new AppError('CASE_TEMPLATE_NOT_FOUND', 'No such case template.');
}
