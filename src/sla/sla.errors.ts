import { AppError } from '../common/errors.js';

export function slaConfigNotFound(): AppError {
  return new AppError('SLA_CONFIG_NOT_FOUND', 'No such SLA configuration.');
}

export function slaNotSet(): AppError {
  return new AppError(
    'SLA_NOT_SET',
    'The case has no SLA. Give it a `slaConfig` or a `slaConfigId` first.',
  );
}

export function slaEnded(): AppError {
  return new AppError(
    'SLA_ENDED',
    'The case is closed, so its clock has ended. Reopen the case first.',
  );
}

export function slaPaused(): AppError {
  return new AppError('SLA_PAUSED', 'The clock of the case is paused already.');
}

export function slaNotPaused(): AppError {
  return new AppError('SLA_NOT_PAUSED', 'The clock of the case is running.');
}
