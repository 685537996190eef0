import { z } from 'zod';
import { createCaseSchema } from '../cases/cases.schema.js';
import { invalidValue } from '../common/errors.js';
import { idSchema, jsonObjectSchema, reference } from '../common/fields.js';
import { issuesToError } from '../common/issues.js';
import { VALUES_MAX, parseModestJson } from '../common/modest-json.js';
import { bulkUpdateBody } from '../records/record-bulk.js';
import {
  descriptionSchema,
  nestedObservableSchema,
  recordFields,
  statusValueSchema,
  updateBody,
} from '../records/record.schema.js';
import {
  statusSchema,
  tagAnswerSchema,
  namedSchema,
  userSchema,
  observableSchema,
} from '../records/answer.schema.js';
import { relationFields, similarRecordSchema } from '../similarity/similarity.schema.js';

const EXAMPLE = {
  title: 'Suspicious PowerShell on WS-042',
  description: 'Encoded command started by **winword.exe**',
  statusValue: 'new',
  severity: 3,
  tlp: 2,
  pap: 2,
  type: 'edr',
  source: 'sentinel',
  sourceRef: 'incident-4711',
  tags: ['powershell'],
  observables: [{ dataType: 'ip', data: '10.1.2.3' }],
};

/** A stale `status` key stands in for `statusValue` with the default (spec/api.md §2). */
function withDefaultStatus(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('status' in body) || 'statusValue' in body)
    return body;
  return { ...body, statusValue: 'new' };
}

/** `POST /alerts` [C]: what is not listed is ignored. */
export const createAlertSchema = z.preprocess(
  withDefaultStatus,
  z
    .object({
      title: recordFields.title,
      statusValue: statusValueSchema,
      severity: recordFields.severity,
      description: descriptionSchema.default(''),
      count: z
        .number()
        .int()
        .min(1)
        .max(2_147_483_647)
        .default(1)
        .meta({ description: 'How often it was seen.' }),
      type: recordFields.type.optional(),
      source: recordFields.source.optional(),
      sourceRef: recordFields.sourceRef.optional(),
      externalLink: recordFields.externalLink.optional(),
      tlp: recordFields.tlp.default(2),
      pap: recordFields.pap.default(2),
      customFields: recordFields.customFields.default({}),
      teams: recordFields.teams.default([]),
      tags: recordFields.tags.default([]),
      organizations: recordFields.organizations.optional(),
      observables: z.array(nestedObservableSchema).max(1000).default([]),
      assigneeId: recordFields.assigneeId.optional(),
      clientId: recordFields.clientId.optional(),
      clientName: recordFields.clientName.optional(),
      visibleToAllOrganizations: z.boolean().default(false),
    })
    .meta({ id: 'CreateAlert', example: EXAMPLE }),
);

export type CreateAlert = z.output<typeof createAlertSchema>;

/** The parts of a `POST /alerts-attachments` that works. */
export const ALERT_WITH_FILES_EXAMPLE = {
  alert: JSON.stringify({
    ...EXAMPLE,
    observables: [
      { dataType: 'ip', data: '10.1.2.3' },
      { dataType: 'file', attachment: 'log.txt' },
    ],
  }),
  file: ['log.txt'],
};

/**
 * The alert in the JSON text of a multipart request.
 *
 * @throws AppError `VALIDATION_FAILED`
 */
export function parseAlertPart(json: string | null): CreateAlert {
  if (json === null)
    throw invalidValue('alert', 'Required: the alert as JSON text.', 'invalid_type');
  const body = parseModestJson(json, VALUES_MAX);
  if (body === undefined) throw invalidValue('alert', 'must be JSON text of modest depth and size');
  const parsed = createAlertSchema.safeParse(body);
  if (!parsed.success) throw issuesToError(parsed.error.issues);
  return parsed.data;
}

/** `PATCH` and `PUT /alerts/{id}` [C], flat or wrapped in `fields`. */
const updateFields = {
  ...recordFields,
  description: descriptionSchema,
  count: z.number().int().min(1).max(2_147_483_647),
  aiInsights: jsonObjectSchema.nullable(),
};

const UPDATE_EXAMPLE = { statusValue: 'in-progress', severity: 4 };

export const updateAlertSchema = updateBody('UpdateAlert', updateFields, UPDATE_EXAMPLE);

/** The fields of an update for up to a thousand alerts. */
export const bulkUpdateAlertsSchema = bulkUpdateBody(
  'BulkUpdateAlerts',
  updateFields,
  UPDATE_EXAMPLE,
);

