import { z } from 'zod';
import { newPasswordSchema } from '../auth/passwords.js';
import { roleSchema } from '../auth/scopes.js';
import { idSchema, label, papSchema, reference, text, tlpSchema } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';
import { tierSchema } from '../rate-limit/tiers.js';
import { namedSchema, userSchema } from '../records/answer.schema.js';

export const userListQuery = listQuery(['createdAt'], {});

const fields = {
  email: z
    .email()
    .max(254)
    .toLowerCase()
    .meta({ description: 'Unique without regard to case.', example: 'jo@example.org' }),
  firstName: label(100).meta({ example: 'Jo' }),
  lastName: text(100).meta({ example: 'Doe' }),
  role: roleSchema.meta({ description: 'At most your own.' }),
  organizations: z
    .array(reference(idSchema))
    .min(1)
    .max(100)
    .transform((ids) => [...new Set(ids)])
    .meta({
      description: 'The first owns what the person creates, unless the body names another.',
    }),
  teams: z
    .array(reference(idSchema))
    .max(100)
    .transform((ids) => [...new Set(ids)])
    .meta({ description: "Teams of the person's organizations." }),
  tlpMax: tlpSchema.meta({ description: 'The clearance by TLP, at most your own.', example: 3 }),
  papMax: papSchema.meta({ description: 'The clearance by PAP, at most your own.', example: 3 }),
  tierMax: tierSchema.meta({
    description:
      "The highest tier of the person's keys, at most your own: `professional` when absent, `unlimited` for administrators.",
  }),
};

export const createUserSchema = z
  .strictObject({
    ...fields,
    teams: fields.teams.default([]),
    tlpMax: fields.tlpMax.optional(),
    papMax: fields.papMax.optional(),
    tierMax: fields.tierMax.optional(),
    password: newPasswordSchema.optional(),
  })
  .meta({
    id: 'CreateUser',
    example: {
      email: 'jo@example.org',
      firstName: 'Jo',
      lastName: 'Doe',
      role: 'analyst',
      organizations: ['01900000-0000-7000-8000-000000000000'],
    },
  });

export const updateUserSchema = z
  .strictObject({
    ...fields,
    status: z.enum(['active', 'inactive']).meta({
      description: 'Nothing works for an inactive person: neither keys nor sessions.',
    }),
  })
  .partial()
  .meta({ id: 'UpdateUser', example: { role: 'team-lead', tlpMax: 3 } });

export const updateProfileSchema = z
  .strictObject({ firstName: fields.firstName, lastName: fields.lastName })
  .partial()
  .meta({ id: 'UpdateProfile', example: { firstName: 'Jo', lastName: 'Doe' } });

export const resetPasswordSchema = z
  .strictObject({
    password: newPasswordSchema.optional(),
    mustChange: z.boolean().default(true).meta({
      description: 'Whether the person must change it before doing anything else.',
    }),
  })
  .default({ mustChange: true })
  .meta({ id: 'ResetPassword', example: { mustChange: true } });

export type UserListQuery = z.output<typeof userListQuery>;
export type CreateUser = z.output<typeof createUserSchema>;
export type UpdateUser = z.output<typeof updateUserSchema>;
export type UpdateProfile = z.output<typeof updateProfileSchema>;
export type ResetPassword = z.output<typeof resetPasswordSchema>;

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

/** The only answer that ever holds a password. */
export const userWithPasswordSchema = userDetailSchema
  .extend({
    temporaryPassword: z.string().optional().meta({
      description: 'When none was sent. Shown this once: hand it over now.',
    }),
  })
  .meta({ id: 'UserWithPassword' });

export type UserWithPassword = z.output<typeof userWithPasswordSchema>;
