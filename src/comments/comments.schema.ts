import { z } from 'zod';
import { idSchema, label } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';
import { userSchema } from '../records/answer.schema.js';

const bodySchema = label(30_000).meta({
  description:
    'Markdown, kept as it is; `@user@example.org` mentions a person of your organizations.',
  example: 'Host isolated. @analyst@example.org please take the image.',
});

const EXAMPLE = { body: 'Host isolated. @analyst@example.org please take the image.' };

export const createCommentSchema = z
  .strictObject({
    body: bodySchema,
    parentId: idSchema
      .nullable()
      .optional()
      .meta({ description: 'The comment of the same record that this answers.' }),
  })
  .meta({ id: 'CreateComment', example: EXAMPLE });

export const updateCommentSchema = z
  .strictObject({ body: bodySchema })
  .meta({ id: 'UpdateComment', example: EXAMPLE });

export const commentSchema = z
  .object({
    id: idSchema,
    alertId: z.string().nullable(),
    caseId: z.string().nullable(),
    taskId: z.string().nullable(),
    parentId: z.string().nullable(),
    body: z.string(),
    mentions: z.array(userSchema),
    createdBy: userSchema,
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    editedAt: z.iso.datetime().nullable(),
    version: z.int(),
  })
  .meta({ id: 'Comment' });

export const commentListQuery = listQuery(['createdAt'], {});

export type CreateComment = z.output<typeof createCommentSchema>;
export type UpdateComment = z.output<typeof updateCommentSchema>;
export type Comment = z.output<typeof commentSchema>;
export type CommentListQuery = z.output<typeof commentListQuery>;
