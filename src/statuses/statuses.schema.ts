import { z } from 'zod';
import { idSchema, label } from '../common/fields.js';

export const stageSchema = z.enum(['New', 'InProgress', 'Closed']);
const colorSchema = z.string().regex(/^#[0-9a-f]{6}$/i, 'expected a color such as #3b82f6');
const valueSchema = z
  .string()
  .max(64)
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'expected lower-case words joined by hyphens');

const fields = {
  label: label(64),
  stage: stageSchema,
  value: valueSchema
    .optional()
    .meta({ description: 'What `statusValue` refers to; from the label when absent.' }),
  color: colorSchema.optional(),
  order: z.int().min(0).max(10_000).optional(),
};

export const createStatusSchema = z
  .strictObject(fields)
  .meta({ id: 'CreateStatus', example: { label: 'Waiting for customer', stage: 'InProgress' } });

export const updateStatusSchema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'UpdateStatus', example: { color: '#0ea5e9' } });

export const deleteStatusQuery = z.strictObject({
  replaceWith: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'The value that records of this status take.' }),
});

export const statusDetailSchema = z
  .object({
    id: idSchema,
    value: z.string(),
    label: z.string(),
    stage: stageSchema,
    color: z.string(),
    order: z.int(),
    canDelete: z.boolean(),
    version: z.int(),
  })
  .meta({ id: 'StatusDetail' });

export type CreateStatus = z.output<typeof createStatusSchema>;
export type UpdateStatus = z.output<typeof updateStatusSchema>;
export type DeleteStatusQuery = z.output<typeof deleteStatusQuery>;
export type StatusDetail = z.output<typeof statusDetailSchema>;