export type BulkUpdateAlerts = z.output<typeof bulkUpdateAlertsSchema>;

export type UpdateAlert = z.output<typeof updateAlertSchema>;

/** `POST /alerts/bulk`: each item is judged by itself, as a body of `POST /alerts`. */
export const bulkCreateAlertsSchema = z
  .strictObject({
    alerts: z
      .array(z.unknown())
      .min(1)
      .max(1000)
      .meta({ description: 'Bodies as for `POST /alerts`.' }),
    atomic: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether one failure leaves all unstored.' }),
  })
  .meta({ id: 'BulkCreateAlerts', example: { alerts: [EXAMPLE], atomic: false } });

export type BulkCreateAlerts = z.output<typeof bulkCreateAlertsSchema>;

export const bulkCreatedSchema = z
  .object({
    createdCount: z.int(),
    failedCount: z.int(),
    results: z.array(
      z.object({
        index: z.int(),
        status: z.int().meta({ description: 'As an HTTP status; 200 for what was stored.' }),
        id: z.string().optional(),
        code: z.string().optional(),
        detail: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'BulkCreated' });

export type BulkCreated = z.output<typeof bulkCreatedSchema>;

const alertIdsSchema = z
  .array(reference(idSchema))
  .min(1)
  .max(50)
  .meta({ description: 'One to fifty alerts.' });

const ALERT_IDS = ['01900000-0000-7000-8000-000000000000'];

/** `POST /alerts/create-case` [C]: the body of a case with the alerts it is made from. */
export const createCaseFromAlertsSchema = createCaseSchema
  .extend({ alertIds: alertIdsSchema })
  .meta({
    id: 'CreateCaseFromAlerts',
    example: { title: 'Phishing wave', statusValue: 'new', severity: 3, alertIds: ALERT_IDS },
  });

export type CreateCaseFromAlerts = z.output<typeof createCaseFromAlertsSchema>;

export const caseFromAlertsSchema = z.object({ caseId: idSchema }).meta({ id: 'CaseFromAlerts' });

export type CaseFromAlerts = z.output<typeof caseFromAlertsSchema>;

export const mergeAlertsSchema = z
  .strictObject({ alertIds: alertIdsSchema })
  .meta({ id: 'MergeAlerts', example: { alertIds: ALERT_IDS } });

export type MergeAlerts = z.output<typeof mergeAlertsSchema>;

const linkedCaseSchema = z.object({
  id: z.string(),
  tinyId: z.int(),
  title: z.string(),
  statusValue: z.string(),
});

/** An alert as answers carry it [C]; every key is always present. */
export const alertSchema = z
  .object({
    id: idSchema,
    tinyId: z.int(),
    title: z.string(),
    description: z.string(),
    statusValue: z.string(),
    status: statusSchema,
    count: z.int(),
    severity: z.int(),
    type: z.string().nullable(),
    source: z.string().nullable(),
    sourceRef: z.string().nullable(),
    externalLink: z.string().nullable(),
    tlp: z.int(),
    pap: z.int(),
    customFields: z.record(z.string(), z.unknown()),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    createdAtLabel: z.string(),
    updatedAtLabel: z.string(),
    severityColor: z.string(),
    severityLabel: z.string(),
    teams: z.array(namedSchema),
    tags: z.array(tagAnswerSchema),
    organizations: z.array(namedSchema).meta({ description: 'The owner first.' }),
    assigneeId: z.string().nullable(),
    createdById: z.string(),
    deletedAt: z.iso.datetime().nullable(),
    observables: z
      .array(observableSchema)
      .meta({ description: 'In lists at most 20; `observableCount` tells how many there are.' }),
    observableCount: z.int(),
    visibleToAllOrganizations: z.boolean(),
    primaryAlertId: z.string().nullable(),
    case: linkedCaseSchema.nullable(),
    assignee: userSchema.nullable(),
    aiInsights: z.record(z.string(), z.unknown()).nullable(),
    clientId: z.string().nullable(),
    clientName: z.string().nullable(),
    ownerOrganizationId: z.string(),
    version: z.int().meta({ description: 'Grows with every change; also the `ETag`.' }),
  })
  .meta({ id: 'Alert' });

export type Alert = z.output<typeof alertSchema>;

/** An alert related to another: how much, and why. */
export const similarAlertSchema = z
  .object({
    alert: similarRecordSchema,
    ...relationFields,
    case: linkedCaseSchema.nullable(),
  })
  .meta({ id: 'SimilarAlert' });

export type SimilarAlert = z.output<typeof similarAlertSchema>;
