import { AppError } from '../common/errors.js';

/** The same for every reason, so that nobody learns who has an account. */
export function signInFailed(): AppError {
  return new AppError('SIGN_IN_FAILED', 'The e-mail address or the password is not right.', {
    headers: { 'WWW-Authenticate': 'Bearer realm="casebender"' },
  });
}

export function tooManyFailures(retryAfterSeconds: number): AppError {
  return new AppError(
    'TOO_MANY_AUTH_FAILURES',
    `Too many wrong passwords. Try again in ${retryAfterSeconds} s.`,
    { headers: { 'Retry-After': String(retryAfterSeconds) } },
  );
}
