import { newId } from '../common/ids.js';
import type { Sql } from '../database/sql.js';
import type { ChildList } from '../records/child-list.js';
import type { Parent } from '../records/parent.js';
import { instantSql } from '../records/record-sql.js';
import { uniteTtps } from './ttp-union.js';
import type { SeenTtp, UnitedTtp } from './ttp-union.js';
import type { RecordTtp } from './ttps.schema.js';

/** The technique `t` on the record of the link `l`, as answers show it. */
const ANSWER = `json_build_object('id', l.id, 'alertId', l.alert_id, 'caseId', l.case_id, 'ttpId', l.ttp_id,
  'techniqueId', t.technique_id, 'name', t.name, 'tactic', l.tactic, 'occurredAt', ${instantSql('l.occurred_at')},
  'note', l.note, 'createdById', l.created_by_id, 'createdAt', ${instantSql('l.created_at')},
  'updatedAt', ${instantSql('l.updated_at')}, 'version', l.version)`;

const JOINED_TTP = 'JOIN ttps t ON t.id = l.ttp_id';

/** The techniques on a record. */
export function ttpsOf({ kind, id }: Parent): ChildList {
  return {
    name: `ttps of ${id}`,
    table: 'record_ttps l',
    alias: 'l',
    joins: JOINED_TTP,
    answer: ANSWER,
    conditions: (params) => [`l.${kind}_id = ${params.add(id, 'uuid')}`],
  };
}

/** A technique on a record, with the tactics it serves. */
export interface FoundTtp {
  readonly ttp: RecordTtp;
  readonly tactics: readonly string[];
}

/** The technique of that id on a record, whoever may see it; null when there is none. */
export async function findRecordTtp(
  sql: Sql,
  { kind, id: parentId }: Parent,
  id: string,
): Promise<FoundTtp | null> {
  const [row] = await sql<FoundTtp>(
    `SELECT ${ANSWER} AS ttp, t.tactics FROM record_ttps l ${JOINED_TTP}
     WHERE l.id = $1::uuid AND l.${kind}_id = $2::uuid`,
    [id, parentId],
  );
  return row ?? null;
}

/** The id of a technique with a tactic on a record; null when it is not there. */
export async function findEqualTtp(
  sql: Sql,
  { kind, id }: Parent,
  { ttpId, tactic }: Pick<RecordTtp, 'ttpId' | 'tactic'>,
): Promise<string | null> {
  const [row] = await sql<{ id: string }>(
    `SELECT l.id FROM record_ttps l
     WHERE l.${kind}_id = $1::uuid AND l.ttp_id = $2::uuid AND l.tactic IS NOT DISTINCT FROM $3::text`,
    [id, ttpId, tactic],
  );
  return row?.id ?? null;
}

/** A technique on a record, as promotion and merging move it. */
interface HeldTtp extends SeenTtp {
  readonly caseId: string | null;
}

/** The techniques of a case, then the oldest first those of others. */
async function readHeld(
  sql: Sql,
  caseId: string,
  others: string,
  ids: readonly string[],
): Promise<HeldTtp[]> {
  const rows = await sql<{ ttp: HeldTtp }>(
    `SELECT json_build_object('id', l.id, 'caseId', l.case_id, 'ttpId', l.ttp_id, 'tactic', l.tactic,
       'occurredAt', ${instantSql('l.occurred_at')}, 'note', l.note) AS ttp
     FROM (SELECT * FROM record_ttps WHERE case_id = $1::uuid
           UNION ALL SELECT * FROM record_ttps WHERE ${others} = ANY($2::uuid[])) l
     ORDER BY l.case_id IS DISTINCT FROM $1::uuid, l.created_at, l.id`,
    [caseId, ids],
  );
  return rows.map((row) => row.ttp);
}

/**
 * Unites the techniques of alerts with the case's: an equal one once, as seen at first, with the notes of all.
 *
 * All of the records must be held.
 */
export async function copyTtps(
  sql: Sql,
  caseId: string,
  alertIds: readonly string[],
  createdById: string,
): Promise<void> {
  const united = uniteTtps(await readHeld(sql, caseId, 'alert_id', alertIds));
  const added = united.filter(({ first }) => first.caseId === null);
  if (added.length > 0) {
    await sql(
      `INSERT INTO record_ttps (id, case_id, ttp_id, tactic, occurred_at, note, created_by_id)
       SELECT x.id, $1::uuid, x."ttpId", x.tactic, x."occurredAt", x.note, $2::uuid
       FROM jsonb_to_recordset($3::jsonb) AS x(id uuid, "ttpId" uuid, tactic text, "occurredAt" timestamptz, note text)`,
      [caseId, createdById, JSON.stringify(added.map((each) => ({ ...rowOf(each), id: newId() })))],
    );
  }
  await keepInCase(
    sql,
    caseId,
    united.filter(({ first }) => first.caseId !== null),
  );
}

/**
 * Moves the techniques of cases to another: an equal one once, as seen at first, with the notes of all.
 *
 * All of the cases must be held.
 */
export async function moveTtps(
  sql: Sql,
  fromCaseIds: readonly string[],
  toCaseId: string,
): Promise<void> {
  const united = uniteTtps(await readHeld(sql, toCaseId, 'case_id', fromCaseIds));
  const doubled = united.flatMap(({ others }) => others.map(({ id }) => id));
  if (doubled.length > 0)
    await sql('DELETE FROM record_ttps WHERE id = ANY($1::uuid[])', [doubled]);
  await keepInCase(sql, toCaseId, united);
}

/** Makes the first of each the case's, with what is united; one that is so already stays as it is. */
async function keepInCase(
  sql: Sql,
  caseId: string,
  united: readonly UnitedTtp<HeldTtp>[],
): Promise<void> {
  const changed = united.filter(
    ({ first, occurredAt, note }) =>
      first.caseId !== caseId || first.occurredAt !== occurredAt || first.note !== note,
  );
  if (changed.length === 0) return;
  await sql(
    `UPDATE record_ttps l SET case_id = $1::uuid, occurred_at = x."occurredAt", note = x.note,
       version = l.version + 1, updated_at = now()
     FROM jsonb_to_recordset($2::jsonb) AS x(id uuid, "occurredAt" timestamptz, note text) WHERE l.id = x.id`,
    [caseId, JSON.stringify(changed.map(rowOf))],
  );
}

function rowOf({ first, occurredAt, note }: UnitedTtp<HeldTtp>) {
  return { id: first.id, ttpId: first.ttpId, tactic: first.tactic, occurredAt, note };
}
