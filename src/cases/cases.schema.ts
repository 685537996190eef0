import { z } from 'zod';
import {
  idSchema,
  jsonObjectSchema,
  pastInstant,
  queryBoolean,
  reference,
  text,
} from '../common/fields.js';
import {
  namedSchema,
  observableSchema,
  statusSchema,
  tagAnswerSchema,
  userSchema,
} from '../records/answer.schema.js';
import { bulkUpdateBody } from '../records/record-bulk.js';
import {
  descriptionSchema,
  nestedObservableSchema,
  recordFields,
  statusValueSchema,
  updateBody,
} from '../records/record.schema.js';
import { slaConfigSchema, slaStatusSchema } from '../sla/sla.schema.js';
import { relationFields, similarRecordSchema } from '../similarity/similarity.schema.js';
import { createTaskSchema, taskSchema } from '../tasks/tasks.schema.js';

const slaConfigIdSchema = z.union([reference(idSchema), z.null()]).meta({
  description:
    'A configuration of `/sla-configs`, whose values the case copies; values in `slaConfig` win over them.',
});

/** `POST /cases` [C]: what is not listed is ignored. */
export const createCaseSchema = z
  .object({
    title: recordFields.title,
    statusValue: statusValueSchema,
    severity: recordFields.severity.optional().meta({
      description: '1 low, 2 medium, 3 high, 4 critical. Required, unless the template has one.',
    }),
    description: descriptionSchema.nullable().optional(),
    tlp: recordFields.tlp.optional().meta({
      description: "TLP 2.0, 0 to 4; when absent the template's, else 2.",
    }),
    pap: recordFields.pap.optional().meta({
      description: "PAP, 0 to 4; when absent the template's, else 2.",
    }),
    type: recordFields.type.optional(),
    source: recordFields.source.optional(),
    sourceRef: recordFields.sourceRef.optional(),
    externalLink: recordFields.externalLink.optional(),
    flag: z.boolean().default(false),
    customFields: recordFields.customFields.default({}),
    teams: recordFields.teams.default([]),
    tags: recordFields.tags.default([]),
    organizations: recordFields.organizations.optional(),
    visibleToAllOrganizations: z.boolean().default(false),
    observables: z.array(nestedObservableSchema).max(1000).default([]),
    assigneeId: recordFields.assigneeId.optional(),
    clientId: recordFields.clientId.optional(),
    clientName: recordFields.clientName.optional(),
    createdAt: pastInstant
      .optional()
      .meta({ description: 'When the case was opened, if before now.' }),
    slaConfig: slaConfigSchema.nullable().optional(),
    slaConfigId: slaConfigIdSchema.optional(),
    tasks: z.array(createTaskSchema).max(200).default([]),
    templateId: reference(idSchema)
      .nullable()
      .optional()
      .meta({ description: 'A case template of the owner; what the body says wins.' }),
  })
  .meta({
    id: 'CreateCase',
    example: {
      title: 'Phishing against finance',
      description: 'Three mailboxes received the same lure',
      statusValue: 'new',
      severity: 3,
      tlp: 3,
      pap: 2,
      tags: ['phishing'],
      observables: [{ dataType: 'domain', data: 'login-example.test' }],
    },
  });

export type CreateCase = z.output<typeof createCaseSchema>;

/** `PATCH` and `PUT /cases/{id}` [C], flat or wrapped in `fields`. */
const updateFields = {
  ...recordFields,
  description: descriptionSchema.nullable(),
  flag: z.boolean(),
  extraData: jsonObjectSchema.nullable(),
  aiInsights: jsonObjectSchema.nullable(),
  resolutionSummary: text(65_536).nullable(),
  slaConfig: slaConfigSchema.nullable(),
  slaConfigId: slaConfigIdSchema,
};

const UPDATE_EXAMPLE = { statusValue: 'in-progress', flag: true };

export const updateCaseSchema = updateBody('UpdateCase', updateFields, UPDATE_EXAMPLE);

/** The fields of an update for up to a thousand cases. */
export const bulkUpdateCasesSchema = bulkUpdateBody(
  'BulkUpdateCases',
  updateFields,
  UPDATE_EXAMPLE,
);

