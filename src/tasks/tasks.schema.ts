import { z } from 'zod';
import { idSchema, instantInput, label, reference, tlpSchema } from '../common/fields.js';
import { listQuery, searchAnswer, searchBody } from '../common/pagination.js';
import { namedSchema, userSchema } from '../records/answer.schema.js';
import { flag, values } from '../records/record-filter.js';
import { descriptionSchema, updateBody } from '../records/record.schema.js';
import { TASK_STATUSES, taskStatusSchema } from './task-status.js';

const ORDER_MAX = 100_000;

const fields = {
  title: label(512).meta({ example: 'Isolate the host' }),
  description: descriptionSchema,
  mandatory: z.boolean().meta({ description: 'Whether it must be done before the case closes.' }),
  flagged: z.boolean(),
  status: taskStatusSchema,
  assigneeId: z.union([reference(idSchema), z.null()]),
  dueDate: z.union([instantInput, z.null()]),
  tlp: tlpSchema.meta({ description: "TLP 2.0; never below the case's." }),
  teams: z.array(reference(idSchema)).max(100),
  order: z.int().min(0).max(ORDER_MAX).meta({
    description: 'The place among the tasks of the case, from 0; one beyond the last is the last.',
  }),
};

const EXAMPLE = {
  title: 'Isolate the host',
  mandatory: true,
  dueDate: '2026-12-01T12:00:00.000Z',
};

/** A task of a case; what is absent is as in the example of a new one. */
export const createTaskSchema = z
  .strictObject({
    title: fields.title,
    description: fields.description.default(''),
    mandatory: fields.mandatory.default(false),
    flagged: fields.flagged.default(false),
    status: fields.status.default('open'),
    assigneeId: fields.assigneeId.optional(),
    dueDate: fields.dueDate.optional(),
    tlp: fields.tlp.optional(),
    teams: fields.teams.default([]),
    order: fields.order.optional(),
  })
  .meta({ id: 'CreateTask', example: EXAMPLE });

export type CreateTask = z.output<typeof createTaskSchema>;

/** `PATCH` and `PUT /tasks/{id}` [C], flat or wrapped in `fields`. */
export const updateTaskSchema = updateBody('UpdateTask', fields, { status: 'completed' });

export type UpdateTask = z.output<typeof updateTaskSchema>;

/** A task as answers carry it [C]. */
export const taskSchema = z
  .object({
    id: idSchema,
    caseId: z.string(),
    title: z.string(),
    description: z.string(),
    mandatory: z.boolean(),
    flagged: z.boolean(),
    status: z.enum(TASK_STATUSES),
    assigneeId: z.string().nullable(),
    assignee: userSchema.nullable(),
    dueDate: z.iso.datetime().nullable(),
    tlp: z.int(),
    teams: z.array(namedSchema),
    order: z.int(),
    startedAt: z.iso.datetime().nullable(),
    completedAt: z.iso.datetime().nullable(),
    createdById: z.string(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    deletedAt: z.iso.datetime().nullable(),
    version: z.int(),
  })
  .meta({ id: 'Task' });

export type Task = z.output<typeof taskSchema>;

const filters = {
  assigneeId: values(z.union([z.enum(['me', 'none']), idSchema]))
    .optional()
    .meta({ description: 'Ids, `me` or `none`.' }),
  status: values(taskStatusSchema).optional(),
  caseId: values(idSchema).optional(),
  flagged: flag.optional(),
  mandatory: flag.optional(),
  dueBefore: instantInput.optional(),
  overdue: flag
    .optional()
    .meta({ description: 'Due before now, and neither completed nor cancelled.' }),
};

export const TASK_SORTS = ['createdAt', 'updatedAt', 'dueDate', 'order'] as const;

export const taskListQuery = listQuery(TASK_SORTS, filters);
export const caseTaskListQuery = listQuery(TASK_SORTS, {}, 'order');
export const taskSearchBody = searchBody('SearchTasks', TASK_SORTS, filters, {
  assigneeId: ['me'],
  status: ['open', 'in-progress'],
  sort: 'dueDate',
});

export const taskSearchAnswer = searchAnswer('TaskSearchAnswer', taskSchema);

export type TaskListQuery = z.output<typeof taskListQuery>;
export type CaseTaskListQuery = z.output<typeof caseTaskListQuery>;
export type TaskSearchAnswer = z.output<typeof taskSearchAnswer>;
