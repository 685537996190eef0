import { z } from 'zod';
import { idSchema, instantInput, instantSchema, label, text } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';

const fields = {
  title: label(512).meta({ description: 'What happened, in a line.', example: 'Power was cut' }),
  occurredAt: instantInput.meta({ description: 'When it happened, which may be long ago.' }),
  description: text(30_000).nullable().meta({ description: 'Markdown.' }),
};

const EXAMPLE = { title: 'Power was cut', occurredAt: '2026-01-31T11:40:00Z' };

export const createTimelineEventSchema = z
  .strictObject({ ...fields, description: fields.description.optional() })
  .meta({ id: 'CreateTimelineEvent', example: EXAMPLE });

export const updateTimelineEventSchema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'UpdateTimelineEvent', example: { occurredAt: EXAMPLE.occurredAt } });

export const timelineEventSchema = z
  .object({
    id: idSchema,
    kind: z.enum(['automatic', 'manual']).meta({
      description:
        '`automatic` for what the server recorded: the history of the case, as far as it is worth telling. `manual` for what was entered by hand.',
    }),
    title: z.string().meta({ example: 'Status changed from new to in-progress' }),
    description: z.string().nullable(),
    occurredAt: instantSchema,
    actor: z.object({
      kind: z.enum(['user', 'apiKey', 'system']),
      id: z.string().nullable(),
      name: z.string().meta({ example: 'Ada Byron' }),
    }),
    version: z.int().meta({ description: 'Grows with every change; also the `ETag`.' }),
  })
  .meta({ id: 'TimelineEvent' });

export const timelineQuery = listQuery(['occurredAt'], {}, '-occurredAt');

export type CreateTimelineEvent = z.output<typeof createTimelineEventSchema>;
export type UpdateTimelineEvent = z.output<typeof updateTimelineEventSchema>;
export type TimelineEvent = z.output<typeof timelineEventSchema>;
export type TimelineQuery = z.output<typeof timelineQuery>;
