import { JsonText } from '../common/json-text.js';
import { earlyEnd, jsonBytes, textBytes } from '../database/page-bytes.js';
import { labelsOf } from './record-labels.js';
import type { Labelled } from './record-labels.js';

/** A record as the database wrote it, with what its labels, its marking and its `ETag` need beside it. */
export interface RecordText extends Labelled {
  readonly id: string;
  readonly json: string;
  readonly tlp: number;
  readonly pap: number;
  readonly version: number;
}

/** The columns of a `RecordText` from a subquery `x` that names its columns as the answer does. */
export const TEXT_COLUMNS =
  'row_to_json(x)::text AS json, x.id, x."createdAt", x."updatedAt", x.severity, x.tlp, x.pap, x.version';

/** A row of a list, with the value it is sorted by. */
export interface ListedRow extends RecordText {
  readonly sort: string | number;
  /** Whether the page ends before it, as those before it are large. */
  readonly isBeyond: boolean;
}

/** What of the record `r` may be large. */
const BYTES: Readonly<Record<'alerts' | 'cases', readonly string[]>> = {
  alerts: [textBytes('r.description'), jsonBytes('r.custom_fields'), jsonBytes('r.ai_insights')],
  cases: [
    textBytes('r.description'),
    textBytes('r.resolution_summary'),
    jsonBytes('r.custom_fields'),
    jsonBytes('r.ai_insights'),
    jsonBytes('r.extra_data'),
  ],
};

/** The statement that reads the records of a page of ids, in its order; `columns` speaks of `r` and its status `s`. */
export function selectPage(
  table: 'alerts' | 'cases',
  page: string,
  columns: string,
  descending: boolean,
): string {
  const direction = descending ? 'DESC' : 'ASC';
  const orderBy = (rows: string) =>
    `ORDER BY ${rows}.sort_value ${direction}, ${rows}.id ${direction}`;
  return `WITH page AS MATERIALIZED (${page})
    SELECT x.json, x.id, x."createdAt", x."updatedAt", x.severity, x.tlp, x.pap, x.version, to_json(r.sort_value) AS sort,
      r.is_beyond AS "isBeyond"
    FROM (SELECT r.*, page.sort_value, ${earlyEnd(BYTES[table], orderBy('page'))} FROM page JOIN ${table} r ON r.id = page.id) r
    JOIN statuses s ON s.id = r.status_id
    CROSS JOIN LATERAL (SELECT ${TEXT_COLUMNS} FROM (SELECT ${columns}) x) x
    WHERE r.is_read ${orderBy('r')}`;
}

/** The answer: the record with the labels that depend on the moment and the language. */
export function toRecordText<T>(row: RecordText, nowMs = Date.now()): JsonText<T> {
  const labels = labelsOf(row, nowMs);
  return new JsonText(`${row.json.slice(0, -1)},${JSON.stringify(labels).slice(1)}`, row.version);
}
