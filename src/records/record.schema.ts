import { z } from 'zod';
import type { SortType } from '../access/visible-list.js';
import {
  externalLinkSchema,
  idSchema,
  instantInput,
  jsonObjectSchema,
  label,
  papSchema,
  reference,
  severitySchema,
  text,
  tlpSchema,
} from '../common/fields.js';

/** What deletions say that change many records first (`Database.inLots`). */
export const CHANGES_MANY =
  'Fewer than 1,000 are changed together with the deletion, or none. Where there are more they are changed 1,000 at a time, which takes minutes for hundreds of thousands, and what is changed stays changed, also where an error or a timeout ends it midway: send the same request again to finish; 404 then says that it is done.';

/** The tag an input means: one that exists by id, or one by name that is found or created. */
export type TagInput = number | { readonly name: string };

const tagNameSchema = label(100).transform((name) => name.trim());

const tagSchema = z
  .union(
    [
      z.int().positive(),
      tagNameSchema,
      z.object({ id: z.int().positive() }),
      z.object({ name: tagNameSchema }),
    ],
    { error: 'expected a tag id, a name, { "id": … } or { "name": … }' },
  )
  .transform((tag): TagInput => {
    if (typeof tag === 'string') return { name: tag };
    return typeof tag === 'object' && 'id' in tag ? tag.id : tag;
  });

/** An optional text that clients also send empty, which counts as not given. */
function nullableText(max: number) {
  return text(max)
    .nullable()
    .transform((value) => (value === '' ? null : value));
}

/** An observable inside an alert or case; nothing of it is refused over its type or format. */
export const nestedObservableSchema = z
  .object({
    dataType: label(64).meta({
      description: 'The type of the observable; an unknown one becomes `other`.',
      example: 'ip',
    }),
    data: text(16_384).default('').meta({ example: '10.1.2.3' }),
    attachment: text(255)
      .nullable()
      .optional()
      .meta({ description: 'The name of the uploaded file, for `file`.' }),
    message: text(4096).optional(),
    tlp: tlpSchema.optional(),
    pap: papSchema.optional(),
    ioc: z.boolean().optional(),
    sighted: z.boolean().optional(),
    ignoreSimilarity: z.boolean().optional(),
    startDate: instantInput.optional(),
  })
  .meta({ id: 'NestedObservable' });

export const statusValueSchema = label(64).meta({
  description:
    'The value of a status, matched without regard to case; blanks and underscores count as hyphens.',
  example: 'new',
});

const titleSchema = label(512).meta({
  description: 'What happened, in a line.',
  example: 'Suspicious login',
});
export const descriptionSchema = text(1_048_576).meta({ description: 'Markdown, up to 1 MiB.' });
export const tagsSchema = z
  .array(tagSchema)
  .max(100)
  .meta({ description: 'Tags by id, or by name (found without regard to case, else created).' });

const customFieldsSchema = jsonObjectSchema.meta({
  description: 'Values by key. Keys declared under `/custom-fields` take only what fits.',
});

/** What both alerts and cases have, each optional here; `null` clears what can be empty. */
export const recordFields = {
  title: titleSchema,
  statusValue: statusValueSchema,
  severity: severitySchema,
  tlp: tlpSchema,
  pap: papSchema,
  type: nullableText(64).meta({ example: 'siem' }),
  source: nullableText(64).meta({ example: 'splunk' }),
  sourceRef: nullableText(256).meta({ example: 'notable-4711' }),
  externalLink: z.union([externalLinkSchema, z.literal('').transform(() => null), z.null()]),
  customFields: customFieldsSchema,
  teams: z.array(reference(idSchema)).max(100),
  tags: tagsSchema,
  organizations: z.array(reference(idSchema)).max(100),
  assigneeId: z.union([reference(idSchema), z.null()]),
  clientId: z.union([reference(idSchema), z.null()]),
  clientName: nullableText(256).transform((name) =>
    name === null || name.trim() === '' ? null : name.trim(),
  ),
  visibleToAllOrganizations: z.boolean(),
};

/** What an update body means, whichever shape it came in. */
export interface Update<F> {
  readonly fields: F;
  /** What paths into the body start with: `fields.` when it was wrapped. */
  readonly prefix: '' | 'fields.' | 'updates.';
}

/**
 * An update in both documented shapes: flat, or wrapped in `fields`. Mixing them is 400.
 *
 * Unknown keys are ignored [C], or refused where the body is not CaseBender's own.
 */
export function updateBody<S extends z.ZodRawShape>(
  id: string,
  shape: S,
  example: object,
  unknownKeys: 'ignored' | 'refused' = 'ignored',
) {
  const object = unknownKeys === 'ignored' ? z.object : z.strictObject;
  const flat = z.object(shape).partial();
  type Fields = z.output<typeof flat>;
  return object({ ...flat.shape, fields: object(flat.shape).optional() })
    .superRefine((body: { readonly fields?: unknown }, context) => {
      if (body.fields === undefined) return;
      const mixed = Object.keys(body).find((key) => key !== 'fields');
      if (mixed !== undefined) {
        context.addIssue({
          code: 'custom',
          path: [mixed],
          message: 'send either flat keys or `fields`, not both',
        });
      }
    })
    .transform((body: { readonly fields?: unknown }): Update<Fields> => {
      if (body.fields !== undefined) return { fields: body.fields as Fields, prefix: 'fields.' };
      return { fields: body as Fields, prefix: '' };
    })
    .meta({ id, example });
}

/** The fields that alert and case lists can be sorted by. */
export const RECORD_SORT_FIELDS = ['createdAt', 'updatedAt', 'severity', 'tinyId'] as const;

/** What every alert or case list asks beyond its filters. */
export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly sort: string;
  readonly count: boolean;
}

/** The deadline of the case `r`; one without an SLA comes after all others. */
export const SLA_DUE = `coalesce(r.sla_deadline, 'infinity')`;

interface RecordSort {
  readonly column: string;
  readonly type: SortType;
  /** What of the record `r` is sorted where it is not the column itself, which may be null. */
  readonly value?: string;
}

/** The columns lists sort by, with their SQL types. */
export const RECORD_SORTS: Record<string, RecordSort> = {
  createdAt: { column: 'created_at', type: 'timestamptz' },
  updatedAt: { column: 'updated_at', type: 'timestamptz' },
  severity: { column: 'severity', type: 'smallint' },
  tinyId: { column: 'tiny_id', type: 'int' },
  slaDeadline: { column: 'sla_deadline', type: 'timestamptz', value: SLA_DUE },
};
