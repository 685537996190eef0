import { Temporal } from 'temporal-polyfill';
import { z } from 'zod';
import { idSchema, instantSchema, label, text } from '../common/fields.js';
import { listQuery } from '../common/pagination.js';

/** What can be said of the clock of a case (spec/behaviour.md §6). */
export const SLA_STATUSES = [
  'on-track',
  'warning',
  'critical',
  'breached',
  'paused',
  'met',
  'missed',
] as const;

export const slaStatusSchema = z.enum(SLA_STATUSES);

export type SlaStatus = z.output<typeof slaStatusSchema>;

const EPOCH = Temporal.Instant.fromEpochMilliseconds(0);

const HOURS_MAX = 87_600;
const MINUTES_A_DAY = 1_440;
const MINUTES_A_WEEK = 7 * MINUTES_A_DAY;

const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/;

const startSchema = z.string().regex(TIME, 'expected a time such as 09:00');

const endSchema = z
  .string()
  .refine((time) => TIME.test(time) || time === '24:00', {
    error: 'expected a time such as 17:30, at most 24:00',
  })
  .meta({ description: 'At or before `start` it is on the next day; `24:00` is its midnight.' });

const OFFSET = /^[+-]/;

/** Whether it is the name of a zone in the IANA database, and not an offset, or a time that holds one. */
function isTimeZone(name: string): boolean {
  try {
    const { timeZoneId } = EPOCH.toZonedDateTimeISO(name);
    return !OFFSET.test(name) && timeZoneId.toLowerCase() === name.toLowerCase();
  } catch {
    return false;
  }
}

const businessHoursShape = {
  enabled: z.boolean(),
  start: startSchema,
  end: endSchema,
  timezone: z
    .string()
    .max(64)
    .refine(isTimeZone, { error: 'unknown IANA time zone' })
    .meta({ example: 'Europe/Berlin' }),
  workDays: z
    .array(z.int().min(0).max(6))
    .max(7)
    .meta({ description: '0 is Sunday, 6 is Saturday.' }),
};

export type BusinessHours = z.output<z.ZodObject<typeof businessHoursShape>>;

const percentSchema = z.number().min(0).max(100);

const configShape = {
  deadlineHours: z.number().positive().max(HOURS_MAX),
  warningThresholdPercent: percentSchema,
  criticalThresholdPercent: percentSchema,
};

type SlaValues = z.output<z.ZodObject<typeof configShape>> & {
  readonly businessHours?: BusinessHours | null | undefined;
};

/** Minutes after midnight: `09:30` is 570. */
function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

/** How long the window of a day is open by the clock on the wall. */
function windowMinutes({ start, end }: BusinessHours): number {
  const minutes = minutesOf(end) - minutesOf(start);
  return minutes > 0 ? minutes : minutes + MINUTES_A_DAY;
}

/** The SLA time of a week without a change of clocks. */
export function weekMinutes(hours: BusinessHours): number {
  return windowMinutes(hours) * new Set(hours.workDays).size;
}

type RuleContext = z.core.$RefinementCtx;

/** The rules that hold between the values of business hours. */
function checkHours(hours: BusinessHours, context: RuleContext): void {
  const refuse = (path: keyof BusinessHours, message: string) => {
    context.addIssue({ code: 'custom', path: [path], message });
  };
  if (!hours.enabled) return;
  if (hours.start === hours.end) refuse('end', 'must differ from start');
  if (hours.workDays.length === 0) refuse('workDays', 'must hold at least one day');
}

/** The rules that hold between the values of a configuration. */
function checkConfig(config: SlaValues, context: RuleContext): void {
  if (config.warningThresholdPercent > config.criticalThresholdPercent) {
    context.addIssue({
      code: 'custom',
      path: ['warningThresholdPercent'],
      message: 'must not be above criticalThresholdPercent',
    });
  }
  if (!config.businessHours?.enabled) return;
  const hoursMax = (HOURS_MAX * weekMinutes(config.businessHours)) / MINUTES_A_WEEK;
  // Without a work day that is what is wrong.
  if (hoursMax === 0 || config.deadlineHours <= hoursMax) return;
  context.addIssue({
    code: 'custom',
    path: ['deadlineHours'],
    message: `must be reached within ten years: at most ${Math.floor(hoursMax)} with these business hours`,
  });
}

/** The deadline of a case and when to warn of it (spec/behaviour.md §6). */
export const slaConfigSchema = z
  .object({
    ...configShape,
    businessHours: z.object(businessHoursShape).superRefine(checkHours).nullable().optional(),
  })
  .superRefine(checkConfig)
  .meta({
    id: 'SlaConfig',
    description: 'Without `businessHours`, or while they are not enabled, all time counts.',
  });

export type SlaConfig = z.output<typeof slaConfigSchema>;

const reusableShape = {
  name: label(128)
    .transform((name) => name.trim())
    .meta({ description: 'Unique in the tenant without regard to case.', example: 'Critical' }),
  ...configShape,
  businessHours: z.strictObject(businessHoursShape).superRefine(checkHours).nullable(),
};

export const slaConfigListQuery = listQuery(['createdAt'], {
  q: text(128).optional().meta({ description: 'The beginning of the name.' }),
});

export const createReusableSlaConfigSchema = z
  .strictObject({ ...reusableShape, businessHours: reusableShape.businessHours.default(null) })
  .superRefine(checkConfig)
  .meta({
    id: 'CreateReusableSlaConfig',
    example: {
      name: 'Critical, office hours',
      deadlineHours: 8,
      warningThresholdPercent: 50,
      criticalThresholdPercent: 80,
      businessHours: {
        enabled: true,
        start: '09:00',
        end: '17:30',
        timezone: 'Europe/Berlin',
        workDays: [1, 2, 3, 4, 5],
      },
    },
  });

/** What an update makes of a configuration must be valid as a whole; the service sees to it. */
export const updateReusableSlaConfigSchema = z
  .strictObject(reusableShape)
  .partial()
  .meta({ id: 'UpdateReusableSlaConfig', example: { deadlineHours: 4 } });

/** A configuration by name, which cases copy. */
export const reusableSlaConfigSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    ...configShape,
    businessHours: z.object(businessHoursShape).nullable(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
    version: z.int().meta({ description: 'Grows with every change; also the `ETag`.' }),
  })
  .meta({ id: 'ReusableSlaConfig' });

export type SlaConfigListQuery = z.output<typeof slaConfigListQuery>;
export type CreateReusableSlaConfig = z.output<typeof createReusableSlaConfigSchema>;
export type UpdateReusableSlaConfig = z.output<typeof updateReusableSlaConfigSchema>;
export type ReusableSlaConfig = z.output<typeof reusableSlaConfigSchema>;
