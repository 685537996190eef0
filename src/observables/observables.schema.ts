import { z } from 'zod';
import { idSchema, instantInput, label, papSchema, text, tlpSchema } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';

const dataSchema = text(16_384, 1);

const fields = {
  dataType: label(64).meta({
    description: 'One of the observable types, without regard to case.',
    example: 'ip',
  }),
  data: z
    .union([dataSchema, z.array(dataSchema).min(1).max(1000)], {
      error: 'expected a text or 1 to 1000 texts',
    })
    .meta({ description: 'The value, or up to 1000 values.', example: '10.1.2.3' }),
  message: text(4096).optional(),
  tlp: tlpSchema.optional().meta({ description: "TLP 2.0; the parent's when absent." }),
  pap: papSchema.optional().meta({ description: "PAP; the parent's when absent." }),
  ioc: z.boolean().optional(),
  sighted: z.boolean().optional(),
  ignoreSimilarity: z.boolean().optional(),
  startDate: instantInput.optional(),
};

/** Observables for a parent that the path names. */
export const childObservableSchema = z.strictObject(fields).meta({
  id: 'CreateChildObservable',
  example: { dataType: 'ip', data: ['10.1.2.3', '10.1.2.4'] },
});

/** `POST /observables`: the body names exactly one parent. */
export const createObservableSchema = z
  .strictObject({ alertId: idSchema.optional(), caseId: idSchema.optional(), ...fields })
  .refine((body) => (body.alertId === undefined) !== (body.caseId === undefined), {
    path: ['alertId'],
    error: 'send exactly one of alertId and caseId',
  })
  .meta({
    id: 'CreateObservable',
    example: {
      alertId: '01900000-0000-7000-8000-000000000000',
      dataType: 'ip',
      data: '10.1.2.3',
      ioc: true,
    },
  });

const valueFilters = {
  data: dataSchema.meta({
    description: 'The value, in whatever form: `hxxp://evil[.]example` finds what it means.',
    example: '10.1.2.3',
  }),
  dataType: label(64).optional().meta({ description: 'Only observables of this type.' }),
};

export const observableListQuery = listQuery(['createdAt'], {
  ...valueFilters,
  data: valueFilters.data.optional(),
  alertId: idSchema.optional().meta({ description: 'Observables of this alert.' }),
  caseId: idSchema.optional().meta({ description: 'Observables of this case.' }),
}).refine((query) => query.alertId === undefined || query.caseId === undefined, {
  path: ['caseId'],
  error: 'send at most one of alertId and caseId',
});

/** `GET /observables/lookup`: every observable of a value. */
export const observableLookupQuery = listQuery(['createdAt'], valueFilters);

export const childObservableListQuery = listQuery(['createdAt'], {});

export type CreateObservable = z.output<typeof createObservableSchema>;
export type ChildObservable = z.output<typeof childObservableSchema>;
export type ObservableListQuery = z.output<typeof observableListQuery>;
export type ObservableLookupQuery = z.output<typeof observableLookupQuery>;
export type ChildObservableListQuery = z.output<typeof childObservableListQuery>;
