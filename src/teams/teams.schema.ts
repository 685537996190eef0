import { z } from 'zod';
import { idSchema, instantSchema, label, reference, text } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';

const fields = {
  name: label(256)
    .transform((name) => name.trim())
    .meta({ description: 'Unique in the organization without regard to case.', example: 'Tier 2' }),
};

export const teamListQuery = listQuery(['createdAt'], {
  organizationId: idSchema.optional(),
  q: text(256).optional().meta({ description: 'The beginning of the name.' }),
});

export const createTeamSchema = z
  .strictObject({
    ...fields,
    organizationId: reference(idSchema)
      .optional()
      .meta({ description: 'The organization it belongs to; your own when absent.' }),
  })
  .meta({ id: 'CreateTeam', example: { name: 'Tier 2' } });

export const updateTeamSchema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'UpdateTeam', example: { name: 'Tier 3' } });

/** A team of an organization. */
export const teamSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    organizationId: z.string(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
    version: z.int().meta({ description: 'Grows with every change; also the `ETag`.' }),
  })
  .meta({ id: 'Team' });

export type TeamListQuery = z.output<typeof teamListQuery>;
export type CreateTeam = z.output<typeof createTeamSchema>;
export type UpdateTeam = z.output<typeof updateTeamSchema>;
export type Team = z.output<typeof teamSchema>;
