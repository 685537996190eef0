import { z } from 'zod';
import { instantInput, instantSchema } from '../common/fields.js';
import { values } from '../records/record-filter.js';
import { stageSchema } from '../statuses/statuses.schema.js';
import { DAYS_MAX, HOURLY_DAYS_MAX } from './stats-window.js';

/** The groups of an answer; no window by day or hour has as many. */
export const GROUPS_MAX = 500;

const RECORD_GROUPINGS = [
  'status',
  'stage',
  'severity',
  'tlp',
  'pap',
  'type',
  'source',
  'assignee',
  'tag',
  'technique',
  'organization',
  'client',
  'day',
  'hour',
] as const;

export const ALERT_GROUPINGS = RECORD_GROUPINGS;
export const CASE_GROUPINGS = [...RECORD_GROUPINGS, 'slaStatus'] as const;
export const TASK_GROUPINGS = ['status', 'assignee', 'tlp', 'organization', 'day', 'hour'] as const;
export const ANALYST_GROUPINGS = ['assignee', 'day'] as const;

function statsQuery<const G extends readonly [string, ...string[]], F extends z.ZodRawShape>(
  groupings: G,
  filters: F,
) {
  return z.strictObject({
    from: instantInput.optional().meta({
      description: 'From this instant on; without it, from 30 days before `to`, by hour from one.',
    }),
    to: instantInput.optional().meta({ description: 'Before this instant; without it, now.' }),
    groupBy: z
      .enum(groupings)
      .default(groupings[0])
      .meta({
        description: `By day, from \`from\` to \`to\` at most ${DAYS_MAX} days; by hour ${HOURLY_DAYS_MAX}.`,
      }),
    ...filters,
  });
}

const recordFilters = {
  stage: values(stageSchema)
    .optional()
    .meta({ description: 'Only those whose status is of one of these stages now.' }),
};

export const alertStatsQuery = statsQuery(ALERT_GROUPINGS, recordFilters);
export const caseStatsQuery = statsQuery(CASE_GROUPINGS, recordFilters);
export const taskStatsQuery = statsQuery(TASK_GROUPINGS, {});
export const analystStatsQuery = statsQuery(ANALYST_GROUPINGS, {});

export type AlertStatsQuery = z.output<typeof alertStatsQuery>;
export type CaseStatsQuery = z.output<typeof caseStatsQuery>;
export type TaskStatsQuery = z.output<typeof taskStatsQuery>;
export type AnalystStatsQuery = z.output<typeof analystStatsQuery>;

const secondsSchema = z.number().nullable();

const durationSchema = z.object({ median: secondsSchema, p90: secondsSchema }).meta({
  id: 'Duration',
  description: 'Seconds that half and nine tenths stayed within; null where nothing is measured.',
  example: { median: 840.5, p90: 5400 },
});

const timesSchema = z
  .object({
    acknowledge: durationSchema.meta({
      description: 'From the creation to the first entry into a stage `InProgress`.',
    }),
    triage: durationSchema.meta({
      description: 'From the creation to the first leave of the stage `New`.',
    }),
    resolve: durationSchema.meta({
      description: 'From the creation to the first entry into a stage `Closed`.',
    }),
  })
  .meta({
    id: 'StatsTimes',
    description:
      'The first time counts, whatever was opened again later. A task is acknowledged and triaged when it first leaves `open`, and resolved when it is completed.',
  });

export type StatsTimes = z.output<typeof timesSchema>;

const groupSchema = z
  .object({
    key: z.string().meta({
      description:
        'What lists are filtered by: a value, a number or an id; a technique is `T1059.001`, a day `2026-01-31`, in UTC, an hour its first instant. `none` for records without one.',
      example: 'in-progress',
    }),
    label: z.string().meta({ description: 'The same for people.', example: 'In progress' }),
    count: z.int(),
  })
  .meta({ id: 'StatsGroup' });

const groupsDescription = `The ${GROUPS_MAX} that count most, the highest count first; days and hours in order, all of them, also with 0. A record with several tags or techniques is in the group of each.`;

function statsAnswer<T extends z.ZodType>(id: string, groupSchema: T, counted: string) {
  return z
    .object({
      from: instantSchema,
      to: instantSchema,
      total: z.int().meta({ description: counted }),
      groups: z.array(groupSchema).meta({ description: groupsDescription }),
      times: timesSchema,
    })
    .meta({ id });
}

export const statsSchema = statsAnswer(
  'Stats',
  groupSchema,
  'How many were created in the window, each counted once.',
);

export type StatsGroup = z.output<typeof groupSchema>;
export type Stats = z.output<typeof statsSchema>;

const analystGroupSchema = z
  .object({
    key: z.string().meta({ description: 'The id of the person; by day, a day in UTC.' }),
    label: z.string().meta({ example: 'Ada Byron' }),
    count: z.int().meta({ description: '`alertsTriaged`, `casesClosed` and `tasksCompleted`.' }),
    alertsTriaged: z.int(),
    casesClosed: z.int(),
    tasksCompleted: z.int(),
    openCases: z
      .int()
      .nullable()
      .meta({ description: 'Not closed now, whenever they were created; null by day.' }),
  })
  .meta({ id: 'AnalystStatsGroup' });

export const analystStatsSchema = statsAnswer(
  'AnalystStats',
  analystGroupSchema,
  'How many alerts were first triaged, cases first closed and tasks completed in the window, by whoever they are assigned to.',
);

export type AnalystStatsGroup = z.output<typeof analystGroupSchema>;
export type AnalystStats = z.output<typeof analystStatsSchema>;
