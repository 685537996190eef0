import { z } from 'zod';
import { newPasswordSchema } from '../auth/passwords.js';
import { instantSchema, text } from '../common/fields.js';
import { userDetailSchema } from '../users/users.schema.js';

/** A password as somebody types it, right or wrong. */
const typedPassword = text(1024).meta({ example: 'correct horse battery staple' });

export const signInSchema = z
  .strictObject({ email: text(320).meta({ example: 'jo@example.org' }), password: typedPassword })
  .meta({
    id: 'SignIn',
    example: { email: 'jo@example.org', password: 'correct horse battery staple' },
  });

export const changePasswordSchema = z
  .strictObject({ current: typedPassword, next: newPasswordSchema })
  .meta({
    id: 'ChangePassword',
    example: { current: 'correct horse battery staple', next: 'four words nobody expects' },
  });

/** A person who is signed in. */
export const sessionSchema = z
  .object({
    user: userDetailSchema,
    csrfToken: z.string().meta({ description: 'What changes must carry in `X-CSRF-Token`.' }),
    expiresAt: instantSchema.meta({
      description:
        'When the session ends unless it is used: 12 hours on, 7 days after it began at most.',
    }),
    mustChangePassword: z.boolean().meta({
      description: 'Whether nothing but `POST /api/auth/password` may be done first.',
    }),
  })
  .meta({ id: 'Session' });

export type SignIn = z.output<typeof signInSchema>;
export type ChangePassword = z.output<typeof changePasswordSchema>;
export type Session = z.output<typeof sessionSchema>;
