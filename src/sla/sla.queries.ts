import { insertActivitiesSql, toSystemActivityRow } from '../activities/activity.js';
import { insertAuditSql, toSystemAuditRow } from '../audit/audit-entry.js';
import type { FieldChange } from '../audit/audit-entry.js';
import type { Marking } from '../access/access.js';
import type { Sql } from '../database/sql.js';
import { scheduleJobsSql } from '../jobs/job-sql.js';
import { isSame, toActivities } from '../records/record-changes.js';
import { instantSql } from '../records/record-sql.js';
import { clockOf } from './sla-clock.js';
import type { ClockFacts } from './sla-clock.js';
import { slaColumns, slaNextSql, slaStatusSql } from './sla-sql.js';
import type { SlaStatus } from './sla.schema.js';

/** The kind of job that moves the status of a clock when its moment comes. */
export const SLA_JOB = 'sla';

const BATCH_MAX = 1_000;

/** What answers show of a clock. */
interface ShownClock {
  readonly slaDeadline: string | null;
  readonly slaStatus: SlaStatus | null;
  readonly slaStartedAt: string | null;
  readonly slaUpdatedAt: string | null;
  readonly slaPausedAt: string | null;
}

interface ClockRow extends ClockFacts, Marking {
  readonly id: string;
  readonly organizationId: string;
  readonly now: string;
  /** The status that history knows of; time may have moved on. */
  readonly storedStatus: SlaStatus | null;
  readonly shown: ShownClock;
}

/** A clock that was set right, and what of the case changed with it. */
export interface SettledClock extends Marking {
  readonly id: string;
  readonly organizationId: string;
  readonly shown: ShownClock;
  readonly changes: readonly FieldChange[];
}

const shownSql = (columns: string) => `(SELECT row_to_json(x) FROM (SELECT ${columns}) x) AS shown`;

const READ = `
SELECT r.id::text AS id, r.organization_id::text AS "organizationId", r.tlp, r.pap, r.sla_config AS config,
  ${instantSql('r.created_at')} AS "startedAt", s.stage, r.sla_stops AS stops, ${instantSql('statement_timestamp()')} AS now,
  r.sla_status AS "storedStatus", ${shownSql(slaColumns())}
FROM cases r JOIN statuses s ON s.id = r.status_id WHERE r.id = ANY($1::uuid[]) ORDER BY r.id`;

const WRITE = `
WITH clocks AS (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS x(id uuid, now timestamptz, stops jsonb, "isPassed" bool, sla_started_at timestamptz,
    sla_paused_at timestamptz, sla_ended_at timestamptz, sla_warning_at timestamptz, sla_critical_at timestamptz, sla_deadline timestamptz)),
settled AS (
  UPDATE cases r SET sla_stops = x.stops, sla_started_at = x.sla_started_at, sla_paused_at = x.sla_paused_at,
    sla_ended_at = x.sla_ended_at, sla_warning_at = x.sla_warning_at, sla_critical_at = x.sla_critical_at,
    sla_deadline = x.sla_deadline, sla_status = ${slaStatusSql('x', 'x.now')}, sla_next_at = ${slaNextSql('x', 'x.now')},
    sla_updated_at = CASE WHEN x.sla_started_at IS NULL THEN NULL
      WHEN (r.sla_status, r.sla_deadline, r.sla_warning_at, r.sla_critical_at, r.sla_paused_at)
        IS NOT DISTINCT FROM (${slaStatusSql('x', 'x.now')}, x.sla_deadline, x.sla_warning_at, x.sla_critical_at, x.sla_paused_at)
      THEN r.sla_updated_at ELSE x.now END,
    version = CASE WHEN x."isPassed" THEN r.version + 1 ELSE r.version END,
    updated_at = CASE WHEN x."isPassed" THEN x.now ELSE r.updated_at END
  FROM clocks x WHERE r.id = x.id RETURNING r.*),
due AS (SELECT '${SLA_JOB}:' || id AS key, jsonb_build_object('caseId', id) AS payload, sla_next_at AS run_at FROM settled),
${scheduleJobsSql(SLA_JOB, 'due')},
history AS (${insertActivitiesSql('$2::jsonb')}),
entries AS (${insertAuditSql('$3::jsonb')})
SELECT r.id::text AS id, ${shownSql(slaColumns('r.sla_status'))} FROM settled r`;

/**
 * Sets the clocks of cases right after whatever they follow from has changed: the configuration, the
 * stage, a pause, or just the time. The rows must be held.
 *
 * Everything that writes the status or the SLA of a case comes by here. A change of status that time
 * brought about is recorded, as the server's own doing; what else changed is answered, to be recorded
 * with what caused it.
 */
