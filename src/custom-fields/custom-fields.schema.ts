import { z } from 'zod';
import { idSchema, instantSchema, label, text } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';
import { FIELD_TYPES } from './custom-field-values.js';

const kindSchema = z.enum(['alert', 'case', 'task']);

export type FieldKind = z.output<typeof kindSchema>;

const keySchema = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/,
    'expected a letter, then at most 63 letters, digits, _, . or -',
  )
  .meta({ description: 'The key in `customFields`; it cannot be changed.' });

const typeSchema = z.enum(FIELD_TYPES).meta({ description: 'It cannot be changed.' });

const optionsSchema = z
  .array(label(128))
  .min(1)
  .max(200)
  .refine((options) => new Set(options).size === options.length, { error: 'must be distinct' })
  .nullable()
  .meta({
    description: 'What can be chosen: for select, multi-select and radio, and only for them.',
  });

const defaultValueSchema = z
  .union([text(1_024), z.number(), z.boolean(), z.array(text(128)).max(50), z.null()], {
    error:
      'expected text of at most 1024 characters, a number, true or false, or a list of at most 50 texts',
  })
  .meta({ description: 'What an absent key of a new record becomes; it must fit the type.' });

const fields = {
  label: label(128).meta({ description: 'What people read.' }),
  appliesTo: z
    .array(kindSchema)
    .min(1)
    .max(3)
    .transform((kinds) => [...new Set(kinds)])
    .meta({ description: 'The kinds of records that have the key.' }),
  required: z.boolean().meta({
    description: 'New alerts must have it, updates may not empty it, cases need it to be closed.',
  }),
  options: optionsSchema,
  defaultValue: defaultValueSchema,
  description: text(1000),
  order: z
    .int()
    .min(0)
    .max(10_000)
    .meta({ description: 'The place among the fields; the last when absent.' }),
};

export const customFieldListQuery = listQuery(
  ['order', 'createdAt'],
  { appliesTo: kindSchema.optional().meta({ description: 'Only fields of this kind of record.' }) },
  'order',
);

export const createCustomFieldSchema = z
  .strictObject({
    key: keySchema,
    type: typeSchema,
    ...fields,
    required: fields.required.default(false),
    options: fields.options.default(null),
    defaultValue: fields.defaultValue.default(null),
    description: fields.description.default(''),
    order: fields.order.optional(),
  })
  .meta({
    id: 'CreateCustomField',
    example: {
      key: 'business-unit',
      label: 'Business unit',
      type: 'select',
      appliesTo: ['alert', 'case'],
      options: ['Finance', 'Production', 'Sales'],
      defaultValue: 'Finance',
    },
  });

export const updateCustomFieldSchema = z
  .strictObject(fields)
  .partial()
  .meta({
    id: 'UpdateCustomField',
    example: { label: 'Unit', options: ['Finance', 'Production', 'Sales', 'Research'] },
  });

/** A declared key of `customFields`. */
export const customFieldSchema = z
  .object({
    id: idSchema,
    key: z.string(),
    label: z.string(),
    type: typeSchema,
    appliesTo: z.array(kindSchema),
    required: z.boolean(),
    options: z.array(z.string()).nullable(),
    defaultValue: z.union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.null()]),
    description: z.string(),
    order: z.int(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
    version: z.int().meta({ description: 'Grows with every change; also the `ETag`.' }),
  })
  .meta({ id: 'CustomField' });

export type CustomFieldListQuery = z.output<typeof customFieldListQuery>;
export type CreateCustomField = z.output<typeof createCustomFieldSchema>;
export type UpdateCustomField = z.output<typeof updateCustomFieldSchema>;
export type CustomField = z.output<typeof customFieldSchema>;
