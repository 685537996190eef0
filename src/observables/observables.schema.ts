import { z } from 'zod';
import { idSchema, instantInput, label, papSchema, text, tlpSchema } from '../common/fields.js';
import { issuesToError } from '../common/issues.js';
import { listQuery, searchAnswer, searchBody } from '../common/pagination.js';
import { observableSchema } from '../records/answer.schema.js';
import { bulkUpdateBody } from '../records/record-bulk.js';
import { flag, integer, texts, values } from '../records/record-filter.js';
import { tagsSchema, updateBody } from '../records/record.schema.js';
import { wordsOf } from '../records/text-search.js';

const dataSchema = text(16_384, 1);

/** What an observable can be told besides its type and value. */
const marks = {
  message: text(4096),
  tlp: tlpSchema,
  pap: papSchema,
  ioc: z.boolean().meta({ description: 'Whether it is an indicator of compromise.' }),
  sighted: z.boolean().meta({ description: 'Whether it was seen; sets `sightedAt`.' }),
  ignoreSimilarity: z.boolean().meta({ description: 'Whether it relates no records.' }),
  startDate: instantInput,
  tags: tagsSchema,
};

const dataType = label(64).meta({
  description: 'One of the observable types, without regard to case.',
  example: 'ip',
});

/** The marks of a new observable: all are optional. */
const newMarks = {
  ...z.object(marks).partial().shape,
  tlp: tlpSchema.optional().meta({ description: "TLP 2.0; the parent's when absent." }),
  pap: papSchema.optional().meta({ description: "PAP; the parent's when absent." }),
};

const fields = {
  dataType,
  data: z
    .union([dataSchema, z.array(dataSchema).min(1).max(1000)], {
      error: 'expected a text or 1 to 1000 texts',
    })
    .meta({ description: 'The value, or up to 1000 values.', example: '10.1.2.3' }),
  ...newMarks,
};

/** Observables for a parent that the path names. */
export const childObservableSchema = z.strictObject(fields).meta({
  id: 'CreateChildObservable',
  example: { dataType: 'ip', data: ['10.1.2.3', '10.1.2.4'], tags: ['proxy'] },
});

/** The text parts beside uploads, each of which becomes an observable. */
const fileObservablesSchema = z.strictObject({
  dataType: dataType.default('file'),
  message: newMarks.message,
  tlp: newMarks.tlp,
  pap: newMarks.pap,
  ioc: flag.optional(),
  sighted: flag.optional(),
  ignoreSimilarity: flag.optional(),
  startDate: newMarks.startDate,
  tags: texts(label(100))
    .transform((names) => names.map((name) => ({ name: name.trim() })))
    .optional(),
});

/** @throws AppError `VALIDATION_FAILED` */
export function parseFileObservables(parts: Readonly<Record<string, unknown>>): FileObservables {
  const parsed = fileObservablesSchema.safeParse(parts);
  if (!parsed.success) throw issuesToError(parsed.error.issues);
  return parsed.data;
}

/** The same, as the document shows them. */
export const FILE_OBSERVABLE_PARTS = {
  dataType: { type: 'string', default: 'file', description: 'A type whose observables are files.' },
  message: { type: 'string', maxLength: 4096 },
  tlp: { type: 'integer', minimum: 0, maximum: 4 },
  pap: { type: 'integer', minimum: 0, maximum: 4 },
  ioc: { type: 'boolean' },
  sighted: { type: 'boolean' },
  ignoreSimilarity: { type: 'boolean' },
  startDate: { type: 'string', format: 'date-time' },
  tags: { type: 'array', items: { type: 'string' }, description: 'Names, each in a part.' },
};

/** The body names the record that observables are for. */
const parents = { alertId: idSchema.optional(), caseId: idSchema.optional() };

function hasOneParent(body: { readonly alertId?: unknown; readonly caseId?: unknown }): boolean {
  return (body.alertId === undefined) !== (body.caseId === undefined);
}

const ONE_PARENT = { path: ['alertId'], error: 'send exactly one of alertId and caseId' };

const PARENT_ID = '01900000-0000-7000-8000-000000000000';

/** `POST /observables`: the body names exactly one parent. */
export const createObservableSchema = z
  .strictObject({ ...parents, ...fields })
  .refine(hasOneParent, ONE_PARENT)
  .meta({
    id: 'CreateObservable',
    example: { alertId: PARENT_ID, dataType: 'ip', data: '10.1.2.3', ioc: true },
  });

/** An item of a bulk: each is judged by itself. */
export const bulkObservableSchema = z.strictObject({ dataType, data: dataSchema, ...newMarks });

export const bulkCreateObservablesSchema = z
  .strictObject({
    ...parents,
    observables: z.array(z.unknown()).min(1).max(1000).meta({
      description: 'Bodies as for `POST /observables`, each with one value and no parent.',
    }),
  })
  .refine(hasOneParent, ONE_PARENT)
  .meta({
    id: 'BulkCreateObservables',
    example: { caseId: PARENT_ID, observables: [{ dataType: 'ip', data: '10.1.2.3', tlp: 3 }] },
  });

