import { z } from 'zod';
import { jsonObjectSchema, idSchema } from '../common/fields.js';
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
      customFields: jsonObjectSchema.default({}),
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

/** `PATCH` and `PUT /alerts/{id}` [C], flat or wrapped in `fields`. */
export const updateAlertSchema = updateBody(
  'UpdateAlert',
  {
    ...recordFields,
    description: descriptionSchema,
    count: z.number().int().min(1).max(2_147_483_647),
    aiInsights: jsonObjectSchema.nullable(),
  },
  { statusValue: 'in-progress', severity: 4 },
);

export type UpdateAlert = z.output<typeof updateAlertSchema>;

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
    case: z
      .object({ id: z.string(), tinyId: z.int(), title: z.string(), statusValue: z.string() })
      .nullable(),
    assignee: userSchema.nullable(),
    aiInsights: z.record(z.string(), z.unknown()).nullable(),
    clientId: z.string().nullable(),
    clientName: z.string().nullable(),
    ownerOrganizationId: z.string(),
    version: z.int().meta({ description: 'Grows with every change; also the `ETag`.' }),
  })
  .meta({ id: 'Alert' });

export type Alert = z.output<typeof alertSchema>;