export type BulkUpdateCases = z.output<typeof bulkUpdateCasesSchema>;

export type UpdateCase = z.output<typeof updateCaseSchema>;

/** `POST /cases/{id}/merge`: the cases to fold into the one of the path. */
export const mergeCasesSchema = z
  .strictObject({
    caseIds: z
      .array(reference(idSchema))
      .min(1)
      .max(50)
      .meta({ description: 'One to fifty cases.' }),
  })
  .meta({ id: 'MergeCases', example: { caseIds: ['01900000-0000-7000-8000-000000000000'] } });

export type MergeCases = z.output<typeof mergeCasesSchema>;

/** How alerts and cases are merged into a case. */
export const mergeQuery = z.strictObject({
  reopen: queryBoolean
    .default(false)
    .meta({ description: 'Whether a closed case is opened again.' }),
});

export type MergeQuery = z.output<typeof mergeQuery>;

/** A case as its creation answers it [C]. */
export const caseSchema = z
  .object({
    id: idSchema,
    tinyId: z.int(),
    title: z.string(),
    description: z.string().nullable(),
    statusValue: z.string(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    severity: z.int(),
    tlp: z.int(),
    pap: z.int(),
    deletedAt: z.iso.datetime().nullable(),
    createdById: z.string(),
    assigneeId: z.string().nullable(),
    flag: z.boolean(),
    source: z.string().nullable(),
    sourceRef: z.string().nullable(),
    type: z.string().nullable(),
    externalLink: z.string().nullable(),
    visibleToAllOrganizations: z.boolean(),
    primaryCaseId: z.string().nullable(),
    clientId: z.string().nullable(),
    clientName: z.string().nullable(),
    slaConfigId: z.string().nullable(),
    slaDeadline: z.iso.datetime().nullable(),
    slaStatus: slaStatusSchema.nullable(),
    slaStartedAt: z.iso.datetime().nullable(),
    slaUpdatedAt: z.iso.datetime().nullable(),
    slaPausedAt: z.iso.datetime().nullable(),
    customFields: z.record(z.string(), z.unknown()),
    extraData: z.record(z.string(), z.unknown()).nullable(),
    aiInsights: z.record(z.string(), z.unknown()).nullable(),
    resolutionSummary: z.string().nullable(),
    ownerOrganizationId: z.string(),
    version: z.int().meta({ description: 'Grows with every change; also the `ETag`.' }),
  })
  .meta({ id: 'Case' });

const labels = {
  severityColor: z.string(),
  severityLabel: z.string(),
  createdAtLabel: z.string(),
  updatedAtLabel: z.string(),
  assignee: userSchema.nullable(),
  status: statusSchema,
  tags: z.array(tagAnswerSchema),
};

/** A case as lists show it. */
export const listedCaseSchema = caseSchema
  .extend({
    ...labels,
    taskCounts: z.object({ total: z.int(), done: z.int() }),
    observableCount: z.int(),
    alertCount: z.int(),
  })
  .meta({ id: 'ListedCase' });

/** A case as reading and updating answer it [C]. */
export const caseDetailSchema = caseSchema
  .extend({
    ...labels,
    createdBy: userSchema.nullable(),
    tasks: z.array(taskSchema).meta({ description: 'In their order.' }),
    observables: z.array(observableSchema),
    teams: z.array(namedSchema),
    organizations: z.array(namedSchema).meta({ description: 'The owner first.' }),
    alerts: z.array(z.object({ id: z.string(), tinyId: z.int(), title: z.string() })),
    slaConfig: slaConfigSchema.nullable(),
  })
  .meta({ id: 'CaseDetail' });

export type Case = z.output<typeof caseSchema>;
export type ListedCase = z.output<typeof listedCaseSchema>;
export type CaseDetail = z.output<typeof caseDetailSchema>;

/** A case related to another: how much, and why. */
export const similarCaseSchema = z
  .object({ case: similarRecordSchema, ...relationFields })
  .meta({ id: 'SimilarCase' });

export type SimilarCase = z.output<typeof similarCaseSchema>;
