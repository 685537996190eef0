import type { Sql } from '../database/sql.js';

/** There only while the transaction that makes it runs, and only for that. */
const SCHEMA = 'casebender_demo';

const MOMENT = `${SCHEMA}.moment`;

/** The functions of PostgreSQL by which the services know the time. */
const CLOCKS = ['now', 'statement_timestamp'];

type RecordKind = 'alert' | 'case';

/** Where a record and its parts keep the times at which they were written, and how their rows are found. */
const WRITTEN: Record<RecordKind, readonly Written[]> = {
  alert: [
    { table: 'alerts', of: 'x.id = $1::uuid', times: ['created_at', 'updated_at'] },
    ...partsOf('alert'),
  ],
  case: [
    { table: 'cases', of: 'x.id = $1::uuid', times: ['created_at', 'updated_at'] },
    ...partsOf('case'),
    {
      table: 'tasks',
      of: 'x.case_id = $1::uuid AND x.deleted_at IS NULL',
      times: ['created_at', 'updated_at', 'started_at', 'completed_at'],
    },
    {
      table: 'comments',
      of: 'x.task_id IN (SELECT id FROM tasks WHERE case_id = $1::uuid AND deleted_at IS NULL) AND x.deleted_at IS NULL',
      times: ['created_at', 'updated_at'],
    },
    {
      table: 'timeline_events',
      of: 'x.case_id = $1::uuid AND x.deleted_at IS NULL',
      times: ['created_at', 'updated_at'],
    },
    {
      table: 'case_links',
      of: '(x.case_id = $1::uuid OR x.other_case_id = $1::uuid)',
      times: ['created_at'],
    },
  ],
};

interface Written {
  readonly table: string;
  readonly of: string;
  readonly times: readonly string[];
}

function partsOf(kind: RecordKind): Written[] {
  const of = `x.${kind}_id = $1::uuid`;
  return [
    {
      table: 'observables',
      of: `${of} AND x.deleted_at IS NULL`,
      times: ['created_at', 'updated_at', 'start_date'],
    },
    { table: 'activities', of, times: ['created_at'] },
    {
      table: 'comments',
      of: `${of} AND x.deleted_at IS NULL`,
      times: ['created_at', 'updated_at'],
    },
    { table: 'attachments', of: `${of} AND x.deleted_at IS NULL`, times: ['created_at'] },
    { table: 'record_ttps', of, times: ['created_at', 'updated_at'] },
  ];
}

const MOVE: Record<RecordKind, string> = { alert: moveSql('alert'), case: moveSql('case') };

/** Gives what was written after `$3` on a record the time `$2`; answers when the clock of a case next moves by itself. */
function moveSql(kind: RecordKind): string {
  const moves = WRITTEN[kind].map(({ table, of, times }, place) => {
    const sets = times.map(
      (time) =>
        `${time} = CASE WHEN x.${time} > $3::timestamptz THEN $2::timestamptz ELSE x.${time} END`,
    );
    const isNew = times.map((time) => `x.${time} > $3::timestamptz`).join(' OR ');
    return `moved_${place} AS (UPDATE ${table} x SET ${sets.join(', ')} WHERE ${of} AND (${isNew}))`;
  });
  const next =
    kind === 'case'
      ? 'SELECT sla_next_at AS "nextAt" FROM cases WHERE id = $1::uuid'
      : 'SELECT NULL AS "nextAt"';
  return `WITH ${moves.join(',\n')} ${next}`;
}

/** A record whose rows a moment writes. */
export interface RecordRef {
  readonly kind: RecordKind;
  readonly id: string;
}

/**
 * Lets services work in the past, inside one transaction.
 *
 * For the statements of this transaction `now()` is the moment, as its search path leads to functions of
 * that name first; nobody else ever sees them. So clocks, first entries and deadlines are computed by the
 * same code and from the same facts as if it were that time. What takes the time from elsewhere, from the
 * defaults of columns or from Node, is moved after each piece of work: on the records that it was about,
 * whatever is later than the end of the month has just been written. The audit trail keeps the real time.
 */
export class Past {
  private readonly nextMs = new Map<string, number>();

  private constructor(
    private readonly sql: Sql,
    private readonly until: string,
  ) {}

  /** Begins the past of a transaction; all of it lies before `untilMs`, which itself is past. */
  static async begin(sql: Sql, untilMs: number): Promise<Past> {
    await sql(`CREATE SCHEMA ${SCHEMA}`, []);
    for (const clock of CLOCKS)
      await sql(
        `CREATE FUNCTION ${SCHEMA}.${clock}() RETURNS timestamptz STABLE LANGUAGE sql
         AS $$ SELECT current_setting('${MOMENT}')::timestamptz $$`,
        [],
      );
    const past = new Past(sql, new Date(untilMs).toISOString());
    await past.set(untilMs);
    await sql(
      `SELECT set_config('search_path', '${SCHEMA}, pg_catalog, ' || current_setting('search_path'), true)`,
      [],
    );
    return past;
  }

  /** Does `work` as of a moment; `records` names all records it writes, those it makes as well. */
  async at<T>(
    atMs: number,
    work: () => Promise<T>,
    records: (result: T) => readonly RecordRef[],
  ): Promise<T> {
    await this.set(atMs);
    const result = await work();
    for (const record of records(result)) await this.move(record, atMs);
    return result;
  }

  /** The case whose clock is the next to move by itself, and when; null when none does before `atMs`. */
  nextClock(atMs: number): { readonly id: string; readonly atMs: number } | null {
    let next: { readonly id: string; readonly atMs: number } | null = null;
    for (const [id, dueMs] of this.nextMs)
      if (dueMs <= (next?.atMs ?? atMs)) next = { id, atMs: dueMs };
    return next;
  }

  /** Gives up what lets the transaction see the past. */
  async end(): Promise<void> {
    await this.sql(
      `SELECT set_config('search_path', replace(current_setting('search_path'), '${SCHEMA}, pg_catalog, ', ''), true)`,
      [],
    );
    await this.sql(`DROP SCHEMA ${SCHEMA} CASCADE`, []);
  }

  /** Gives what was just written on a record the time of its moment. */
  async move({ kind, id }: RecordRef, atMs: number): Promise<void> {
    const values = [id, new Date(atMs).toISOString(), this.until];
    const [row] = await this.sql<{ nextAt: Date | null }>(MOVE[kind], values);
    if (row?.nextAt) this.nextMs.set(id, row.nextAt.getTime());
    else this.nextMs.delete(id);
  }

  private async set(atMs: number): Promise<void> {
    await this.sql(`SELECT set_config('${MOMENT}', $1, true)`, [new Date(atMs).toISOString()]);
  }
}
