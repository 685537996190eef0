import type { Prisma } from '../generated/prisma/client.js';
import type { FieldRule } from './custom-field-values.js';
import type { CustomField } from './custom-fields.schema.js';

/** The columns of a custom field that answers show. */
export const customFieldSelect = {
  id: true,
  key: true,
  label: true,
  type: true,
  appliesTo: true,
  required: true,
  options: true,
  defaultValue: true,
  description: true,
  position: true,
  createdAt: true,
  updatedAt: true,
  version: true,
} satisfies Prisma.CustomFieldSelect;

export type CustomFieldRow = Prisma.CustomFieldGetPayload<{ select: typeof customFieldSelect }>;

export function toCustomField({ position, ...row }: CustomFieldRow): CustomField {
  return {
    ...row,
    ...toFieldRule(row),
    appliesTo: row.appliesTo as CustomField['appliesTo'],
    order: position,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

type RuleRow = Pick<CustomFieldRow, 'key' | 'type' | 'required' | 'options' | 'defaultValue'>;

/** What of a row decides over values. */
export function toFieldRule({ key, type, required, options, defaultValue }: RuleRow) {
  return {
    key,
    type: type as FieldRule['type'],
    required,
    options: options as CustomField['options'],
    defaultValue: defaultValue as CustomField['defaultValue'],
  };
}
