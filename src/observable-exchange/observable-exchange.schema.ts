import { z } from 'zod';
import { idSchema, queryBoolean, text } from '../common/fields.js';
import { observableFilters } from '../observables/observables.schema.js';

export const exportObservablesQuery = z
  .strictObject({
    format: z
      .enum(['csv', 'json', 'stix'])
      .default('csv')
      .meta({ description: '`stix` is a bundle of STIX 2.1, each value once.' }),
    sort: z.enum(['createdAt', '-createdAt']).default('-createdAt'),
    ...observableFilters,
  })
  .refine((query) => query.alertId === undefined || query.caseId === undefined, {
    path: ['caseId'],
    error: 'send at most one of alertId and caseId',
  });

export const importObservablesQuery = z
  .strictObject({
    alertId: idSchema.optional().meta({ description: 'The alert that takes the observables.' }),
    caseId: idSchema.optional().meta({ description: 'The case that takes the observables.' }),
    dryRun: queryBoolean
      .default(false)
      .meta({ description: 'Whether to answer what would happen, and change nothing.' }),
  })
  .refine((query) => (query.alertId === undefined) !== (query.caseId === undefined), {
    path: ['alertId'],
    error: 'send exactly one of alertId and caseId',
  });

/** What a bundle may hold beside what its observables say. */
const OBJECTS_MAX = 50_000;

/** A bundle of STIX 2.1. */
export const stixBundleSchema = z
  .object({
    type: z.literal('bundle'),
    id: text(400).optional(),
    objects: z.array(z.unknown()).max(OBJECTS_MAX).default([]),
  })
  .meta({
    id: 'StixBundle',
    example: {
      type: 'bundle',
      id: 'bundle--01900000-0000-4000-8000-000000000000',
      objects: [
        {
          type: 'ipv4-addr',
          spec_version: '2.1',
          id: 'ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4',
          value: '198.51.100.3',
        },
      ],
    },
  });

export const importedObservablesSchema = z
  .object({
    dryRun: z.boolean(),
    createdCount: z.int(),
    duplicateCount: z.int().meta({ description: 'Values that the record has already.' }),
    failedCount: z.int(),
    ignored: z
      .record(z.string(), z.int())
      .meta({ description: 'How many objects of a bundle hold no observable, by their type.' }),
    results: z.array(
      z.object({
        line: z.int().optional().meta({ description: 'Of the CSV text, from 1.' }),
        objectId: z.string().optional().meta({ description: 'Of the bundle.' }),
        status: z.int().meta({ description: 'As an HTTP status; 200 for what is there now.' }),
        id: z.string().optional(),
        duplicate: z.literal(true).optional(),
        code: z.string().optional(),
        detail: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'ImportedObservables' });

export type ExportObservablesQuery = z.output<typeof exportObservablesQuery>;
export type ImportObservablesQuery = z.output<typeof importObservablesQuery>;
export type StixBundle = z.output<typeof stixBundleSchema>;
export type ImportedObservables = z.output<typeof importedObservablesSchema>;
