import type { Principal } from '../auth/principal.js';
import { COUNT_MAX } from '../common/pagination.js';
import type { Position } from '../common/pagination.js';
import { earlyEnd, jsonBytes } from '../database/page-bytes.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { instantSql, personNameSql } from '../records/record-sql.js';
import { CHAIN_START } from './audit-chain.js';
import type { ChainBreak, ChainEnd } from './audit-chain.js';
import type { AuditEntry, AuditFilter, SealedEntry, UnsealedEntry } from './audit.schema.js';

/** Whose entries are read: those of these organizations, or all. */
export type AuditScope = Pick<Principal, 'everyOrganization' | 'organizationIds'>;

/** What the entry `e` says of itself, in JSON; `actor` says who did it. */
function contentSql(actor: string): string {
  return `'id', e.id, 'at', ${instantSql('e.at')}, 'actor', json_build_object(${actor}),
    'credential', CASE WHEN e.credential_id IS NOT NULL THEN json_build_object('id', e.credential_id) END, 'action', e.action,
    'target', json_build_object('kind', e.target_kind, 'id', e.target_id), 'changes', e.changes,
    'organizationId', e.organization_id, 'requestId', e.request_id, 'ip', e.ip`;
}

const SEAL_SQL = `'seq', e.seq, 'hash', encode(e.hash, 'hex'), 'previousHash', encode(e.previous_hash, 'hex')`;
const ACTOR_SQL = `'kind', e.actor_kind, 'id', e.actor_id`;

/** The entry `e` as it is before it is sealed. */
const UNSEALED_SQL = `json_build_object(${contentSql(ACTOR_SQL)})`;

const SEALED_SQL = `json_build_object(${contentSql(ACTOR_SQL)}, ${SEAL_SQL})`;
const LISTED_SQL = `json_build_object(${contentSql(`${ACTOR_SQL}, 'name', ${personNameSql('u')}`)}, ${SEAL_SQL})`;

/** The condition that rows of `alias` belong to the scope. */
function within(scope: AuditScope, alias: string, params: SqlParams): string {
  if (scope.everyOrganization) return 'true';
  return `${alias}.organization_id = ANY(${params.add(scope.organizationIds, 'uuid[]')})`;
}

/** The conditions on the entry `e` that a filter makes. */
function conditionsOf(filter: AuditFilter, params: SqlParams): string[] {
  const { actorId, credentialId, action, targetKind, targetId, requestId, from, to } = filter;
  const comparisons = [
    ['e.actor_id =', actorId, 'uuid'],
    ['e.credential_id =', credentialId, 'uuid'],
    ['e.action =', action, 'text'],
    ['e.target_kind =', targetKind, 'text'],
    ['e.target_id =', targetId, 'text'],
    ['e.request_id =', requestId, 'text'],
    ['e.at >=', from, 'timestamptz'],
    ['e.at <', to, 'timestamptz'],
  ] as const;
  return comparisons.flatMap(([comparison, value, type]) =>
    value === undefined ? [] : [`${comparison} ${params.add(value, type)}`],
  );
}

/** The entries of a scope: each chain, and what is not sealed yet, read by itself and in the order of its index. */
function entriesSql(
  scope: AuditScope,
  conditions: readonly string[],
  rest: string,
  params: SqlParams,
): string {
  const part = (condition: string) =>
    `SELECT e.at, e.id FROM audit_entries e WHERE ${[condition, ...conditions].join(' AND ')} ${rest}`;
  return `SELECT part.* FROM audit_chains c CROSS JOIN LATERAL (${part('e.chain_id = c.id')}) part WHERE ${within(scope, 'c', params)}
    UNION ALL (${part(`e.chain_id IS NULL AND ${within(scope, 'e', params)}`)})`;
}

/** How a page of entries is read: one row more than its limit when there is another. */
export interface EntryPage {
  readonly limit: number;
  readonly descending: boolean;
  readonly after: Position | null;
}

/** A page of entries by their time and id. */
export function listEntries(
  sql: Sql,
  scope: AuditScope,
  filter: AuditFilter,
  { limit, descending, after }: EntryPage,
): Promise<
  { readonly entry: AuditEntry; readonly position: string; readonly isBeyond: boolean }[]
> {
  const params = new SqlParams();
  const conditions = conditionsOf(filter, params);
  const direction = descending ? 'DESC' : 'ASC';
  if (after) {
    const [at, id] = after;
    const position = `(${params.add(at, 'timestamptz')}, ${params.add(id, 'uuid')})`;
    conditions.push(`(e.at, e.id) ${descending ? '<' : '>'} ${position}`);
  }
  const size = params.add(limit + 1, 'int');
  const order = (alias: string) => `ORDER BY ${alias}.at ${direction}, ${alias}.id ${direction}`;
  const entries = entriesSql(scope, conditions, `${order('e')} LIMIT ${size}`, params);
  return sql(
    `SELECT ${LISTED_SQL} AS entry, e.at::text AS position, e.is_beyond AS "isBeyond"
     FROM (SELECT e.*, ${earlyEnd([jsonBytes('e.changes')], order('page'))}
           FROM (SELECT x.at, x.id FROM (${entries}) x ${order('x')} LIMIT ${size}) page
           JOIN audit_entries e ON e.id = page.id) e
     LEFT JOIN users u ON u.id = e.actor_id WHERE e.is_read ${order('e')}`,
    params.values,
  );
}

