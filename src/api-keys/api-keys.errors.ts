import { AppError } from '../common/errors.js';

export function apiKeyNotFound(): AppError {
  return new AppError('API_KEY_NOT_FOUND', 'No such API key.');
}

export function keyExceedsCreator(what: string): AppError {
  return new AppError('KEY_EXCEEDS_CREATOR', `The key would exceed its creator or owner: ${what}.`);
}

export function keyState(detail: string): AppError {
  return new AppError('API_KEY_STATE', detail);
}
