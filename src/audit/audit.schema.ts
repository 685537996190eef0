import { z } from 'zod';
import { idSchema, instantInput, instantSchema, text } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';

const filters = {
  actorId: idSchema.optional().meta({ description: 'The person who did it, or whose key did.' }),
  credentialId: idSchema.optional().meta({ description: 'The key or session it was done with.' }),
  action: text(100).optional().meta({ example: 'alert.updated' }),
  targetKind: text(100).optional().meta({ example: 'alert' }),
  targetId: text(100).optional(),
  requestId: text(128).optional(),
  from: instantInput.optional().meta({ description: 'From this instant on.' }),
  to: instantInput.optional().meta({ description: 'Before this instant.' }),
};

export const auditListQuery = listQuery(['at'], filters, '-at');

export const exportAuditQuery = z.strictObject({
  format: z.enum(['jsonl', 'csv']).default('jsonl').meta({
    description: '`jsonl` is an entry a line as it was sealed, which can be checked offline.',
  }),
  ...filters,
});

const hashSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .nullable();

const actorSchema = z.object({
  kind: z
    .string()
    .meta({ description: '`user`, `apiKey`, `system` or `anonymous`.', example: 'user' }),
  id: z.string().nullable().meta({ description: 'The person, also where a key did it.' }),
});

/** An entry as it is sealed: the shape of a line of the export. */
const sealedEntrySchema = z.object({
  id: idSchema,
  at: instantSchema,
  actor: actorSchema,
  credential: z
    .object({ id: idSchema })
    .nullable()
    .meta({ description: 'The key or session it was done with.' }),
  action: z.string().meta({ example: 'alert.updated' }),
  target: z.object({ kind: z.string(), id: z.string().nullable() }),
  changes: z.array(z.object({ field: z.string(), old: z.unknown(), new: z.unknown() })),
  organizationId: idSchema.nullable().meta({ description: 'Whose administrators may read it.' }),
  requestId: z.string().nullable(),
  ip: z.string().nullable(),
  seq: z.int().nullable().meta({
    description: 'The place in the chain of the organization, from 1; null until sealed.',
  }),
  hash: hashSchema.meta({
    description:
      'SHA-256, in hexadecimal, over the 32 bytes of `previousHash` and the entry without `hash`, `previousHash` and `actor.name` as canonical JSON (RFC 8785); null until sealed.',
  }),
  previousHash: hashSchema.meta({
    description:
      'The `hash` of the entry before it in the chain, zeros for the first; null until sealed.',
  }),
});

export const auditEntrySchema = sealedEntrySchema
  .extend({
    actor: actorSchema.extend({
      name: z.string().nullable().meta({ description: 'What the person is called today.' }),
    }),
  })
  .meta({ id: 'AuditEntry', description: 'Who did what to what; sealed within a second.' });

export const auditVerdictSchema = z
  .object({
    valid: z.boolean(),
    entries: z
      .int()
      .meta({ description: 'The sealed entries that were found as they were sealed.' }),
    firstBreak: z
      .object({
        id: idSchema.nullable().meta({ description: 'The entry; null where an entry is gone.' }),
        seq: z
          .int()
          .nullable()
          .meta({ description: 'Its place in its chain; null for what was never sealed.' }),
        reason: z.string().meta({ example: 'Entry 17 was changed after it was sealed.' }),
      })
      .nullable(),
  })
  .meta({ id: 'AuditVerdict' });

export type AuditListQuery = z.output<typeof auditListQuery>;
export type ExportAuditQuery = z.output<typeof exportAuditQuery>;
export type AuditFilter = Omit<ExportAuditQuery, 'format'>;
export type AuditEntry = z.output<typeof auditEntrySchema>;
export type AuditVerdict = z.output<typeof auditVerdictSchema>;

/** An entry before it is sealed: all that its hash is made of but its place. */
export type UnsealedEntry = Omit<
  z.output<typeof sealedEntrySchema>,
  'seq' | 'hash' | 'previousHash'
>;

/** An entry as it was sealed. */
export interface SealedEntry extends UnsealedEntry {
  readonly seq: number;
  readonly hash: string;
  readonly previousHash: string;
}
