import { z } from 'zod';
import {
  externalLinkSchema,
  idSchema,
  instantSchema,
  label,
  pastInstant,
  text,
} from '../common/fields.js';
import { listQuery } from '../common/pagination.js';
import { values } from '../records/record-filter.js';
import { TACTICS, isAttackId, tacticSchema, techniqueIdSchema } from './technique.js';

const versionSchema = z.int().meta({ description: 'Grows with every change; also the `ETag`.' });

// ── The library ─────────────────────────────────────────────────────────────

export const ttpListQuery = listQuery(
  ['techniqueId', 'name', 'createdAt'],
  {
    q: text(100)
      .optional()
      .meta({ description: 'The beginning of the id, or a part of the name.' }),
    techniqueId: values(techniqueIdSchema)
      .optional()
      .meta({ description: 'Ids, also such as ATT&CK has replaced.', example: ['T1566'] }),
    parentTechniqueId: values(z.union([z.literal('none'), techniqueIdSchema]))
      .optional()
      .meta({
        description:
          'Only kinds of these techniques; `none` for those that are no kind of another.',
      }),
    tactic: values(tacticSchema).optional(),
    source: z.enum(['mitre-attack', 'custom']).optional(),
  },
  'techniqueId',
);

const fields = {
  name: label(256).transform((name) => name.trim()),
  tactics: z
    .array(tacticSchema)
    .max(TACTICS.length)
    .transform((tactics) => [...new Set(tactics)])
    .meta({ description: 'The tactics it serves, by value, name or id.' }),
  parentTechniqueId: techniqueIdSchema
    .nullable()
    .meta({ description: 'The technique of ATT&CK that it is a kind of.' }),
  url: externalLinkSchema.nullable().meta({ description: 'Where it is described.' }),
};

export const createTtpSchema = z
  .strictObject({
    techniqueId: techniqueIdSchema
      .refine((id) => !isAttackId(id), { error: 'ids such as T1566.001 are those of ATT&CK' })
      .meta({ description: 'Unique in the tenant, kept in capitals; it cannot be changed.' }),
    ...fields,
    tactics: fields.tactics.default([]),
    parentTechniqueId: fields.parentTechniqueId.default(null),
    url: fields.url.default(null),
  })
  .meta({
    id: 'CreateTtp',
    example: {
      techniqueId: 'X0001',
      name: 'Phishing for our VPN portal',
      tactics: ['initial-access'],
      parentTechniqueId: 'T1566',
    },
  });

export const updateTtpSchema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'UpdateTtp', example: { tactics: ['initial-access', 'TA0006'] } });

/** A technique that records can name. */
export const ttpSchema = z
  .object({
    id: idSchema,
    techniqueId: z.string(),
    name: z.string(),
    tactics: z
      .array(z.object({ id: z.string(), value: z.string(), name: z.string() }))
      .meta({ description: 'In the order of the matrix.' }),
    parentTechniqueId: z.string().nullable(),
    formerIds: z
      .array(z.string())
      .meta({ description: 'Ids that ATT&CK has replaced by this one; they still name it.' }),
    source: z
      .enum(['mitre-attack', 'custom'])
      .meta({ description: '`custom` is what your organization added.' }),
    url: z.string().nullable(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
    version: versionSchema,
  })
  .meta({ id: 'Ttp' });

export type TtpListQuery = z.output<typeof ttpListQuery>;
export type CreateTtp = z.output<typeof createTtpSchema>;
export type UpdateTtp = z.output<typeof updateTtpSchema>;
export type Ttp = z.output<typeof ttpSchema>;

// ── On alerts and cases ─────────────────────────────────────────────────────

export const NOTE_MAX = 4096;

const seen = {
  tactic: tacticSchema.nullable().meta({ description: 'What it served: one of its tactics.' }),
  occurredAt: pastInstant.nullable().meta({ description: 'When it was seen; not in the future.' }),
  note: text(NOTE_MAX).meta({ description: 'Markdown.' }),
};

export const recordTtpListQuery = listQuery(['createdAt'], {});

export const createRecordTtpSchema = z
  .strictObject({
    ttpId: idSchema.optional().meta({ description: 'The `id` of a technique in `/ttps`.' }),
    techniqueId: techniqueIdSchema.optional(),
    tactic: seen.tactic.default(null),
    occurredAt: seen.occurredAt.default(null),
    note: seen.note.default(''),
  })
  .refine((body) => body.ttpId !== undefined || body.techniqueId !== undefined, {
    path: ['techniqueId'],
    error: 'send techniqueId or ttpId',
  })
  .meta({
    id: 'CreateRecordTtp',
    example: {
      techniqueId: 'T1566.001',
      tactic: 'initial-access',
      occurredAt: '2026-01-31T08:00:00Z',
      note: 'Came with the **invoice**.',
    },
  });

export const updateRecordTtpSchema = z
  .strictObject(seen)
  .partial()
  .meta({ id: 'UpdateRecordTtp', example: { note: 'Blocked by the gateway.' } });

/** A technique that was seen on an alert or a case. */
export const recordTtpSchema = z
  .object({
    id: idSchema,
    alertId: z.string().nullable(),
    caseId: z.string().nullable(),
    ttpId: z.string(),
    techniqueId: z.string(),
    name: z.string(),
    tactic: z.string().nullable(),
    occurredAt: instantSchema.nullable(),
    note: z.string(),
    createdById: z.string(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
    version: versionSchema,
  })
  .meta({ id: 'RecordTtp' });

export type RecordTtpListQuery = z.output<typeof recordTtpListQuery>;
export type CreateRecordTtp = z.output<typeof createRecordTtpSchema>;
export type UpdateRecordTtp = z.output<typeof updateRecordTtpSchema>;
export type RecordTtp = z.output<typeof recordTtpSchema>;
