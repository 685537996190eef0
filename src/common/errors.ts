import { ERROR_CODES } from './error-codes.js';
import type { ErrorCode } from './error-codes.js';

/** One broken rule: where (`fields.tlp`, `alertIds[1]`), which, and what to do. */
export interface FieldError {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

export interface ErrorExtras {
  /** The broken rules of a 400. */
  readonly errors?: readonly FieldError[];
  /** The record in the way of a 409. */
  readonly conflictingId?: string;
  readonly violatedPolicies?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** An expected failure with a stable code; the filter turns it into a problem body (RFC 9457). */
export class AppError extends Error {
  override readonly name = 'AppError';

  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    readonly extras: ErrorExtras = {},
  ) {
    super(detail);
  }

  get status(): number {
    return ERROR_CODES[this.code].status;
  }
}

/** 400 for values that break a rule; the detail repeats the first so that it is never missed. */
export function validationFailed(faults: readonly FieldError[]): AppError {
  const errors = faults.map((fault) => ({ ...fault, message: toSentence(fault.message) }));
  const [first] = errors;
  const where = first?.path ? `${first.path}: ` : '';
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new AppError(
    'VALIDATION_FAILED',
    `${where}${first?.message ?? 'Invalid request.'}${more}`,
    {
      errors,
    },
  );
}

/** Rules are written as they come after a path; answers show sentences. */
function toSentence(rule: string): string {
  const sentence = rule.charAt(0).toUpperCase() + rule.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** 400 for one broken rule that no schema can say. */
export function invalidValue(path: string, message: string, code = 'custom'): AppError {
  return validationFailed([{ path, code, message }]);
}

/** 400 for ids in a body that mean nothing to the caller: missing, deleted and foreign look alike. */
export function referencesNotFound(paths: readonly string[]): AppError {
  return new AppError('REFERENCE_NOT_FOUND', `${paths.join(', ')}: no such record.`, {
    errors: paths.map((path) => ({
      path,
      code: 'reference_not_found',
      message: 'No such record.',
    })),
  });
}

/** 412 for an `If-Match` that names an older version, or none. */
export function staleVersion(
  detail = 'The record has changed since it was read. Read it again and repeat the change.',
): AppError {
  return new AppError('STALE_VERSION', detail);
}

/** 503 while the database is away; clients repeat after `Retry-After`. */
export function unavailable(detail = 'The database is not reachable right now.'): AppError {
  return new AppError('UNAVAILABLE', detail, { headers: { 'Retry-After': '2' } });
}

/** 409 for a name or key that another record has. */
export function alreadyTaken(detail: string, conflictingId?: string): AppError {
  return new AppError('CONFLICT', detail, conflictingId === undefined ? {} : { conflictingId });
}
