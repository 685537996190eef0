import { z } from 'zod';
import { idSchema, instantInput, text } from '../common/fields.js';
import type { SqlParams } from '../database/sql.js';
import { toStatusValue } from '../statuses/statuses.service.js';
import type { Status } from '../statuses/statuses.service.js';
import type { RecordKind } from './record-writes.js';

const VALUES_MAX = 100;
const WORDS_MAX = 10;

function wordsOf(q: string): string[] {
  return q
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
}

/** What was given as a list; of one that is too long, no more than it takes to be refused. */
function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value.slice(0, VALUES_MAX + 1) : [value];
}

const LIST_TEXT_MAX = 10_000;

function splitAtCommas(part: unknown): unknown[] {
  if (typeof part !== 'string' || part.length > LIST_TEXT_MAX) return [part];
  return part.split(',').map((piece) => piece.trim());
}

/** One or more values: a list, one value, or text with commas as query strings carry it. */
function values<T extends z.ZodType>(item: T) {
  return z.preprocess(
    (value) =>
      listOf(value)
        .flatMap(splitAtCommas)
        .filter((part) => part !== ''),
    z.array(item).min(1).max(VALUES_MAX),
  );
}

/** One or more texts as they are, which may hold commas: a list, or one. */
function texts<T extends z.ZodType>(item: T) {
  return z.preprocess(listOf, z.array(item).min(1).max(VALUES_MAX));
}

/** Yes or no, as JSON or as query text. */
export const flag = z.union([
  z.boolean(),
  z.enum(['true', 'false']).transform((value) => value === 'true'),
]);

const integer = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value),
    z.number().int().min(min).max(max),
  );

const NONE = 'none';

/** The filters that alert and case lists have in common, alike in query strings and search bodies. */
export const recordFilters = {
  status: values(text(64))
    .optional()
    .meta({ description: 'Status values.', example: ['new', 'in-progress'] }),
  stage: values(z.enum(['New', 'InProgress', 'Closed'])).optional(),
  severity: values(integer(1, 4)).optional(),
  severityMin: integer(1, 4).optional(),
  tlp: values(integer(0, 4)).optional(),
  pap: values(integer(0, 4)).optional(),
  type: texts(text(64)).optional(),
  source: texts(text(64)).optional(),
  sourceRef: texts(text(256)).optional(),
  assigneeId: values(z.union([z.literal(NONE), idSchema]))
    .optional()
    .meta({ description: 'Ids, or `none`.' }),
  tag: texts(z.union([integer(1, 2_147_483_647), text(100)]))
    .optional()
    .meta({ description: 'Tag ids or names.' }),
  organizationId: values(idSchema).optional(),
  teamId: values(idSchema).optional(),
  clientId: values(idSchema).optional(),
  createdAfter: instantInput.optional().meta({ description: 'From this instant on.' }),
  createdBefore: instantInput.optional().meta({ description: 'Before this instant.' }),
  updatedAfter: instantInput.optional().meta({ description: 'From this instant on.' }),
  q: text(200)
    .refine((value) => wordsOf(value).length >= 1 && wordsOf(value).length <= WORDS_MAX, {
      error: `expected 1 to ${WORDS_MAX} words`,
    })
    .optional()
    .meta({
      description:
        'Words in the title and the first 65 536 characters of the description; each may be a prefix, or a substring of 3 or more characters.',
    }),
};

export type RecordFilter = z.output<z.ZodObject<typeof recordFilters>>;

