import { ALERT_TABLES, CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { SharedTables } from '../access/access.js';
import { hangingIds, visibleIds } from '../access/visible-list.js';
import type { ListShape, Near } from '../access/visible-list.js';
import type { Principal } from '../auth/principal.js';
import { hasScope } from '../auth/scopes.js';
import type { SqlParams } from '../database/sql.js';
import { observableIds } from '../observables/observable-list.queries.js';
import type { RecordKind } from '../records/record-writes.js';
import { searchedText, textConditions } from '../records/text-search.js';
import { taskCleared } from '../tasks/task-sql.js';
import { askedNumber, isPart } from './search-terms.js';
import type { SearchTerms } from './search-terms.js';
import { CANDIDATES_ENOUGH, CANDIDATES_MAX } from './search.schema.js';

/** What is asked for, and as of when. */
export interface Search {
  readonly terms: SearchTerms;
  /** Hashes (hex) of the values that an observable may have to be just what was asked for. */
  readonly valueHashes: readonly string[];
  readonly after: SearchPosition | null;
  readonly limit: number;
}

/** Where a page ends, and the instant of the first one: what is created later is on none of the next. */
export type SearchPosition = readonly [score: number, id: string, createdAt: string, asOf: string];

/** A search on its way into a statement. */
export interface Find extends Search {
  readonly principal: Principal;
  readonly params: SqlParams;
}

/** How many of the newest rows are looked at before an index is asked; where it knows nothing, they are all. */
const NEAR_ROWS = 1_600;
const NEAR_OBSERVABLES = 8_000;

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Those that have every word, and the one of the number that is asked for. */
export function recordCandidates(find: Find, kind: RecordKind, tables: SharedTables): string {
  const { principal, params, terms } = find;
  const list = listOf(find, textConditions(searchedText('r'), terms.words, params));
  const matches = `SELECT id FROM (${visibleIds(principal, tables, params, list)}) page`;
  const tinyId = askedNumber(kind, terms);
  if (tinyId === null) return matches;
  const where = [
    `r.tiny_id = ${params.add(tinyId, 'int')}`,
    'r.deleted_at IS NULL',
    visibleTo(principal, tables, 'r', params),
    clearedFor(principal, 'r', params),
    ...until(find),
  ];
  return `${matches} UNION SELECT r.id FROM ${tables.records} r WHERE ${where.join(' AND ')}`;
}

/** The newest rows under the conditions, as of the first page. */
function listOf({ after, terms }: Find, conditions: readonly string[]): ListShape {
  return {
    conditions: conditions.map((text) => ({ text })),
    sortColumn: 'created_at',
    sortValue: 'r.created_at',
    sortType: 'timestamptz',
    descending: true,
    after: after && [after[3], LAST_ID],
    limit: CANDIDATES_MAX,
    near: nearOf(NEAR_ROWS, terms.isIndexed),
  };
}

function nearOf(rows: number, isIndexed: boolean): Near {
  return { rows, enough: isIndexed ? CANDIDATES_ENOUGH : 0 };
}

/** The condition that the row `r` was there at the time of the first page. */
function until({ after, params }: Find): string[] {
  return after ? [`r.created_at <= ${params.add(after[3], 'timestamptz')}`] : [];
}

/**
 * Those of just the value, and those that have every word: of words that no index finds only the newest; of
 * short ones alone none, for they are parts of most values.
 */
export function observableCandidates({
  principal,
  params,
  terms,
  valueHashes,
  after,
}: Find): string {
  const page = {
    limit: CANDIDATES_MAX - 1,
    descending: true,
    after: after && ([after[3], LAST_ID] as const),
  };
  const exact = observableIds(principal, { valueHashes }, page, params);
  const sets = [exact];
  if (terms.words.some(isPart)) {
    const filter = { words: terms.forms };
    const near = nearOf(NEAR_OBSERVABLES, terms.isIndexedInValues);
    sets.push(observableIds(principal, filter, { ...page, near }, params));
  }
  return sets.map((set) => `SELECT id FROM (${set}) page`).join(' UNION ');
}

export function taskCandidates(find: Find): string {
  const { principal, params } = find;
  return hangingCandidates(find, {
    table: 'tasks',
    searched: searchedText('r'),
    isShown: `${taskCleared(principal, params, 'r')} AND ${isRecordShown(find, CASE_TABLES, 'r.case_id')}`,
    places: [{ tables: CASE_TABLES, from: 'tasks r', hangs: 'r.case_id = shown.id' }],
  });
}

/** Comments count as the kind of what they are on, whose scope the caller needs. */
export function commentCandidates(find: Find): string {
  return hangingCandidates(find, {
    table: 'comments',
    searched: COMMENT_TEXT,
    isShown: isCommentShown(find),
    places: commentPlaces(find),
  });
}

/** What hangs on records. */
interface Hanging {
  readonly table: 'tasks' | 'comments';
  /** What text search looks at in the row `r`. */
  readonly searched: string;
  /** The condition that the row `r` is one that the caller may see. */
  readonly isShown: string;
  readonly places: readonly Place[];
}

/** Records `shown`, of which other organizations may share some, and where the rows `r` that hang on one are. */
interface Place {
  readonly tables: SharedTables;
  readonly from: string;
  readonly hangs: string;
}

/** Of how many records that others share with the caller or show to all, the newest of each, something is read. */
const SHARED_MAX = 500;
/** How many rows that hang on them are looked at. */
const SHARED_ROWS_MAX = 2_000;
/** How many matches of other organizations are looked at where that was not all. */
const OTHERS_MAX = 5_000;

/**
 * What the caller's organizations own is read in order, what others share with them record by record.
 *
 * Where a guest of many finds too few on the newest, the index tells where else the words are.
 */
function hangingCandidates(find: Find, { table, searched, isShown, places }: Hanging): string {
  const { principal, params, terms } = find;
  const texts = textConditions(searched, terms.words, params);
  const list = listOf(find, [...texts, isShown]);
  const owned = (organizations: string) =>
    `SELECT id FROM (${hangingIds(table, organizations, params, list)}) page`;
  if (principal.everyOrganization) return owned('organizations org');
  const own = params.add(principal.organizationIds, 'uuid[]');
  const ofOthers = [`r.organization_id <> ALL(${own})`, 'r.deleted_at IS NULL', ...until(find)];
  // The offset keeps PostgreSQL from reading what hangs on all records to pick those on the shown ones.
  const looked = places.flatMap(({ tables, from, hangs }) =>
    sharedIds(tables, own).map(
      (ids) => `(SELECT part.* FROM (${ids}) shown CROSS JOIN LATERAL (
        SELECT r.id, ${texts.join(' AND ')} AS has_words FROM ${from} WHERE ${[hangs, ...ofOthers].join(' AND ')} OFFSET 0) part
        LIMIT ${SHARED_ROWS_MAX})`,
    ),
  );
  const hasMore = [
    `(SELECT count(*) >= ${SHARED_ROWS_MAX} FROM looked)`,
    ...places.map(({ tables }) => isGuestOfMany(tables, own)),
  ].join(' OR ');
  const isShort = `(SELECT count(*) < ${CANDIDATES_ENOUGH} FROM shared) AND (${hasMore})`;
  const newest = `${isShown} ORDER BY r.created_at DESC, r.id DESC LIMIT ${CANDIDATES_MAX}`;
  const elsewhere = `(SELECT r.id FROM (
      SELECT r.* FROM ${table} r WHERE ${[isShort, ...ofOthers, ...texts].join(' AND ')} LIMIT ${OTHERS_MAX}) r
    WHERE ${newest})`;
  const sets = [owned(`unnest(${own}) org(id)`), 'SELECT id FROM shared'];
  if (terms.isIndexed) sets.push(elsewhere);
  return `WITH looked AS MATERIALIZED (${looked.join(' UNION ALL ')}),
    shared AS MATERIALIZED (SELECT r.id FROM looked JOIN ${table} r ON r.id = looked.id WHERE looked.has_words AND ${newest})
    ${sets.join(' UNION ')}`;
}

/** The statements that find the newest records that others share with the caller, and those that they show to all. */
function sharedIds({ records, shares, shareKey }: SharedTables, own: string): string[] {
  return [
    `SELECT share.id FROM unnest(${own}) org(id) CROSS JOIN LATERAL (
      SELECT share.${shareKey} AS id FROM ${shares} share WHERE share.organization_id = org.id
      ORDER BY share.created_at DESC, share.${shareKey} DESC LIMIT ${SHARED_MAX}) share`,
    `SELECT r.id FROM ${records} r WHERE r.visible_to_all_organizations AND r.deleted_at IS NULL
      ORDER BY r.created_at DESC, r.id DESC LIMIT ${SHARED_MAX}`,
  ];
}

function isGuestOfMany({ records, shares }: SharedTables, own: string): string {
  return `EXISTS (SELECT 1 FROM ${shares} share WHERE share.organization_id = ANY(${own}) OFFSET ${SHARED_MAX})
    OR EXISTS (SELECT 1 FROM ${records} r WHERE r.visible_to_all_organizations AND r.deleted_at IS NULL OFFSET ${SHARED_MAX})`;
}

/** What text search looks at in a comment; the trigram index is on this very expression. */
const COMMENT_TEXT = `lower(' ' || r.body)`;

/** The condition that a record of that id is there, within clearance and the caller's to see. */
function isRecordShown({ principal, params }: Find, tables: SharedTables, id: string): string {
  const where = [
    `p.id = ${id}`,
    'p.deleted_at IS NULL',
    clearedFor(principal, 'p', params),
    visibleTo(principal, tables, 'p', params),
  ];
  return `EXISTS (SELECT 1 FROM ${tables.records} p WHERE ${where.join(' AND ')} OFFSET 0)`;
}

/** Where comments are that the caller may read. */
function commentPlaces({ principal }: Find): Place[] {
  const onAlerts = [{ tables: ALERT_TABLES, from: 'comments r', hangs: 'r.alert_id = shown.id' }];
  const onCases = [
    { tables: CASE_TABLES, from: 'comments r', hangs: 'r.case_id = shown.id' },
    {
      tables: CASE_TABLES,
      from: 'tasks t JOIN comments r ON r.task_id = t.id',
      hangs: 't.case_id = shown.id AND t.deleted_at IS NULL',
    },
  ];
  return [
    ...(hasScope(principal.scopes, 'alerts:read') ? onAlerts : []),
    ...(hasScope(principal.scopes, 'cases:read') ? onCases : []),
  ];
}

function isCommentShown(find: Find): string {
  const { principal, params } = find;
  const onAlert = () =>
    `r.alert_id IS NOT NULL AND ${isRecordShown(find, ALERT_TABLES, 'r.alert_id')}`;
  const onCase = () => {
    const caseId = `coalesce(r.case_id,
      (SELECT t.case_id FROM tasks t WHERE t.id = r.task_id AND ${taskCleared(principal, params, 't')}))`;
    return `r.alert_id IS NULL AND ${isRecordShown(find, CASE_TABLES, caseId)}`;
  };
  const shown = [
    ...(hasScope(principal.scopes, 'alerts:read') ? [onAlert()] : []),
    ...(hasScope(principal.scopes, 'cases:read') ? [onCase()] : []),
  ];
  return `(${shown.join(' OR ')})`;
}
