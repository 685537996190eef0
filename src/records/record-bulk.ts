import { z } from 'zod';
import type { Principal } from '../auth/principal.js';
import { AppError } from '../common/errors.js';
import { idSchema, reference } from '../common/fields.js';
import type { Database } from '../database/database.service.js';
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
  const fields = z.strictObject(shape).partial();
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

/**
 * Does the work for each record, in one transaction: one that is refused is undone by itself and
 * reported, and what fails for another reason undoes them all.
 *
 * Records are taken in one order, so that bulks over the same ones do not wait in a circle.
 */
export async function forEachRecord(
  database: Database,
  principal: Principal,
  ids: readonly string[],
  work: (principal: Principal, id: string) => Promise<unknown>,
): Promise<BulkOutcome> {
  const outcome = await database.transaction(principal, async (tx) => {
    const results = new Map<string, BulkOutcome['results'][number]>();
    const inside = { ...principal, transaction: tx };
    for (const id of [...new Set(ids)].sort()) {
      try {
        await work(inside, id);
        results.set(id, resultOf(id, null));
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        results.set(id, resultOf(id, error));
      }
    }
    return results;
  });
  return outcomeOf(ids, outcome);
}

/** What a bulk answers for a record. */
export function resultOf(id: string, error: AppError | null): BulkOutcome['results'][number] {
  if (!error) return { id, status: 200 };
  return { id, status: error.status, code: error.code, detail: error.detail };
}

/** The answer of a bulk, in the order of its ids, each once. */
export function outcomeOf(
  ids: readonly string[],
  outcome: ReadonlyMap<string, BulkOutcome['results'][number]>,
): BulkOutcome {
  const results = [...new Set(ids)].flatMap((id) => outcome.get(id) ?? []);
  const failedIds = results.filter((result) => result.status !== 200).map((result) => result.id);
  return {
    succeeded: results.length - failedIds.length,
    failedCount: failedIds.length,
    failedIds,
    results,
  };
}
