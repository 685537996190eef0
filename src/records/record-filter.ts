import { z } from 'zod';
import type { Bound, ListCondition } from '../access/visible-list.js';
import { idSchema, instantInput, text } from '../common/fields.js';
import type { SqlParams } from '../database/sql.js';
import { toStatusValue } from '../statuses/statuses.service.js';
import type { Status } from '../statuses/statuses.service.js';
import { techniqueIdSchema } from '../ttps/technique.js';
import type { RecordKind } from './record-writes.js';
import { searchedText, textConditions, wordsOf, wordsSchema } from './text-search.js';

const VALUES_MAX = 100;

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
export function values<T extends z.ZodType>(item: T) {
  return z.preprocess(
    (value) =>
      listOf(value)
        .flatMap(splitAtCommas)
        .filter((part) => part !== ''),
    z.array(item).min(1).max(VALUES_MAX),
  );
}

/** One or more texts as they are, which may hold commas: a list, or one. */
export function texts<T extends z.ZodType>(item: T) {
  return z.preprocess(listOf, z.array(item).min(1).max(VALUES_MAX));
}

/** Yes or no, as JSON or as query text. */
export const flag = z.union(
  [z.boolean(), z.enum(['true', 'false']).transform((value) => value === 'true')],
  { error: 'must be true or false' },
);

/** A whole number, as JSON or as query text. */
export const integer = (min: number, max: number) =>
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
  technique: values(techniqueIdSchema)
    .optional()
    .meta({ description: 'Ids of techniques; each stands for its sub-techniques as well.' }),
  organizationId: values(idSchema).optional(),
  teamId: values(idSchema).optional(),
  clientId: values(idSchema).optional(),
  createdAfter: instantInput.optional().meta({ description: 'From this instant on.' }),
  createdBefore: instantInput.optional().meta({ description: 'Before this instant.' }),
  updatedAfter: instantInput.optional().meta({ description: 'From this instant on.' }),
  q: wordsSchema.optional().meta({
    description:
      'Words in the title and the first 65 536 characters of the description; each may be a prefix, or a substring of 3 or more characters.',
  }),
};

export type RecordFilter = z.output<z.ZodObject<typeof recordFilters>>;

/**
 * The conditions on the record `r` that a filter means; an unknown value matches nothing.
 *
 * Those with an index of their own come first, what tells records apart the best before the rest.
 */
export function filterConditions(
  kind: RecordKind,
  filter: RecordFilter,
  statuses: ReadonlyMap<string, Status>,
  params: SqlParams,
): ListCondition[] {
  const among = (column: string, wanted: readonly unknown[] | undefined, type: string) =>
    wanted ? equalTo(column, wanted, type, params) : [];
  return [
    ...among('source_ref', filter.sourceRef, 'text'),
    ...among('client_id', filter.clientId, 'uuid'),
    ...(filter.assigneeId ? assigneeConditions(filter.assigneeId, params) : []),
    ...among('source', filter.source, 'text'),
    ...among('type', filter.type, 'text'),
    ...among('status_id', statusIds(filter, statuses), 'uuid'),
    ...(filter.technique ? [techniqueCondition(kind, filter.technique, params)] : []),
    ...(filter.organizationId ? [holderCondition(kind, filter.organizationId, params)] : []),
    ...boundConditions(filter, params),
    ...plainConditions(kind, filter, params).map((text) => ({ text })),
  ];
}

/** The condition that a column has one of the values. */
export function equalTo(
  column: string,
  wanted: readonly unknown[],
  type: string,
  params: SqlParams,
): ListCondition[] {
  const values = [...new Set(wanted)];
  const [only] = values;
  if (values.length === 1) {
    const value = params.add(only, type);
    return [
      {
        text: `r.${column} = ${value}`,
        axis: { column, only: value, values: `ARRAY[${value}]`, count: 1 },
      },
    ];
  }
  const list = params.add(values, `${type}[]`);
  return [
    {
      text: `r.${column} = ANY(${list})`,
      axis: { column, values: list, count: values.length },
    },
  ];
}

/** One value is asked for as such: PostgreSQL takes a list for longer than it mostly is. */
function isAmong(
  column: string,
  wanted: readonly unknown[],
  type: string,
  params: SqlParams,
): string {
  return wanted.length === 1
    ? `${column} = ${params.add(wanted[0], type)}`
    : `${column} = ANY(${params.add(wanted, `${type}[]`)})`;
}

