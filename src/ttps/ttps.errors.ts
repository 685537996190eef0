import { AppError, invalidValue } from '../common/errors.js';

export function ttpNotFound(): AppError {
  return new AppError('TTP_NOT_FOUND', 'No such technique.');
}

export function ttpProtected(): AppError {
  return new AppError(
    'TTP_PROTECTED',
    'Techniques of MITRE ATT&CK stay as MITRE publishes them: add one of your own beside them.',
  );
}

/** 400 for a tactic that the technique does not serve; the message lists those that it does. */
export function tacticForeign(techniqueId: string, tactics: readonly string[]): AppError {
  return invalidValue(
    'tactic',
    tactics.length > 0
      ? `must be a tactic of ${techniqueId}: ${tactics.join(', ')}`
      : `must be absent: ${techniqueId} has no tactics`,
    'unknown_tactic',
  );
}
