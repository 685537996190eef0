import { z } from 'zod';
import { idSchema, queryBoolean } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';

/** A file on an alert, a case or a task, without its content. */
export const attachmentSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    size: z.int().meta({ description: 'Bytes.' }),
    contentType: z.string().meta({ description: 'As sent; downloads never use it.' }),
    sha256: z.string(),
    sha1: z.string(),
    md5: z.string(),
    alertId: z.string().nullable(),
    caseId: z.string().nullable(),
    taskId: z.string().nullable(),
    createdById: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Attachment' });

export type Attachment = z.output<typeof attachmentSchema>;

export const attachmentListQuery = listQuery(['createdAt'], {});

export const downloadQuery = z.strictObject({
  zip: queryBoolean.default(false).meta({
    description: 'Whether to answer an encrypted zip of the file, with the password `infected`.',
  }),
});

export type DownloadQuery = z.output<typeof downloadQuery>;
export type AttachmentListQuery = z.output<typeof attachmentListQuery>;