export async function settleClocks(sql: Sql, caseIds: readonly string[]): Promise<SettledClock[]> {
  const settled: SettledClock[] = [];
  for (let start = 0; start < caseIds.length; start += BATCH_MAX)
    settled.push(...(await settleBatch(sql, caseIds.slice(start, start + BATCH_MAX))));
  return settled;
}

/** The same for one case; answers what changed with it. */
export async function settleClock(sql: Sql, caseId: string): Promise<readonly FieldChange[]> {
  const [settled] = await settleClocks(sql, [caseId]);
  return settled?.changes ?? [];
}

async function settleBatch(sql: Sql, caseIds: readonly string[]): Promise<SettledClock[]> {
  const rows = (await sql<ClockRow>(READ, [caseIds])).flatMap((row) => {
    const clock = clockOf(row, row.now);
    const isIdle = !row.config && row.shown.slaStartedAt === null && isSame(clock.stops, row.stops);
    return isIdle
      ? []
      : [
          {
            ...row,
            clock,
            passed: changesOf({ ...row.shown, slaStatus: row.storedStatus }, row.shown),
          },
        ];
  });
  if (rows.length === 0) return [];
  const written = await sql<{ id: string; shown: ShownClock }>(WRITE, [
    JSON.stringify(
      rows.map(({ id, now, clock, passed }) => ({
        id,
        now,
        stops: clock.stops,
        isPassed: passed.length > 0,
        sla_started_at: clock.startedAt,
        sla_paused_at: clock.pausedAt,
        sla_ended_at: clock.endedAt,
        sla_warning_at: clock.warningAt,
        sla_critical_at: clock.criticalAt,
        sla_deadline: clock.deadline,
      })),
    ),
    JSON.stringify(
      rows.flatMap((row) =>
        toActivities({ caseId: row.id }, row.passed, row).map(toSystemActivityRow),
      ),
    ),
    JSON.stringify(
      rows.flatMap(({ id, organizationId, passed }) =>
        passed.length === 0
          ? []
          : toSystemAuditRow({
              action: 'case.updated',
              targetKind: 'case',
              targetId: id,
              organizationId,
              changes: passed,
            }),
      ),
    ),
  ]);
  const after = new Map(written.map(({ id, shown }) => [id, shown]));
  return rows.map(({ id, organizationId, tlp, pap, shown }) => {
    const now = after.get(id);
    if (!now) throw new Error('A held case is gone.');
    return { id, organizationId, tlp, pap, shown: now, changes: changesOf(shown, now) };
  });
}

/** What of a clock history tells; the rest follows from it. */
const TOLD = ['slaStatus', 'slaDeadline', 'slaPausedAt'] as const;

function changesOf(before: ShownClock, after: ShownClock): FieldChange[] {
  return TOLD.flatMap((field) =>
    before[field] === after[field] ? [] : [{ field, old: before[field], new: after[field] }],
  );
}

/** Holds those of the cases that are there and nobody else holds, in one order for everybody. */
export async function holdClocks(sql: Sql, caseIds: readonly string[]): Promise<string[]> {
  const rows = await sql<{ id: string }>(
    `SELECT id::text AS id FROM cases WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL ORDER BY cases.id FOR UPDATE SKIP LOCKED`,
    [caseIds],
  );
  return rows.map(({ id }) => id);
}

/** Lets the jobs of those of the cases that are there come again shortly. */
export async function postponeClocks(sql: Sql, caseIds: readonly string[]): Promise<void> {
  await sql(
    `WITH due AS (SELECT '${SLA_JOB}:' || id AS key, jsonb_build_object('caseId', id) AS payload, now() + interval '1 second' AS run_at
       FROM cases WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL),
     ${scheduleJobsSql(SLA_JOB, 'due')} SELECT 1`,
    [caseIds],
  );
}

/** Stops the clock of a case that runs and is held. */
export async function pauseClock(sql: Sql, caseId: string): Promise<readonly FieldChange[]> {
  await sql(
    `UPDATE cases SET sla_stops = sla_stops || jsonb_build_array(
       jsonb_build_object('reason', 'pause', 'from', ${instantSql('statement_timestamp()')}, 'to', NULL)) WHERE id = $1::uuid`,
    [caseId],
  );
  return settleClock(sql, caseId);
}

/** Lets the clock of a case that is paused and held go on. */
export async function resumeClock(sql: Sql, caseId: string): Promise<readonly FieldChange[]> {
  await sql(
    `UPDATE cases SET sla_stops = jsonb_set(sla_stops, '{-1,to}', to_jsonb(${instantSql('statement_timestamp()')})) WHERE id = $1::uuid`,
    [caseId],
  );
  return settleClock(sql, caseId);
}
