import { z } from 'zod';
import { activitySchema } from '../activities/activities.schema.js';
import { alertSchema } from '../alerts/alerts.schema.js';
import { attachmentSchema } from '../attachments/attachments.schema.js';
import { caseLinkSchema } from '../case-links/case-links.schema.js';
import { caseDetailSchema } from '../cases/cases.schema.js';
import { commentSchema } from '../comments/comments.schema.js';
import { observableSchema } from '../records/answer.schema.js';
import { taskSchema } from '../tasks/tasks.schema.js';
import { timelineEventSchema } from '../timeline/timeline.schema.js';
import { recordTtpSchema } from '../ttps/ttps.schema.js';

/** What the document is, for whoever reads it later. */
export const CASE_EXPORT_FORMAT = 'casebender-case/1';

export const caseExportQuery = z.strictObject({
  format: z
    .enum(['json', 'markdown'])
    .default('json')
    .meta({ description: 'One document to keep or to import, or a report to read.' }),
});

export type CaseExportQuery = z.output<typeof caseExportQuery>;

/** A case with all that belongs to it, as far as the caller may see it; files without their contents. */
export const caseExportSchema = z
  .object({
    format: z.literal(CASE_EXPORT_FORMAT),
    case: caseDetailSchema.omit({ tasks: true, observables: true, alerts: true }),
    tasks: z.array(taskSchema).meta({ description: 'In their order.' }),
    observables: z.array(observableSchema),
    comments: z
      .array(commentSchema)
      .meta({ description: 'Of the case and of its tasks, oldest first.' }),
    attachments: z.array(attachmentSchema).meta({
      description: 'Of the case and of its tasks; `/attachments/{id}/download` has the contents.',
    }),
    ttps: z.array(recordTtpSchema),
    timeline: z.array(timelineEventSchema).meta({ description: 'Oldest first.' }),
    activities: z.array(activitySchema).meta({ description: 'Oldest first.' }),
    links: z.array(caseLinkSchema),
    alerts: z.array(alertSchema),
  })
  .meta({ id: 'CaseExport' });

export type CaseExport = z.output<typeof caseExportSchema>;