/** How many entries match, counting one further than is ever answered. */
export async function countEntries(
  sql: Sql,
  scope: AuditScope,
  filter: AuditFilter,
): Promise<number> {
  const params = new SqlParams();
  const limit = params.add(COUNT_MAX + 1, 'int');
  const entries = entriesSql(scope, conditionsOf(filter, params), `LIMIT ${limit}`, params);
  const [row] = await sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT 1 FROM (${entries}) x LIMIT ${limit}) x`,
    params.values,
  );
  return row?.count ?? 0;
}

/** A chain, where it was last sealed, and where its entries end. */
export interface Chain extends ChainEnd {
  readonly id: number;
  /** The place of the last entry that is there. */
  readonly lastSeq: number;
}

/** The chains of a scope as they are at one moment; what they hold by then never changes. */
export function readChains(sql: Sql, scope: AuditScope): Promise<Chain[]> {
  const params = new SqlParams();
  return sql<Chain>(
    `SELECT c.id, c.seq::float8 AS seq, encode(c.hash, 'hex') AS hash,
       coalesce((SELECT max(e.seq) FROM audit_entries e WHERE e.chain_id = c.id), 0)::float8 AS "lastSeq"
     FROM audit_chains c WHERE ${within(scope, 'c', params)} ORDER BY c.id`,
    params.values,
  );
}

/** Entries of a chain that are read at once, and what their changes may take as they are stored, which is compressed. */
const BATCH = 500;
const BATCH_BYTES = 524_288;

/**
 * The entries of a chain in their order, as they were sealed, in batches of those that match.
 *
 * Each statement reads a part of the chain, however few of it match; where changes are long, a smaller one.
 */
export async function* sealedEntries(
  sql: Sql,
  chain: Chain,
  filter: AuditFilter = {},
): AsyncGenerator<readonly SealedEntry[]> {
  const params = new SqlParams();
  const id = params.add(chain.id, 'int');
  const last = params.add(chain.lastSeq, 'bigint');
  const matches = ['true', ...conditionsOf(filter, params)].join(' AND ');
  const after = `$${params.values.length + 1}::bigint`;
  const statement = `SELECT e.seq::float8 AS seq, CASE WHEN ${matches} THEN ${SEALED_SQL} END AS entry
     FROM (
       SELECT e.*, sum(pg_column_size(e.changes)) OVER (ORDER BY e.seq ROWS UNBOUNDED PRECEDING) - pg_column_size(e.changes) AS bytes_before
       FROM (SELECT e.* FROM audit_entries e WHERE e.chain_id = ${id} AND e.seq > ${after} AND e.seq <= ${last} ORDER BY e.seq LIMIT ${BATCH}) e) e
     WHERE e.bytes_before < ${BATCH_BYTES} ORDER BY e.seq`;
  let seq = 0;
  while (seq < chain.lastSeq) {
    const rows = await sql<{ readonly seq: number; readonly entry: SealedEntry | null }>(
      statement,
      [...params.values, seq],
    );
    seq = rows.at(-1)?.seq ?? chain.lastSeq;
    yield rows.flatMap(({ entry }) => (entry === null ? [] : [entry]));
  }
}

/** How long an entry may wait for its seal before that is a fault. */
const UNSEALED_MAX = '1 minute';

/** What is wrong beside the chains themselves: an entry of a chain without an end, or one that nobody sealed. */
export async function findStray(sql: Sql, scope: AuditScope): Promise<ChainBreak | null> {
  const params = new SqlParams();
  const [stray] = await sql<ChainBreak>(
    `WITH RECURSIVE known(chain_id) AS (
       (SELECT e.chain_id FROM audit_entries e WHERE e.chain_id IS NOT NULL ORDER BY e.chain_id LIMIT 1)
       UNION ALL
       SELECT (SELECT e.chain_id FROM audit_entries e WHERE e.chain_id > known.chain_id ORDER BY e.chain_id LIMIT 1)
       FROM known WHERE known.chain_id IS NOT NULL)
     (SELECT e.id, e.seq::float8 AS seq, 'The chain of entry ' || e.seq || ' has no end any more.' AS reason
      FROM known CROSS JOIN LATERAL (SELECT * FROM audit_entries e WHERE e.chain_id = known.chain_id ORDER BY e.seq LIMIT 1) e
      WHERE NOT EXISTS (SELECT 1 FROM audit_chains c WHERE c.id = known.chain_id) AND ${within(scope, 'e', params)} LIMIT 1)
     UNION ALL
     (SELECT e.id, NULL, 'The entry was not sealed for more than a minute.' FROM audit_entries e
      WHERE e.chain_id IS NULL AND e.at < now() - interval '${UNSEALED_MAX}' AND ${within(scope, 'e', params)}
      ORDER BY e.at, e.id LIMIT 1)
     LIMIT 1`,
    params.values,
  );
  return stray ?? null;
}

/**
 * The condition on entries to be sealed.
 *
 * Looking at recent ones alone spares reading what the index still holds of those that are sealed.
 */
const TO_SEAL = {
  recent: "e.chain_id IS NULL AND e.at > now() - interval '1 minute'",
  all: 'e.chain_id IS NULL',
} as const;

export type Unsealed = keyof typeof TO_SEAL;

/** The chain of an organization, or of the entries that have none, as it goes on. */
export interface OpenChain extends ChainEnd {
  readonly id: number;
  readonly organizationId: string | null;
  /** Where it ended when it was read. */
  readonly endSeq: number;
}

interface UnsealedBatch {
  readonly entries: readonly UnsealedEntry[];
  /** Whether there are more. */
  readonly hasMore: boolean;
  /** Their chains, as far as they are begun. */
  readonly chains: readonly OpenChain[];
}

/** Entries that are sealed at once, and what their changes may take as they are stored, which is compressed. */
const SEALED_AT_ONCE = 250;
const SEALED_BYTES = 262_144;

/**
 * The oldest entries to be sealed, and where their chains end at the same moment.
 *
 * An end that somebody moved back goes on after what is there: one broken chain must not hold up the others.
 */
export async function readUnsealed(sql: Sql, which: Unsealed): Promise<UnsealedBatch> {
  const [row] = await sql<UnsealedBatch>(
    `WITH candidates AS MATERIALIZED (
       SELECT e.*, row_number() OVER oldest AS place, sum(pg_column_size(e.changes)) OVER oldest - pg_column_size(e.changes) AS bytes_before
       FROM (SELECT e.* FROM audit_entries e WHERE ${TO_SEAL[which]} ORDER BY e.at, e.id LIMIT ${SEALED_AT_ONCE} + 1) e
       WINDOW oldest AS (ORDER BY e.at, e.id)),
     batch AS MATERIALIZED (
       SELECT * FROM candidates WHERE place <= ${SEALED_AT_ONCE} AND bytes_before < ${SEALED_BYTES}),
     chains AS (
       SELECT c.id, c.organization_id AS "organizationId", c.seq AS "endSeq", encode(c.hash, 'hex') AS hash,
         greatest(c.seq, (SELECT max(e.seq) FROM audit_entries e WHERE e.chain_id = c.id)) AS seq
       FROM (SELECT DISTINCT organization_id FROM batch) x
       JOIN audit_chains c ON c.organization_id IS NOT DISTINCT FROM x.organization_id)
     SELECT coalesce((SELECT json_agg(${UNSEALED_SQL} ORDER BY e.at, e.id) FROM batch e), '[]') AS entries,
       (SELECT count(*) FROM candidates) > (SELECT count(*) FROM batch) AS "hasMore",
       coalesce((SELECT json_agg(chains) FROM chains), '[]') AS chains`,
    [],
  );
  return row ?? { entries: [], hasMore: false, chains: [] };
}

/** Begins the chains of these organizations, where nobody else has. */
export async function beginChains(
  sql: Sql,
  organizationIds: readonly (string | null)[],
): Promise<void> {
  await sql(
    `INSERT INTO audit_chains (organization_id, seq, hash) SELECT x.id, $2::bigint, decode($3, 'hex') FROM unnest($1::uuid[]) x(id)
     ON CONFLICT (organization_id) DO NOTHING`,
    [organizationIds, CHAIN_START.seq, CHAIN_START.hash],
  );
}

/** An entry with its seal in a chain. */
export type SealedInto = Pick<SealedEntry, 'id' | 'seq' | 'hash' | 'previousHash'> & {
  readonly chainId: number;
};

/**
 * Writes seals and the new ends of their chains; answers how many.
 *
 * A chain that ends elsewhere by now was gone on with by another process: it is left alone.
 */
export async function writeSeals(
  sql: Sql,
  seals: readonly SealedInto[],
  chains: readonly OpenChain[],
): Promise<number> {
  const [row] = await sql<{ sealed: number }>(
    `WITH moved AS (
       UPDATE audit_chains c SET seq = x.seq, hash = decode(x.hash, 'hex')
       FROM jsonb_to_recordset($2::jsonb) AS x(id int, "endSeq" bigint, seq bigint, hash text)
       WHERE c.id = x.id AND c.seq = x."endSeq" RETURNING c.id),
     sealed AS (
       UPDATE audit_entries e SET chain_id = x."chainId", seq = x.seq, hash = decode(x.hash, 'hex'), previous_hash = decode(x."previousHash", 'hex')
       FROM jsonb_to_recordset($1::jsonb) AS x(id uuid, "chainId" int, seq bigint, hash text, "previousHash" text)
       JOIN moved ON moved.id = x."chainId" WHERE e.id = x.id RETURNING 1)
     SELECT count(*)::int AS sealed FROM sealed`,
    [JSON.stringify(seals), JSON.stringify(chains)],
  );
  return row?.sealed ?? 0;
}
