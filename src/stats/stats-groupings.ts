import { PAP_LABELS, TLP_LABELS, severityLabel } from '../records/record-labels.js';
import { personNameSql } from '../records/record-sql.js';
import type { RecordKind } from '../records/record-writes.js';
import { slaStatusSql } from '../sla/sla-sql.js';
import type { ALERT_GROUPINGS, CASE_GROUPINGS, TASK_GROUPINGS } from './stats.schema.js';

interface Links {
  readonly table: string;
  readonly key: string;
  readonly value: string;
  /** Whether a record may be linked to one value more than once; it counts once. */
  readonly isRepeated?: true;
}

/** What records are told apart by, as SQL that speaks of the record `r`. */
export interface Grouping {
  /** The value of a record, null when it has none. */
  readonly value: string;
  /** Where a record may have several values: the table that links them to the id of the record, which is `value`. */
  readonly links?: Links;
  /** Where values are ids: rows of `id`, `key` and `label`. */
  readonly names?: string;
  /** What people call a value that has no name in the database. */
  readonly labelOf?: (key: string) => string;
}

/** `under-review` → `Under review` */
function inWords(key: string): string {
  return `${key.charAt(0).toUpperCase()}${key.slice(1).replaceAll('-', ' ')}`;
}

const named = (table: string, label = 'name') =>
  `SELECT id, id::text AS key, ${label} AS label FROM ${table}`;

export const PERSON_NAMES = named('users', personNameSql('users'));

/** The day of an instant, in UTC. */
export const dayOf = (instant: string) => `(${instant} AT TIME ZONE 'UTC')::date`;

const DAY: Grouping = { value: dayOf('r.created_at') };

/** The hour of the creation, as `hoursIn` writes it. */
const HOUR: Grouping = {
  value: `to_char(r.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24":00:00.000Z"')`,
};

function recordGroupings(kind: RecordKind) {
  return {
    status: { value: 'r.status_id', names: 'SELECT id, value AS key, label FROM statuses' },
    stage: {
      value: 'r.status_id',
      names:
        "SELECT id, stage AS key, CASE stage WHEN 'InProgress' THEN 'In progress' ELSE stage END AS label FROM statuses",
    },
    severity: { value: 'r.severity', labelOf: (key: string) => severityLabel(Number(key)) },
    tlp: { value: 'r.tlp', labelOf: (key: string) => TLP_LABELS[Number(key)] ?? key },
    pap: { value: 'r.pap', labelOf: (key: string) => PAP_LABELS[Number(key)] ?? key },
    type: { value: "coalesce(r.type, 'none')" },
    source: { value: "coalesce(r.source, 'none')" },
    assignee: { value: 'r.assignee_id', names: PERSON_NAMES, labelOf: () => 'Unassigned' },
    tag: {
      value: 'r.id',
      links: { table: `${kind}_tags`, key: `${kind}_id`, value: 'tag_id' },
      names: named('tags'),
    },
    technique: {
      value: 'r.id',
      links: { table: 'record_ttps', key: `${kind}_id`, value: 'ttp_id', isRepeated: true },
      names: 'SELECT id, technique_id AS key, name AS label FROM ttps',
    },
    organization: { value: 'r.organization_id', names: named('organizations') },
    client: { value: 'r.client_id', names: named('clients') },
    day: DAY,
    hour: HOUR,
  } satisfies Record<string, Grouping>;
}

export const ALERT_GROUPS: Record<(typeof ALERT_GROUPINGS)[number], Grouping> =
  recordGroupings('alert');

const records = recordGroupings('case');
export const CASE_GROUPS: Record<(typeof CASE_GROUPINGS)[number], Grouping> = {
  ...records,
  slaStatus: { value: slaStatusSql('r'), labelOf: inWords },
};

export const TASK_GROUPS: Record<(typeof TASK_GROUPINGS)[number], Grouping> = {
  status: { value: 'r.status', labelOf: inWords },
  assignee: records.assignee,
  tlp: records.tlp,
  organization: records.organization,
  day: DAY,
  hour: HOUR,
};
