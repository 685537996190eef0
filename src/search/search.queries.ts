import { ALERT_TABLES, CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { SharedTables } from '../access/access.js';
import { hangingIds, visibleIds } from '../access/visible-list.js';
import type { ListShape, Near } from '../access/visible-list.js';
import type { Principal } from '../auth/principal.js';
import { hasScope } from '../auth/scopes.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { observableIds } from '../observables/observable-list.queries.js';
import { instantSql } from '../records/record-sql.js';
import { occurrencesOf, searchedText, textConditions } from '../records/text-search.js';
import { taskCleared } from '../tasks/task-sql.js';
import { PUNCTUATION, isPart, textsOf } from './search-terms.js';
import type { SearchTerms } from './search-terms.js';
import { CANDIDATES_ENOUGH, CANDIDATES_MAX, SCORES } from './search.schema.js';
import type { SearchKind, SearchParent } from './search.schema.js';
import { SNIPPET_CHARS } from './snippet.js';
import type { Excerpt } from './snippet.js';

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

/** A match, with the texts that its snippet is made from. */
export interface FoundRow {
  readonly kind: SearchKind;
  readonly id: string;
  readonly score: number;
  readonly createdAt: string;
  readonly tinyId: number | null;
  readonly title: string;
  readonly excerpt: Excerpt;
  readonly parent: SearchParent | null;
  /** The instant of the reading. */
  readonly asOf: string;
}

/** How a kind is searched; its SQL speaks of the row `r`. */
interface KindSql {
  readonly table: string;
  /** The statement that finds the ids of the newest matches that the caller may see. */
  readonly candidates: (find: Find) => string;
  /** What counts as its title; null where it has none. */
  readonly title: string | null;
  /** Whether it is just what was asked for. */
  readonly exact?: (find: Find) => string;
  readonly shownTitle: string;
  readonly body: (needles: string) => string;
  readonly tinyId?: string;
  readonly parent?: string;
}

/** A search on its way into a statement. */
interface Find extends Search {
  readonly principal: Principal;
  readonly params: SqlParams;
}

/** The best matches of a kind after a position, one more than the limit where there are more. */
export async function findMatches(
  sql: Sql,
  principal: Principal,
  kind: SearchKind,
  search: Search,
): Promise<FoundRow[]> {
  const params = new SqlParams();
  const find = { ...search, principal, params };
  const {
    table,
    candidates,
    shownTitle,
    body,
    tinyId = 'NULL::int',
    parent = 'NULL',
  } = KINDS[kind];
  const needles = params.add(textsOf(kind, search.terms).flatMap(occurrencesOf), 'text[]');
  const ranking = 'ORDER BY ranked.score DESC, ranked.created_at DESC, ranked.id DESC';
  return sql<FoundRow>(
    `WITH found AS MATERIALIZED (${candidates(find)}),
     ranked AS MATERIALIZED (
       SELECT * FROM (
         SELECT r.id, r.created_at, ${scoreSql(kind, find)} AS score FROM found JOIN ${table} r ON r.id = found.id) ranked
       WHERE ${afterSql(find)} ${ranking} LIMIT ${params.add(search.limit + 1, 'int')})
     SELECT '${kind}' AS kind, r.id, ranked.score, ${instantSql('r.created_at')} AS "createdAt", ${tinyId} AS "tinyId",
       ${shownTitle} AS title, ${excerptSql(body(needles), needles)} AS excerpt, ${parent} AS parent,
       ${instantSql(`(now() + interval '1 millisecond')`)} AS "asOf"
     FROM ranked JOIN ${table} r ON r.id = ranked.id ${ranking}`,
    params.values,
  );
}

const KINDS: Readonly<Record<SearchKind, KindSql>> = {
  alert: record('alert', ALERT_TABLES),
  case: record('case', CASE_TABLES),
  task: {
    table: 'tasks',
    candidates: (find) =>
      hangingCandidates(find, {
        table: 'tasks',
        searched: searchedText('r'),
        isShown: isTaskShown(find),
        places: [{ tables: CASE_TABLES, from: 'tasks r', hangs: 'r.case_id = shown.id' }],
      }),
    title: 'r.title',
    shownTitle: 'r.title',
    body: () => 'r.description',
    parent: `(SELECT ${recordRef('case')} FROM cases p WHERE p.id = r.case_id)`,
  },
  observable: {
    table: 'observables',
    candidates: observableCandidates,
    title: `r.normalized || ' ' || r.data`,
    exact: ({ valueHashes, params }) =>
      `encode(r.value_hash, 'hex') = ANY(${params.add(valueHashes, 'text[]')})`,
    shownTitle: 'left(r.data, 512)',
    body: (needles) =>
      `CASE WHEN EXISTS (SELECT 1 FROM unnest(${needles}) needle WHERE strpos(lower(r.normalized), needle) > 0)
        THEN r.normalized ELSE r.data END`,
    parent: `coalesce((SELECT ${recordRef('alert')} FROM alerts p WHERE p.id = r.alert_id),
      (SELECT ${recordRef('case')} FROM cases p WHERE p.id = r.case_id))`,
  },
  comment: {
    table: 'comments',
    candidates: (find) =>
      hangingCandidates(find, {
        table: 'comments',
        searched: COMMENT_TEXT,
        isShown: isCommentShown(find),
        places: commentPlaces(find),
      }),
    title: null,
    shownTitle: String.raw`coalesce(substring(r.body FROM '\S[^\n]{0,119}'), '')`,
    body: () => 'r.body',
    parent: `coalesce((SELECT ${recordRef('alert')} FROM alerts p WHERE p.id = r.alert_id),
      (SELECT ${recordRef('case')} FROM cases p WHERE p.id = r.case_id),
      (SELECT json_build_object('kind', 'task', 'id', p.id, 'tinyId', NULL, 'title', p.title) FROM tasks p WHERE p.id = r.task_id))`,
  },
};

function recordRef(kind: 'alert' | 'case'): string {
  return `json_build_object('kind', '${kind}', 'id', p.id, 'tinyId', p.tiny_id, 'title', p.title)`;
}

function record(kind: 'alert' | 'case', tables: SharedTables): KindSql {
  const asked = ({ number }: SearchTerms) =>
    number === null || (number.kind ?? kind) !== kind ? null : number.tinyId;
  return {
    table: tables.records,
    candidates: (find) => {
      const { principal, params, terms } = find;
      const list = listOf(find, textConditions(searchedText('r'), terms.words, params));
      const matches = `SELECT id FROM (${visibleIds(principal, tables, params, list)}) page`;
      const tinyId = asked(terms);
      if (tinyId === null) return matches;
      const where = [
        `r.tiny_id = ${params.add(tinyId, 'int')}`,
        'r.deleted_at IS NULL',
        visibleTo(principal, tables, 'r', params),
        clearedFor(principal, 'r', params),
        ...until(find),
      ];
      return `${matches} UNION SELECT r.id FROM ${tables.records} r WHERE ${where.join(' AND ')}`;
    },
    title: 'r.title',
    exact: ({ terms, params }) => {
      const tinyId = asked(terms);
      return tinyId === null ? 'false' : `r.tiny_id = ${params.add(tinyId, 'int')}`;
    },
    shownTitle: 'r.title',
    body: () => 'r.description',
    tinyId: 'r.tiny_id',
  };
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

/** How many of the newest rows are looked at before an index is asked; where it knows nothing, they are all. */
const NEAR_ROWS = 1_600;
const NEAR_OBSERVABLES = 8_000;

function nearOf(rows: number, isIndexed: boolean): Near {
  return { rows, enough: isIndexed ? CANDIDATES_ENOUGH : 0 };
}

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The condition that the row `r` was there at the time of the first page. */
function until({ after, params }: Find): string[] {
  return after ? [`r.created_at <= ${params.add(after[3], 'timestamptz')}`] : [];
}

/**
 * Those of just the value, and those that have every word: of words that the index finds badly, such as parts of
 * addresses, only the newest; of short ones alone none, for they are parts of most values.
 */
function observableCandidates({ principal, params, terms, valueHashes, after }: Find): string {
  const page = {
    limit: CANDIDATES_MAX - 1,
    descending: true,
    after: after && ([after[3], LAST_ID] as const),
  };
  const exact = observableIds(principal, { valueHashes }, page, params);
  const sets = [exact];
  if (terms.words.some(isPart)) {
    const filter = { words: terms.forms };
    const near = nearOf(NEAR_OBSERVABLES, terms.isWellIndexed);
    sets.push(observableIds(principal, filter, { ...page, near }, params));
  }
  return sets.map((set) => `SELECT id FROM (${set}) page`).join(' UNION ');
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

function isTaskShown(find: Find): string {
  const { principal, params } = find;
  return `${taskCleared(principal, params, 'r')} AND ${isRecordShown(find, CASE_TABLES, 'r.case_id')}`;
}

/** Where comments are that the caller may read: they count as the kind of what they are on. */
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

/** What the row `r` is worth by its title; what the title has none of is in its text. */
function scoreSql(kind: SearchKind, find: Find): string {
  const { title, exact } = KINDS[kind];
  const { params, terms } = find;
  if (title === null) return `${SCORES.body}::float8`;
  const all = (patterns: readonly string[]) => `LIKE ALL(${params.add(patterns, 'text[]')})`;
  const plain = `translate(lower(' ' || left(${title}, 1024) || ' '), ${params.add(PUNCTUATION)}, ${params.add(' '.repeat(PUNCTUATION.length))})`;
  return `(SELECT CASE WHEN ${exact?.(find) ?? 'false'} THEN ${SCORES.exact}
      WHEN lower(btrim(${title})) = ${params.add(terms.words.join(' '))} THEN ${SCORES.title}
      WHEN plain ${all(terms.whole)} THEN ${SCORES.words} WHEN plain ${all(terms.beginnings)} THEN ${SCORES.beginnings}
      WHEN plain ${all(terms.parts)} THEN ${SCORES.parts}
      WHEN plain LIKE ANY(${params.add(terms.parts, 'text[]')}) THEN ${SCORES.some} ELSE ${SCORES.body} END::float8
    FROM (SELECT ${plain} AS plain OFFSET 0) x)`;
}

function afterSql({ after, params }: Find): string {
  if (!after) return 'true';
  const [score, id, createdAt] = after;
  return `(ranked.score, ranked.created_at, ranked.id) <
    (${params.add(score, 'float8')}, ${params.add(createdAt, 'timestamptz')}, ${params.add(id, 'uuid')})`;
}

/** The characters that a snippet is made from: some before the first match, more after it. */
const EXCERPT_CHARS = 4 * SNIPPET_CHARS;

/** What of the searched part of a text is around the first of the needles, else its beginning. */
function excerptSql(body: string, needles: string): string {
  return `(SELECT json_build_object('text', substr(b.body, w.start, ${EXCERPT_CHARS}), 'isCutBefore', w.start > 1,
      'isCutAfter', length(b.body) >= w.start + ${EXCERPT_CHARS})
    FROM (SELECT left(coalesce(${body}, ''), 65536) AS body OFFSET 0) b CROSS JOIN LATERAL (
      SELECT greatest(1, coalesce(min(nullif(strpos(lower(' ' || b.body), needle), 0)), 1) - ${SNIPPET_CHARS}) AS start
      FROM unnest(${needles}) needle) w)`;
}
