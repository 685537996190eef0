import { z } from 'zod';
import { AppError } from '../common/errors.js';
import { idSchema, reference } from '../common/fields.js';
import { tagsSchema } from './record.schema.js';

const IDS_MAX = 1000;

const idsSchema = z
  .array(reference(idSchema))
  .min(1)
  .max(IDS_MAX)
  .meta({ description: 'One to a thousand records.' });

const IDS = ['01900000-0000-7000-8000-000000000000'];

/** `{ ids, fields }` with the fields of an update; `updates` stands for `fields`, tags can be added and removed. */
export function bulkUpdateBody<S extends z.ZodRawShape>(id: string, shape: S, example: object) {
  const fields = z.object(shape).partial();
  type Fields = z.output<typeof fields>;
  return z
    .strictObject({
      ids: idsSchema,
      fields: fields.optional(),
      updates: fields.optional().meta({ description: 'The same as `fields`.' }),
      tagsToAdd: tagsSchema.optional(),
      tagsToRemove: tagsSchema.optional(),
    })
    .refine((body) => body.fields === undefined || body.updates === undefined, {
      path: ['updates'],
      error: 'send either fields or updates',
    })
    .refine((body) => body.fields ?? body.updates ?? body.tagsToAdd ?? body.tagsToRemove, {
      path: ['fields'],
      error: 'nothing to change: send fields, tagsToAdd or tagsToRemove',
    })
    .transform(({ ids, fields: wanted, updates, tagsToAdd, tagsToRemove }) => ({
      ids,
      fields: { ...((wanted ?? updates ?? {}) as Fields), tagsToAdd, tagsToRemove },
      prefix: wanted ? ('fields.' as const) : ('updates.' as const),
    }))
    .meta({ id, example: { ids: IDS, fields: example } });
}

export const bulkDeleteBody = z
  .strictObject({ ids: idsSchema })
  .meta({ id: 'BulkDelete', example: { ids: IDS } });

export type BulkDelete = z.output<typeof bulkDeleteBody>;

const itemSchema = z.object({
  id: z.string(),
  status: z.int().meta({ description: 'As an HTTP status; 200 for what succeeded.' }),
  code: z.string().optional(),
  detail: z.string().optional(),
});

const outcome = {
  failedCount: z.int(),
  failedIds: z.array(z.string()),
  results: z.array(itemSchema),
};

export const bulkUpdatedSchema = z
  .object({ updatedCount: z.int(), ...outcome })
  .meta({ id: 'BulkUpdated' });
export const bulkDeletedSchema = z
  .object({ deletedCount: z.int(), ...outcome })
  .meta({ id: 'BulkDeleted' });

export type BulkUpdated = z.output<typeof bulkUpdatedSchema>;
export type BulkDeleted = z.output<typeof bulkDeletedSchema>;

export interface BulkOutcome {
  readonly succeeded: number;
  readonly failedCount: number;
  readonly failedIds: string[];
  readonly results: z.output<typeof itemSchema>[];
}

/** Does the work for each record by itself: one that fails is reported and does not hold up the others. */
export async function forEachRecord(
  ids: readonly string[],
  work: (id: string) => Promise<unknown>,
): Promise<BulkOutcome> {
  const results: BulkOutcome['results'] = [];
  for (const id of new Set(ids)) {
    try {
      await work(id);
      results.push({ id, status: 200 });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      results.push({ id, status: error.status, code: error.code, detail: error.detail });
    }
  }
  const failedIds = results.filter((result) => result.status !== 200).map((result) => result.id);
  return {
    succeeded: results.length - failedIds.length,
    failedCount: failedIds.length,
    failedIds,
    results,
  };
}
