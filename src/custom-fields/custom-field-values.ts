import { z } from 'zod';
import { externalLinkSchema, isStorableText } from '../common/fields.js';

export const FIELD_TYPES = [
  'text',
  'text-area',
  'number',
  'date',
  'select',
  'multi-select',
  'checkbox',
  'radio',
  'url',
  'phone',
] as const;

export type FieldType = (typeof FIELD_TYPES)[number];

/** What of a custom field decides whether a value fits. */
export interface FieldRule {
  readonly key: string;
  readonly type: FieldType;
  readonly required: boolean;
  /** What can be chosen; null for types that offer no choice. */
  readonly options: readonly string[] | null;
  /** What an absent key of a new record becomes; null is nothing. */
  readonly defaultValue: unknown;
}

/** A broken rule of the value of a key. */
export interface FieldFault {
  readonly key: string;
  readonly code: 'required' | 'invalid_value';
  readonly message: string;
}

/** Which rules hold: those of a new record, of one that may still lack what is required, or of an update. */
export type FieldCheck = 'complete' | 'draft' | 'update';

const TEXT_MAX = 512;
const TEXT_AREA_MAX = 65_536;
const OPTIONS_SHOWN_MAX = 20;

const LINE_BREAK = /[\n\v\f\r\u0085\u2028\u2029]/;
const PHONE = /^\+?[0-9 ()./-]{3,32}$/;

const dateSchema = z.union([z.iso.date(), z.iso.datetime({ offset: true }).max(40)]);

/** The types whose values are among the options of the field. */
const CHOICES = new Set<FieldType>(['select', 'multi-select', 'radio']);

type Rule = (value: unknown, options: readonly string[]) => boolean;

const isText = (value: unknown, max: number): value is string =>
  typeof value === 'string' && value.length <= max && isStorableText(value);

const isOption: Rule = (value, options) => typeof value === 'string' && options.includes(value);

const RULES: Readonly<Record<FieldType, readonly [holds: Rule, message: string]>> = {
  text: [
    (value) => isText(value, TEXT_MAX) && !LINE_BREAK.test(value),
    `Must be text in one line of at most ${TEXT_MAX} characters.`,
  ],
  'text-area': [
    (value) => isText(value, TEXT_AREA_MAX),
    `Must be text of at most ${TEXT_AREA_MAX} characters.`,
  ],
  number: [(value) => Number.isFinite(value), 'Must be a number.'],
  date: [
    (value) => dateSchema.safeParse(value).success,
    'Must be a date such as 2026-01-31 or an instant such as 2026-01-31T08:00:00Z.',
  ],
  select: [isOption, 'Must be one of'],
  radio: [isOption, 'Must be one of'],
  'multi-select': [
    (value, options) =>
      Array.isArray(value) &&
      new Set(value).size === value.length &&
      value.every((each) => isOption(each, options)),
    'Must be a list, without repetition, of',
  ],
  checkbox: [(value) => typeof value === 'boolean', 'Must be true or false.'],
  url: [
    (value) => externalLinkSchema.safeParse(value).success,
    'Must be an http or https URL of at most 4096 characters.',
  ],
  phone: [
    (value) => typeof value === 'string' && PHONE.test(value),
    'Must be a phone number: 3 to 32 digits, blanks and ( ) . / -, after a + if any.',
  ],
};

/** Why a value other than null does not fit the field; null when it does. */
export function valueFault(
  field: Pick<FieldRule, 'type' | 'options'>,
  value: unknown,
): string | null {
  const options = field.options ?? [];
  const [holds, message] = RULES[field.type];
  if (holds(value, options)) return null;
  return CHOICES.has(field.type) ? `${message} ${listed(options)}.` : message;
}

/** Whether a required field may not have the value. */
export function isEmptyValue(value: unknown): boolean {
  return value === undefined || value === null || value === '' || isEmptyList(value);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** The broken rules of the values that a body brings; what no field declares is free. */
export function faultsOf(
  fields: readonly FieldRule[],
  values: Readonly<Record<string, unknown>>,
  check: FieldCheck,
): FieldFault[] {
  return fields.flatMap((field): FieldFault[] => {
    const { key } = field;
    const isBrought = Object.hasOwn(values, key);
    const value = isBrought ? values[key] : null;
    const isLeftEmpty = isBrought
      ? isEmptyValue(value)
      : check === 'complete' && field.defaultValue === null;
    if (field.required && isLeftEmpty && check !== 'draft')
      return [{ key, code: 'required', message: 'Required.' }];
    const message = value === null ? null : valueFault(field, value);
    return message === null ? [] : [{ key, code: 'invalid_value', message }];
  });
}

/** The values of a new record: an absent key takes the default of its field. */
export function withDefaults(
  fields: readonly FieldRule[],
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const defaults = fields
    .filter(({ key, defaultValue }) => defaultValue !== null && !Object.hasOwn(values, key))
    .map(({ key, defaultValue }) => [key, defaultValue] as const);
  return { ...values, ...Object.fromEntries(defaults) };
}

/** The keys that are required and empty. */
export function emptyRequired(
  fields: readonly FieldRule[],
  values: Readonly<Record<string, unknown>>,
): string[] {
  return fields
    .filter(
      ({ key, required }) => required && (!Object.hasOwn(values, key) || isEmptyValue(values[key])),
    )
    .map(({ key }) => key);
}

/** What contradicts itself in the declaration of a field. */
export function declarationFaults(
  field: Omit<FieldRule, 'key'>,
): { readonly path: 'options' | 'defaultValue'; readonly message: string }[] {
  const { type, options, defaultValue, required } = field;
  if (CHOICES.has(type) && options === null) return [{ path: 'options', message: 'Required.' }];
  if (!CHOICES.has(type) && options !== null)
    return [
      {
        path: 'options',
        message: 'Must be absent: only select, multi-select and radio have options.',
      },
    ];
  if (defaultValue === null) return [];
  const fault =
    required && isEmptyValue(defaultValue)
      ? 'Must not be empty while the field is required.'
      : valueFault(field, defaultValue);
  return fault === null ? [] : [{ path: 'defaultValue', message: fault }];
}

/** The options as a message tells them, the first of many. */
function listed(options: readonly string[]): string {
  const shown = options.slice(0, OPTIONS_SHOWN_MAX).join(', ');
  const left = options.length - OPTIONS_SHOWN_MAX;
  return left > 0 ? `${shown} and ${left} more` : shown;
}
