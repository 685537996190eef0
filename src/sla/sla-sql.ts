import type { ListCondition } from '../access/visible-list.js';
import type { SqlParams } from '../database/sql.js';
import { equalTo } from '../records/record-filter.js';
import { instantSql } from '../records/record-sql.js';
import { SLA_DUE } from '../records/record.schema.js';
import type { SlaStatus } from './sla.schema.js';

/** The first instant past the deadline, which is a whole millisecond. */
function overdueAt(alias: string): string {
  return `(${alias}.sla_deadline + interval '1 millisecond')`;
}

/** Now, also in a transaction that began long ago and has waited for a lock. */
const NOW = 'statement_timestamp()';

/**
 * The status of the clock of the case `alias` at a moment, from the instants that are stored.
 *
 * So it is never out of date, also while `sla_status` waits for the job.
 */
export function slaStatusSql(alias: string, at = NOW): string {
  return `CASE WHEN ${alias}.sla_deadline IS NULL THEN NULL
    WHEN ${alias}.sla_ended_at <= ${alias}.sla_deadline THEN 'met' WHEN ${alias}.sla_ended_at IS NOT NULL THEN 'missed'
    WHEN ${alias}.sla_paused_at IS NOT NULL THEN 'paused' WHEN ${at} >= ${overdueAt(alias)} THEN 'breached'
    WHEN ${at} >= ${alias}.sla_critical_at THEN 'critical' WHEN ${at} >= ${alias}.sla_warning_at THEN 'warning'
    ELSE 'on-track' END`;
}

/** When, after a moment, the status of the case `alias` next changes by itself, if ever. */
export function slaNextSql(alias: string, at: string): string {
  const ahead = (instant: string) => `CASE WHEN ${instant} > ${at} THEN ${instant} END`;
  return `CASE WHEN ${alias}.sla_ended_at IS NULL AND ${alias}.sla_paused_at IS NULL THEN least(
    ${ahead(`${alias}.sla_warning_at`)}, ${ahead(`${alias}.sla_critical_at`)},
    ${ahead(overdueAt(alias))}) END`;
}

/** What answers show of the clock of the case `r`. */
export function slaColumns(status = slaStatusSql('r')): string {
  return `${instantSql('r.sla_deadline')} AS "slaDeadline", ${status} AS "slaStatus",
    ${instantSql('r.sla_started_at')} AS "slaStartedAt", ${instantSql('r.sla_updated_at')} AS "slaUpdatedAt",
    ${instantSql('r.sla_paused_at')} AS "slaPausedAt"`;
}

/** Statuses that time does not change: what is stored is true. */
const AT_REST: ReadonlySet<SlaStatus> = new Set(['paused', 'met', 'missed']);

/**
 * The condition that the clock of the case `r` has one of these statuses at this moment.
 *
 * What is stored is right until `sla_next_at`; the few cases that wait for the job are looked at one by one.
 */
export function slaStatusConditions(
  wanted: readonly SlaStatus[],
  params: SqlParams,
): ListCondition[] {
  if (wanted.every((status) => AT_REST.has(status)))
    return equalTo('sla_status', wanted, 'text', params);
  const statuses = params.add(wanted, 'text[]');
  return [
    {
      text: `((r.sla_status = ANY(${statuses}) AND coalesce(r.sla_next_at > ${NOW}, true))
        OR (r.sla_next_at <= ${NOW} AND ${slaStatusSql('r')} = ANY(${statuses})))`,
    },
  ];
}

/** The condition that the deadline of the case `r` lies before an instant. */
export function slaDueBefore(instant: string, params: SqlParams): ListCondition {
  const value = params.add(instant, 'timestamptz');
  return {
    text: `${SLA_DUE} < ${value}`,
    bound: { column: 'sla_deadline', operator: '<', value },
  };
}
