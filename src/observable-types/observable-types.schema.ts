import { z } from 'zod';
import { label, text } from '../common/fields.js';
import { PATTERN_CHARS_MAX, compilePattern } from '../observables/value-pattern.js';
import { tagIdSchema } from '../tags/tags.schema.js';

/** Observable types have integer ids, as tags. */
export const observableTypeIdSchema = tagIdSchema;

const nameSchema = z
  .string()
  .max(64)
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9_-]*$/, 'expected letters, digits, - and _')
  .meta({ description: 'What `dataType` refers to, without regard to case.', example: 'cve' });

const validationSchema = text(PATTERN_CHARS_MAX, 1)
  .superRefine((pattern, context) => {
    const compiled = compilePattern(pattern);
    if (typeof compiled !== 'function') context.addIssue(compiled.fault);
  })
  .nullable()
  .meta({
    description:
      'A pattern of RE2 that normalised values have as a whole, without regard to line breaks. Values that do not are taken, and their `message` says so.',
    example: 'CVE-\\d{4}-\\d{4,}',
  });

const fields = {
  name: nameSchema,
  label: label(64),
  category: label(64).meta({ description: 'What lists are grouped by.', example: 'vulnerability' }),
  isAttachment: z.boolean().meta({ description: 'Whether its observables can be files.' }),
  validation: validationSchema,
};

export const createObservableTypeSchema = z
  .strictObject({
    name: fields.name,
    label: fields.label.optional().meta({ description: 'The name when absent.' }),
    category: fields.category.default('other'),
    isAttachment: fields.isAttachment.default(false),
    validation: fields.validation.default(null),
  })
  .meta({
    id: 'CreateObservableType',
    example: { name: 'cve', label: 'CVE', validation: 'CVE-\\d{4}-\\d{4,}' },
  });

export const updateObservableTypeSchema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'UpdateObservableType', example: { label: 'CVE id' } });

export const deleteObservableTypeQuery = z.strictObject({
  replaceWith: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'The name of the type that its observables take.' }),
});

export const observableTypeSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    label: z.string(),
    category: z.string(),
    isAttachment: z.boolean(),
    validation: z.string().nullable(),
    canDelete: z.boolean(),
    version: z.int(),
  })
  .meta({ id: 'ObservableType' });

export type CreateObservableType = z.output<typeof createObservableTypeSchema>;
export type UpdateObservableType = z.output<typeof updateObservableTypeSchema>;
export type DeleteObservableTypeQuery = z.output<typeof deleteObservableTypeQuery>;
export type ObservableTypeDetail = z.output<typeof observableTypeSchema>;
