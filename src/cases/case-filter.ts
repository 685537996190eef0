import { z } from 'zod';
import type { ListCondition } from '../access/visible-list.js';
import { instantInput } from '../common/fields.js';
import { listQuery, searchAnswer, searchBody } from '../common/pagination.js';
import type { SqlParams } from '../database/sql.js';
import { filterConditions, flag, recordFilters, values } from '../records/record-filter.js';
import { RECORD_SORT_FIELDS } from '../records/record.schema.js';
import { slaDueBefore, slaStatusConditions } from '../sla/sla-sql.js';
import { slaStatusSchema } from '../sla/sla.schema.js';
import type { Status } from '../statuses/statuses.service.js';
import { listedCaseSchema } from './cases.schema.js';

const filters = {
  ...recordFilters,
  flag: flag.optional(),
  slaStatus: values(slaStatusSchema)
    .optional()
    .meta({ description: 'Where the clock of the SLA stands now.', example: ['warning'] }),
  slaDueBefore: instantInput
    .optional()
    .meta({ description: 'With a deadline before this instant, also of closed cases.' }),
};

const SORT_FIELDS = [...RECORD_SORT_FIELDS, 'slaDeadline'];

export const caseListQuery = listQuery(SORT_FIELDS, filters);

/** The list's filters as JSON. */
export const caseSearchBody = searchBody('SearchCases', SORT_FIELDS, filters, {
  q: 'powershell',
  severityMin: 3,
  stage: ['New', 'InProgress'],
  limit: 25,
});

export type CaseListQuery = z.output<typeof caseListQuery>;

export const caseSearchAnswer = searchAnswer('CaseSearchAnswer', listedCaseSchema);

/** The conditions on the case `r` that a list's filters mean. */
export function caseConditions(
  filter: CaseListQuery,
  statuses: ReadonlyMap<string, Status>,
  params: SqlParams,
): ListCondition[] {
  const conditions = filterConditions('case', filter, statuses, params);
  if (filter.slaStatus) conditions.push(...slaStatusConditions(filter.slaStatus, params));
  if (filter.slaDueBefore) conditions.push(slaDueBefore(filter.slaDueBefore, params));
  if (filter.flag !== undefined)
    conditions.push({ text: `r.flag = ${params.add(filter.flag, 'bool')}` });
  return conditions;
}
