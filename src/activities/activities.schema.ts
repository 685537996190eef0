import { z } from 'zod';
import { instantSchema } from '../common/fields.js';

const pageNumber = (max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().int().min(1).max(max))
    .default(fallback);

/** History is short and read from its newest end, so it alone is paged by number. */
export const activityListQuery = z.strictObject({
  page: pageNumber(100_000, 1).meta({ description: 'The page, from 1.' }),
  limit: pageNumber(100, 20).meta({ description: 'Lines a page, at most 100.' }),
});

export type ActivityListQuery = z.output<typeof activityListQuery>;

/** A line of a record's history [C]. */
export const activitySchema = z
  .object({
    id: z.int(),
    action: z.string().meta({ example: 'statusChanged' }),
    username: z.string(),
    userImage: z.string().nullable(),
    body: z.string(),
    timeAgo: z.string(),
    fieldName: z.string().nullable(),
    createdAt: instantSchema,
    oldValue: z.unknown(),
    newValue: z.unknown(),
    actor: z.object({ kind: z.enum(['user', 'apiKey', 'system']), id: z.string().nullable() }),
  })
  .meta({ id: 'Activity' });

export type Activity = z.output<typeof activitySchema>;
