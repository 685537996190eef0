import { z } from 'zod';
import { label, text } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';

const nameSchema = label(100).transform((name) => name.trim());
const colorSchema = z.string().regex(/^#[0-9a-f]{6}$/i, 'expected a color such as #ef4444');

/** Tags have integer ids. */
export const tagIdSchema = z
  .string()
  .regex(/^\d{1,10}$/, 'expected a whole number')
  .transform(Number)
  .pipe(z.number().int().min(1).max(2_147_483_647));

export const tagListQuery = listQuery(['createdAt'], {
  q: text(100).optional().meta({ description: 'The beginning of the name.' }),
});

export const createTagSchema = z
  .strictObject({ name: nameSchema, color: colorSchema.optional() })
  .meta({ id: 'CreateTag', example: { name: 'phishing', color: '#ef4444' } });

export const updateTagSchema = z
  .strictObject({ name: nameSchema, color: colorSchema })
  .partial()
  .meta({ id: 'UpdateTag', example: { color: '#f97316' } });

export type TagListQuery = z.output<typeof tagListQuery>;
export type CreateTag = z.output<typeof createTagSchema>;
export type UpdateTag = z.output<typeof updateTagSchema>;
