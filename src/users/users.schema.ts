import { z } from 'zod';
import { roleSchema } from '../auth/scopes.js';
import { listQuery } from '../common/pagination.js';
import { tierSchema } from '../rate-limit/tiers.js';
import { namedSchema, userSchema } from '../records/answer.schema.js';

export const userListQuery = listQuery(['createdAt'], {});

export type UserListQuery = z.output<typeof userListQuery>;

/** A person with what bounds the keys of that person. */
export const userDetailSchema = userSchema
  .extend({
    role: roleSchema,
    organizations: z.array(namedSchema),
    teams: z.array(namedSchema),
    tlpMax: z.int(),
    papMax: z.int(),
    tierMax: tierSchema,
    lastSeenAt: z.iso.datetime().nullable(),
    version: z.int(),
  })
  .meta({ id: 'UserDetail' });

export type UserDetail = z.output<typeof userDetailSchema>;
