import { AppError } from '../common/errors.js';

export function customFieldNotFound(): AppError {
  return new AppError('CUSTOM_FIELD_NOT_FOUND', 'No such custom field.');
}

/** 409: the case lacks what it needs to be closed. */
export function requiredFieldsEmpty(keys: readonly string[]): AppError {
  return new AppError(
    'REQUIRED_FIELDS_EMPTY',
    `The case cannot be closed while these custom fields are empty: ${keys.join(', ')}.`,
  );
}

/** 409: the tenant declares as many fields as it may. */
export function tooManyFields(max: number): AppError {
  return new AppError(
    'CONFLICT',
    `An organization declares at most ${max} custom fields. Delete one first.`,
  );
}