/** The statuses that both `status` and `stage` allow, where either is asked for. */
function statusIds(
  { status, stage }: RecordFilter,
  statuses: ReadonlyMap<string, Status>,
): (string | null)[] | undefined {
  if (!status && !stage) return undefined;
  const named = status?.map((value) => statuses.get(toStatusValue(value)));
  const found = (named ?? [...statuses.values()]).filter(
    (each) => each !== undefined && (!stage || stage.includes(each.stage)),
  );
  return found.length === 0 ? [null] : found.map((each) => each?.id ?? null);
}

function assigneeConditions(wanted: readonly string[], params: SqlParams): ListCondition[] {
  const ids = wanted.filter((id) => id !== NONE);
  if (ids.length === wanted.length) return equalTo('assignee_id', ids, 'uuid', params);
  if (ids.length === 0) return [{ text: 'r.assignee_id IS NULL' }];
  return [{ text: `(r.assignee_id IS NULL OR r.assignee_id = ANY(${params.add(ids, 'uuid[]')}))` }];
}

/** The conditions on a side of a value. */
function boundConditions(filter: RecordFilter, params: SqlParams): ListCondition[] {
  const bounds: Bound[] = [];
  const add = (column: string, operator: Bound['operator'], value: unknown, type: string) => {
    if (value !== undefined) bounds.push({ column, operator, value: params.add(value, type) });
  };
  add('severity', '>=', filter.severityMin, 'smallint');
  add('created_at', '>=', filter.createdAfter, 'timestamptz');
  add('created_at', '<', filter.createdBefore, 'timestamptz');
  add('updated_at', '>=', filter.updatedAfter, 'timestamptz');
  return bounds.map((bound) => ({
    text: `r.${bound.column} ${bound.operator} ${bound.value}`,
    bound,
  }));
}

/** The conditions that no index holds. */
function plainConditions(kind: RecordKind, filter: RecordFilter, params: SqlParams): string[] {
  const conditions: string[] = [];
  const among = (column: string, wanted: readonly number[] | undefined) => {
    if (wanted) conditions.push(isAmong(`r.${column}`, wanted, 'smallint', params));
  };
  among('severity', filter.severity);
  among('tlp', filter.tlp);
  among('pap', filter.pap);
  if (filter.tag) conditions.push(tagCondition(kind, filter.tag, params));
  if (filter.teamId) {
    const among = isAmong('link.team_id', filter.teamId, 'uuid', params);
    conditions.push(`r.id IN (SELECT link.${kind}_id FROM ${kind}_teams link WHERE ${among})`);
  }
  if (filter.q !== undefined)
    conditions.push(...textConditions(searchedText('r'), wordsOf(filter.q), params));
  return conditions;
}

function tagCondition(
  kind: RecordKind,
  wanted: readonly (number | string)[],
  params: SqlParams,
): string {
  const ids = wanted.filter((tag) => typeof tag === 'number');
  const names = wanted.map((tag) => String(tag).toLowerCase());
  return `r.id IN (SELECT link.${kind}_id FROM ${kind}_tags link WHERE link.tag_id = ANY(ARRAY(SELECT tag.id FROM tags tag
    WHERE tag.id = ANY(${params.add(ids, 'int[]')}) OR lower(tag.name) = ANY(${params.add(names, 'text[]')}))))`;
}

/** The condition that one of the organizations owns the record, or that it is shared with one. */
function holderCondition(
  kind: RecordKind,
  wanted: readonly string[],
  params: SqlParams,
): ListCondition {
  const ids = params.add(wanted, 'uuid[]');
  const isOwner = `r.organization_id = ANY(${ids})`;
  const shares = `FROM ${kind}_shares share WHERE share.organization_id = ANY(${ids})`;
  return {
    text: `(${isOwner} OR EXISTS (SELECT 1 ${shares} AND share.${kind}_id = r.id))`,
    few: `(${isOwner} OR r.id = ANY(ARRAY(SELECT share.${kind}_id ${shares})))`,
  };
}

/** The condition that a record names one of the techniques, or a sub-technique; also by an id that ATT&CK has replaced. */
function techniqueCondition(
  kind: RecordKind,
  wanted: readonly string[],
  params: SqlParams,
): ListCondition {
  const ids = params.add(wanted, 'text[]');
  const links = `SELECT link.${kind}_id FROM record_ttps link WHERE link.${kind}_id IS NOT NULL AND link.ttp_id = ANY(ARRAY(
    SELECT t.id FROM ttps named JOIN ttps t ON t.id = named.id OR t.parent_technique_id = named.technique_id
    WHERE named.technique_id = ANY(${ids}) OR named.former_ids && ${ids}))`;
  return { text: `r.id IN (${links})`, few: `r.id = ANY(ARRAY(${links}))` };
}