/** The conditions on the record `r` that a filter means; an unknown value matches nothing. */
export function filterConditions(
  kind: RecordKind,
  filter: RecordFilter,
  statuses: ReadonlyMap<string, Status>,
  params: SqlParams,
): string[] {
  const conditions: string[] = [];
  const among = (column: string, wanted: readonly unknown[] | undefined, type: string) => {
    if (!wanted) return;
    const [only] = wanted;
    conditions.push(
      wanted.length === 1
        ? `r.${column} = ${params.add(only, type)}`
        : `r.${column} = ANY(${params.add(wanted, `${type}[]`)})`,
    );
  };
  const linked = (table: string, column: string, wanted: readonly string[] | undefined) => {
    if (!wanted) return;
    conditions.push(
      `EXISTS (SELECT 1 FROM ${kind}_${table} link WHERE link.${kind}_id = r.id AND link.${column} = ANY(${params.add(wanted, 'uuid[]')}))`,
    );
  };
  if (filter.status) {
    among(
      'status_id',
      filter.status.map((value) => statuses.get(toStatusValue(value))?.id ?? null),
      'uuid',
    );
  }
  if (filter.stage) {
    const { stage } = filter;
    const ids = [...statuses.values()]
      .filter((status) => stage.includes(status.stage))
      .map((status) => status.id);
    conditions.push(`r.status_id = ANY(${params.add(ids, 'uuid[]')})`);
  }
  among('severity', filter.severity, 'smallint');
  if (filter.severityMin !== undefined)
    conditions.push(`r.severity >= ${params.add(filter.severityMin, 'smallint')}`);
  among('tlp', filter.tlp, 'smallint');
  among('pap', filter.pap, 'smallint');
  among('type', filter.type, 'text');
  among('source', filter.source, 'text');
  among('source_ref', filter.sourceRef, 'text');
  if (filter.assigneeId) {
    const ids = filter.assigneeId.filter((id) => id !== NONE);
    const isNone = ids.length < filter.assigneeId.length ? 'r.assignee_id IS NULL' : 'false';
    conditions.push(`(${isNone} OR r.assignee_id = ANY(${params.add(ids, 'uuid[]')}))`);
  }
  if (filter.tag) conditions.push(tagCondition(kind, filter.tag, params));
  if (filter.organizationId) {
    const ids = params.add(filter.organizationId, 'uuid[]');
    conditions.push(
      `(r.organization_id = ANY(${ids}) OR EXISTS (SELECT 1 FROM ${kind}_shares share
        WHERE share.${kind}_id = r.id AND share.organization_id = ANY(${ids})))`,
    );
  }
  linked('teams', 'team_id', filter.teamId);
  among('client_id', filter.clientId, 'uuid');
  if (filter.createdAfter)
    conditions.push(`r.created_at >= ${params.add(filter.createdAfter, 'timestamptz')}`);
  if (filter.createdBefore)
    conditions.push(`r.created_at < ${params.add(filter.createdBefore, 'timestamptz')}`);
  if (filter.updatedAfter)
    conditions.push(`r.updated_at >= ${params.add(filter.updatedAfter, 'timestamptz')}`);
  if (filter.q !== undefined) conditions.push(...textConditions(filter.q, params));
  return conditions;
}

function tagCondition(
  kind: RecordKind,
  wanted: readonly (number | string)[],
  params: SqlParams,
): string {
  const ids = wanted.filter((tag) => typeof tag === 'number');
  const names = wanted.map((tag) => String(tag).toLowerCase());
  return `EXISTS (SELECT 1 FROM ${kind}_tags link JOIN tags tag ON tag.id = link.tag_id WHERE link.${kind}_id = r.id
    AND (tag.id = ANY(${params.add(ids, 'int[]')}) OR lower(tag.name) = ANY(${params.add(names, 'text[]')})))`;
}

/** What text search looks at; the trigram indexes are on this very expression. */
const SEARCHED_TEXT = `lower(' ' || r.title || ' ' || left(coalesce(r.description, ''), 65536))`;

/** What a word starts after; written out one by one, for the trigram indexes know no classes. */
const WORD_STARTS = [' ', '\n', '\t'];

/** Every word must occur: from three characters on anywhere, shorter ones at the start of a word. */
function textConditions(q: string, params: SqlParams): string[] {
  return wordsOf(q).map((word) => {
    const literal = word.replace(/[\\%_]/g, '\\$&');
    const starts = word.length < 3 ? WORD_STARTS : [''];
    const patterns = starts.map(
      (start) => `${SEARCHED_TEXT} LIKE ${params.add(`%${start}${literal}%`)}`,
    );
    return `(${patterns.join(' OR ')})`;
  });
}
