import { z } from 'zod';
import { idSchema } from '../common/fields.js';

/** A related record in short. */
export const similarRecordSchema = z.object({
  id: idSchema,
  tinyId: z.int(),
  title: z.string(),
  severity: z.int(),
  statusValue: z.string(),
  createdAt: z.iso.datetime(),
});

export type SimilarRecord = z.output<typeof similarRecordSchema>;

/** How much a record is related to another, and why. */
export const relationFields = {
  score: z.int().meta({
    description:
      '0 to 100: shared observables up to 55, title 25, source 8, nearness in time 8, type 4.',
  }),
  band: z
    .enum(['high', 'potential', 'weak'])
    .meta({ description: '`high` from 70, `potential` from 40.' }),
  signals: z.object({
    observables: z.int().meta({ description: 'Observables of equal type and value.' }),
    title: z.number().meta({ description: 'How alike the titles are, 0 to 1.' }),
    source: z.boolean(),
    type: z.boolean(),
    timeProximityHours: z.number().meta({ description: 'Hours between the creations.' }),
  }),
};