export const bulkCreatedObservablesSchema = z
  .object({
    createdCount: z.int(),
    duplicateCount: z.int().meta({ description: 'Items whose values were there.' }),
    failedCount: z.int(),
    results: z.array(
      z.object({
        index: z.int(),
        status: z.int().meta({ description: 'As an HTTP status; 200 for what is there now.' }),
        id: z.string().optional(),
        duplicate: z.literal(true).optional(),
        code: z.string().optional(),
        detail: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'BulkCreatedObservables' });

const UPDATE_EXAMPLE = { tlp: 3, ioc: true, sighted: true };

/** `PATCH` and `PUT /observables/{id}`, flat or wrapped in `fields`. */
export const updateObservableSchema = updateBody(
  'UpdateObservable',
  { dataType, data: dataSchema, ...marks },
  UPDATE_EXAMPLE,
  'refused',
);

/** What up to a thousand observables are told at once; their values stay. */
export const bulkUpdateObservablesSchema = bulkUpdateBody(
  'BulkUpdateObservables',
  marks,
  UPDATE_EXAMPLE,
);

const CONTAINED_MIN = 3;

const containedSchema = text(200, CONTAINED_MIN);

const filters = {
  dataType: values(label(64)).optional().meta({ description: 'Only observables of these types.' }),
  ioc: flag.optional(),
  sighted: flag.optional(),
  tlp: values(integer(0, 4)).optional(),
  tag: texts(z.union([integer(1, 2_147_483_647), text(100)]))
    .optional()
    .meta({ description: 'Tag ids or names.' }),
  createdAfter: instantInput.optional().meta({ description: 'From this instant on.' }),
};

const valueFilter = dataSchema.meta({
  description: 'The value, in whatever form: `hxxp://evil[.]example` finds what it means.',
  example: '10.1.2.3',
});

const containsFilter = containedSchema.meta({
  description: 'A part of the value, of three characters or more, without regard to case.',
  example: 'evil.ex',
});

const SORTS = ['createdAt'];

export const observableFilters = {
  ...filters,
  data: valueFilter.optional(),
  contains: containsFilter.optional(),
  alertId: idSchema.optional().meta({ description: 'Observables of this alert.' }),
  caseId: idSchema.optional().meta({ description: 'Observables of this case.' }),
};

export const observableListQuery = listQuery(SORTS, observableFilters).refine(
  (query) => query.alertId === undefined || query.caseId === undefined,
  { path: ['caseId'], error: 'send at most one of alertId and caseId' },
);

/** `POST /observables/search`: the filters of the list, with several values each, and words of the value. */
export const observableSearchBody = searchBody(
  'SearchObservables',
  SORTS,
  {
    ...filters,
    data: texts(valueFilter).optional(),
    contains: texts(containsFilter).optional(),
    alertId: values(idSchema).optional().meta({ description: 'Observables of these alerts.' }),
    caseId: values(idSchema)
      .optional()
      .meta({ description: 'Observables of these cases, beside those of the alerts.' }),
    q: text(200)
      .refine(
        (q) => wordsOf(q).length > 0 && wordsOf(q).every((word) => word.length >= CONTAINED_MIN),
        { error: 'expected words of three characters or more' },
      )
      .optional()
      .meta({ description: 'Words of three characters or more, all of which the value has.' }),
  },
  { dataType: ['domain', 'url'], contains: 'evil.ex', ioc: true },
);

export const observableSearchAnswer = searchAnswer('ObservableSearchAnswer', observableSchema);

/** `GET /observables/lookup`: every observable of a value. */
export const observableLookupQuery = listQuery(SORTS, {
  data: valueFilter,
  dataType: filters.dataType,
});

export const childObservableListQuery = listQuery(SORTS, {});

export const sightingListQuery = listQuery(SORTS, {});

/** A record that holds the value of an observable. */
export const sightingSchema = z
  .object({
    kind: z.enum(['alert', 'case']),
    id: z.string(),
    tinyId: z.int(),
    title: z.string(),
    statusValue: z.string(),
    observableId: z.string().meta({ description: 'The observable by which it holds the value.' }),
    createdAt: z.iso.datetime().meta({ description: 'When that observable was added.' }),
  })
  .meta({ id: 'Sighting' });

export type CreateObservable = z.output<typeof createObservableSchema>;
export type FileObservables = z.output<typeof fileObservablesSchema>;
export type ChildObservable = z.output<typeof childObservableSchema>;
export type BulkCreateObservables = z.output<typeof bulkCreateObservablesSchema>;
export type BulkCreatedObservables = z.output<typeof bulkCreatedObservablesSchema>;
export type UpdateObservable = z.output<typeof updateObservableSchema>;
export type BulkUpdateObservables = z.output<typeof bulkUpdateObservablesSchema>;
export type ObservableListQuery = z.output<typeof observableListQuery>;
export type ObservableSearchQuery = z.output<typeof observableSearchBody>;
export type ObservableSearchAnswer = z.output<typeof observableSearchAnswer>;
export type ObservableLookupQuery = z.output<typeof observableLookupQuery>;
export type ChildObservableListQuery = z.output<typeof childObservableListQuery>;
export type SightingListQuery = z.output<typeof sightingListQuery>;
export type Sighting = z.output<typeof sightingSchema>;
