import { z } from 'zod';
import { idSchema, instantSchema, label, text } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';

const fields = {
  name: label(256)
    .transform((name) => name.trim())
    .meta({ description: 'Unique in the tenant without regard to case.', example: 'Acme GmbH' }),
};

export const clientListQuery = listQuery(['createdAt'], {
  q: text(256).optional().meta({ description: 'The beginning of the name.' }),
});

export const createClientSchema = z
  .strictObject(fields)
  .meta({ id: 'CreateClient', example: { name: 'Acme GmbH' } });

export const updateClientSchema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'UpdateClient', example: { name: 'Acme Holding' } });

export const deleteClientQuery = z.strictObject({
  replaceWith: idSchema
    .optional()
    .meta({ description: 'The client that alerts and cases of this one take.' }),
});

/** A customer of the SOC, whom alerts and cases name. */
export const clientSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
    version: z.int().meta({ description: 'Grows with every change; also the `ETag`.' }),
  })
  .meta({ id: 'Client' });

export type ClientListQuery = z.output<typeof clientListQuery>;
export type CreateClient = z.output<typeof createClientSchema>;
export type UpdateClient = z.output<typeof updateClientSchema>;
export type DeleteClientQuery = z.output<typeof deleteClientQuery>;
export type Client = z.output<typeof clientSchema>;
