import { z } from 'zod';
import { CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { ListCondition } from '../access/visible-list.js';
import type { Principal } from '../auth/principal.js';
import { idSchema } from '../common/fields.js';
import { listQuery, searchAnswer, searchBody } from '../common/pagination.js';
import type { SqlParams } from '../database/sql.js';
import { equalTo, filterConditions, flag, recordFilters } from '../records/record-filter.js';
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

/** The list of the alerts of one case. */
export const caseAlertListQuery = listQuery(RECORD_SORT_FIELDS, {});

/** The list's filters as JSON. */
export const alertSearchBody = searchBody('SearchAlerts', RECORD_SORT_FIELDS, filters, {
  q: 'powershell',
  severityMin: 3,
  stage: ['New', 'InProgress'],
  limit: 25,
});

export type AlertListQuery = z.output<typeof alertListQuery>;
export type CaseAlertListQuery = z.output<typeof caseAlertListQuery>;

export const alertSearchAnswer = searchAnswer('AlertSearchAnswer', alertSchema);

/** The conditions on the alert `r` that a list's filters mean; a case that the caller may not see is none. */
export function alertConditions(
  principal: Principal,
  filter: AlertListQuery,
  statuses: ReadonlyMap<string, Status>,
  params: SqlParams,
): ListCondition[] {
  const conditions = filterConditions('alert', filter, statuses, params);
  if (filter.caseId === undefined && filter.hasCase === undefined) return conditions;
  const seen = `k.id = r.case_id AND k.deleted_at IS NULL AND ${visibleTo(principal, CASE_TABLES, 'k', params)}
    AND ${clearedFor(principal, 'k', params)}`;
  const hasCase = `EXISTS (SELECT 1 FROM cases k WHERE ${seen})`;
  if (filter.caseId === 'none' || filter.hasCase === false)
    conditions.push({ text: `NOT ${hasCase}` });
  if (filter.hasCase === true) conditions.push({ text: hasCase });
  if (filter.caseId !== undefined && filter.caseId !== 'none') {
    conditions.unshift(...equalTo('case_id', [filter.caseId], 'uuid', params), { text: hasCase });
  }
  return conditions;
}
