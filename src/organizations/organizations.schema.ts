import { z } from 'zod';
import { idSchema, instantSchema, label, reference, text } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';

const fields = {
  name: label(256)
    .transform((name) => name.trim())
    .meta({ description: 'Unique without regard to case.', example: 'Acme SOC' }),
  description: text(4096).meta({ example: 'The team in Vienna' }),
};

export const organizationListQuery = listQuery(['createdAt'], {
  q: text(256).optional().meta({ description: 'The beginning of the name.' }),
});

export const createOrganizationSchema = z
  .strictObject({ ...fields, description: fields.description.default('') })
  .meta({ id: 'CreateOrganization', example: { name: 'Acme SOC' } });

export const updateOrganizationSchema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'UpdateOrganization', example: { description: 'The team in Vienna' } });

export const linksSchema = z
  .strictObject({
    organizationIds: z
      .array(reference(idSchema))
      .max(1000)
      .meta({ description: 'All organizations it is to be linked with; both ways.' }),
  })
  .meta({
    id: 'OrganizationLinks',
    example: { organizationIds: ['01900000-0000-7000-8000-000000000000'] },
  });

/** A tenant. */
export const organizationSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    description: z.string().nullable().meta({
      description:
        'Null for an organization that is only linked to yours: its id and name are all you may read.',
    }),
    createdAt: instantSchema,
    updatedAt: instantSchema,
    version: z.int().meta({ description: 'Grows with every change; also the `ETag`.' }),
  })
  .meta({ id: 'Organization' });

export type OrganizationListQuery = z.output<typeof organizationListQuery>;
export type CreateOrganization = z.output<typeof createOrganizationSchema>;
export type UpdateOrganization = z.output<typeof updateOrganizationSchema>;
export type OrganizationLinks = z.output<typeof linksSchema>;
export type Organization = z.output<typeof organizationSchema>;
