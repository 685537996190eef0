import { z } from 'zod';
import { idSchema } from '../common/fields.js';
import { listQuery, searchAnswer, searchBody } from '../common/pagination.js';
import type { SqlParams } from '../database/sql.js';
import { filterConditions, flag, recordFilters } from '../records/record-filter.js';
import { RECORD_SORT_FIELDS } from '../records/record.schema.js';
import type { Status } from '../statuses/statuses.service.js';
import { alertSchema } from './alerts.schema.js';

const filters = {
  ...recordFilters,
  caseId: z
    .union([z.literal('none'), idSchema])
    .optional()
    .meta({ description: 'An id, or `none`.' }),
  hasCase: flag.optional(),
};

export const alertListQuery = listQuery(RECORD_SORT_FIELDS, filters);

/** The list's filters as JSON. */
export const alertSearchBody = searchBody('SearchAlerts', RECORD_SORT_FIELDS, filters, {
  q: 'powershell',
  severityMin: 3,
  stage: ['New', 'InProgress'],
  limit: 25,
});

export type AlertListQuery = z.output<typeof alertListQuery>;

export const alertSearchAnswer = searchAnswer('AlertSearchAnswer', alertSchema);

/** The conditions on the alert `r` that a list's filters mean. */
export function alertConditions(
  filter: AlertListQuery,
  statuses: ReadonlyMap<string, Status>,
  params: SqlParams,
): string[] {
  const conditions = filterConditions('alert', filter, statuses, params);
  if (filter.caseId === 'none' || filter.hasCase === false) conditions.push('r.case_id IS NULL');
  else if (filter.caseId !== undefined)
    conditions.push(`r.case_id = ${params.add(filter.caseId, 'uuid')}`);
  if (filter.hasCase === true) conditions.push('r.case_id IS NOT NULL');
  return conditions;
}
