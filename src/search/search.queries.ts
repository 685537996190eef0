import { ALERT_TABLES, CASE_TABLES } from '../access/access.js';
import type { SharedTables } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { instantSql } from '../records/record-sql.js';
import { occurrencesOf } from '../records/text-search.js';
import {
  commentCandidates,
  observableCandidates,
  recordCandidates,
  taskCandidates,
} from './search-candidates.queries.js';
import type { Find, Search } from './search-candidates.queries.js';
import { PUNCTUATION, askedNumber, textsOf } from './search-terms.js';
import { SCORES } from './search.schema.js';
import type { SearchKind, SearchParent } from './search.schema.js';
import { SNIPPET_CHARS } from './snippet.js';
import type { Excerpt } from './snippet.js';

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
    candidates: taskCandidates,
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
    candidates: commentCandidates,
    title: null,
    shownTitle: String.raw`coalesce(substring(r.body FROM '\S[^\r\n]{0,119}'), '')`,
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
  return {
    table: tables.records,
    candidates: (find) => recordCandidates(find, kind, tables),
    title: 'r.title',
    exact: ({ terms, params }) => {
      const tinyId = askedNumber(kind, terms);
      return tinyId === null ? 'false' : `r.tiny_id = ${params.add(tinyId, 'int')}`;
    },
    shownTitle: 'r.title',
    body: () => 'r.description',
    tinyId: 'r.tiny_id',
  };
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
