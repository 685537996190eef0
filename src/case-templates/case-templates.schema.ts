import { z } from 'zod';
import {
  idSchema,
  instantSchema,
  label,
  papSchema,
  reference,
  severitySchema,
  text,
  tlpSchema,
} from '../common/fields.js';
import { listQuery } from '../common/pagination.js';
import { namedSchema, tagAnswerSchema } from '../records/answer.schema.js';
import { descriptionSchema, recordFields } from '../records/record.schema.js';

const TASKS_MAX = 100;
const DUE_HOURS_MAX = 87_600;

const taskFields = {
  title: label(512).meta({ example: 'Reset the password' }),
  description: descriptionSchema,
  mandatory: z.boolean().meta({ description: 'Whether it must be done before the case closes.' }),
  dueInHours: z
    .number()
    .positive()
    .max(DUE_HOURS_MAX)
    .nullable()
    .meta({ description: 'Hours from the creation of the case until the task is due.' }),
};

const taskInput = z
  .strictObject({
    ...taskFields,
    description: taskFields.description.default(''),
    mandatory: taskFields.mandatory.default(false),
    dueInHours: taskFields.dueInHours.default(null),
  })
  .meta({ id: 'CreateTemplateTask' });

const fields = {
  name: label(128)
    .transform((name) => name.trim())
    .meta({ description: 'Unique in the tenant without regard to case.', example: 'Phishing' }),
  titlePrefix: text(128).meta({ description: 'What the title of each case begins with.' }),
  description: descriptionSchema.nullable(),
  severity: severitySchema.nullable(),
  tlp: tlpSchema.nullable(),
  pap: papSchema.nullable(),
  tags: recordFields.tags,
  slaConfigId: z
    .union([reference(idSchema), z.null()])
    .meta({ description: 'A reusable SLA configuration, which cases copy.' }),
  customFields: recordFields.customFields,
  teams: recordFields.teams,
  tasks: z.array(taskInput).max(TASKS_MAX),
};

export const caseTemplateListQuery = listQuery(['createdAt'], {
  q: text(128).optional().meta({ description: 'The beginning of the name.' }),
});

/** What a case begins with; every key but the name is optional. */
export const createCaseTemplateSchema = z
  .strictObject({
    name: fields.name,
    titlePrefix: fields.titlePrefix.default(''),
    description: fields.description.default(null),
    severity: fields.severity.default(null),
    tlp: fields.tlp.default(null),
    pap: fields.pap.default(null),
    tags: fields.tags.default([]),
    slaConfigId: fields.slaConfigId.default(null),
    customFields: fields.customFields.default({}),
    teams: fields.teams.default([]),
    tasks: fields.tasks.default([]),
  })
  .meta({
    id: 'CreateCaseTemplate',
    example: {
      name: 'Phishing',
      titlePrefix: '[Phishing] ',
      severity: 2,
      tlp: 2,
      tags: ['phishing'],
      tasks: [
        { title: 'Take the mail out of all mailboxes', mandatory: true, dueInHours: 4 },
        { title: 'Reset the password' },
      ],
    },
  });

/** A partial update; `tags`, `teams`, `tasks` and `customFields` are replaced as a whole. */
export const updateCaseTemplateSchema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'UpdateCaseTemplate', example: { severity: 3, titlePrefix: '' } });

/** The defaults of new cases (spec/behaviour.md §5). */
export const caseTemplateSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    titlePrefix: z.string(),
    description: z.string().nullable(),
    severity: z.int().nullable(),
    tlp: z.int().nullable(),
    pap: z.int().nullable(),
    tags: z.array(tagAnswerSchema),
    slaConfigId: z.string().nullable(),
    customFields: z.record(z.string(), z.unknown()),
    teams: z.array(namedSchema),
    tasks: z.array(
      z
        .object({
          title: z.string(),
          description: z.string(),
          mandatory: z.boolean(),
          dueInHours: z.number().nullable(),
        })
        .meta({ id: 'TemplateTask' }),
    ),
    createdAt: instantSchema,
    updatedAt: instantSchema,
    version: z.int().meta({ description: 'Grows with every change; also the `ETag`.' }),
  })
  .meta({ id: 'CaseTemplate' });

export type CaseTemplateListQuery = z.output<typeof caseTemplateListQuery>;
export type CreateCaseTemplate = z.output<typeof createCaseTemplateSchema>;
export type UpdateCaseTemplate = z.output<typeof updateCaseTemplateSchema>;
export type CaseTemplate = z.output<typeof caseTemplateSchema>;
