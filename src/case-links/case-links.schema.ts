import { z } from 'zod';
import { idSchema, label, reference } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';

export const createCaseLinkSchema = z
  .strictObject({
    caseId: reference(idSchema).meta({ description: 'The other case.' }),
    kind: label(64)
      .default('related')
      .meta({ description: 'What they have to do with each other.', example: 'related' }),
  })
  .meta({
    id: 'CreateCaseLink',
    example: { caseId: '01900000-0000-7000-8000-000000000000', kind: 'same campaign' },
  });

export type CreateCaseLink = z.output<typeof createCaseLinkSchema>;

/** A case that another one is linked with, as that one shows it. */
export const caseLinkSchema = z
  .object({
    caseId: idSchema,
    tinyId: z.int(),
    title: z.string(),
    statusValue: z.string(),
    kind: z.string(),
    createdAt: z.iso.datetime().meta({ description: 'When they were linked.' }),
  })
  .meta({ id: 'CaseLink' });

export type CaseLink = z.output<typeof caseLinkSchema>;

export const caseLinkListQuery = listQuery(['createdAt'], {});

export type CaseLinkListQuery = z.output<typeof caseLinkListQuery>;
