import pg from 'pg';
import { normalizeObservable } from '../../src/observables/observable-normalization.js';
import { valueHash } from '../../src/observables/observable-row.js';
import { BATCH_STATEMENT, SETTINGS_STATEMENTS, organizationId } from './fill-sql.js';

/** Why a database is not filled: one line for the person who asked. */
export class FillError extends Error {
  override readonly name = 'FillError';
}

/** How far a fill is. */
export interface Progress {
  readonly step: string;
  /** From 0 to 1, of the whole. */
  readonly done: number;
  readonly alertsPerSecond: number | null;
}

/** What an earlier fill left. */
export interface Filled {
  readonly alerts: number;
  /** The highest number of an alert that the fill made; what is above came later. */
  readonly lastTinyId: number;
}

const BATCH = 10_000;
/** About what of the time goes into rows; the rest into indexes, references and statistics. */
const ROWS_SHARE = 0.5;
const INDEX_MEMORY = '512MB';
const OBSERVABLES_CHECKED = 2_000;

/** The tables that receive many rows; what they refer to and their indexes are set up after the rows. */
const TABLES = [
  'alerts',
  'observables',
  'alert_tags',
  'alert_teams',
  'alert_shares',
  'activities',
  'cases',
];

interface Definition {
  readonly drop: string;
  readonly create: string;
}

/** What the database holds of an earlier fill, and how many alerts that none made. */
export async function inspectFill(
  client: pg.Client,
): Promise<{ readonly filled: Filled | null; readonly foreign: number }> {
  const { rows } = await client.query<{ description: string }>(
    'SELECT description FROM organizations WHERE id = $1',
    [organizationId(0)],
  );
  const [, alerts, lastTinyId] = MARK.exec(rows[0]?.description ?? '') ?? [];
  const foreign = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT 1 FROM alerts WHERE NOT EXISTS (
       SELECT 1 FROM organizations org WHERE org.id = organization_id AND org.description ~ 'bench:data') LIMIT 1) x`,
  );
  return {
    filled:
      alerts === undefined ? null : { alerts: Number(alerts), lastTinyId: Number(lastTinyId) },
    foreign: foreign.rows[0]?.count ?? 0,
  };
}

const MARK = /^bench:data (\d+) alerts, the last is #(\d+)$/;

/**
 * Fills a migrated database in one transaction: it is done, or it never happened.
 *
 * Indexes and references are dropped and made again from their own definitions, which also proves that
 * every reference holds; a sample of the observables is compared with what the server would have stored.
 */
export async function fillDatabase(
  client: pg.Client,
  alerts: number,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  const startedAtMs = performance.now();
  await client.query('SET statement_timeout = 0; SET TimeZone = UTC; BEGIN');
  await client.query(
    `SET LOCAL maintenance_work_mem = '${INDEX_MEMORY}'; SET LOCAL work_mem = '64MB'`,
  );
  for (const statement of SETTINGS_STATEMENTS) await client.query(statement);
  const definitions = await droppedDefinitions(client);
  for (const { drop } of definitions) await client.query(drop);
  const until = new Date();
  for (let from = 1; from <= alerts; from += BATCH) {
    const to = Math.min(from + BATCH - 1, alerts);
    await client.query(BATCH_STATEMENT, [from, to, alerts, until]);
    const seconds = (performance.now() - startedAtMs) / 1000;
    onProgress({
      step: `${to} alerts`,
      done: (ROWS_SHARE * to) / alerts,
      alertsPerSecond: to / seconds,
    });
  }
  for (const [index, { create }] of definitions.reverse().entries()) {
    onProgress({
      step: /(?:INDEX|CONSTRAINT) "?(\w+)/.exec(create)?.[1] ?? 'indexes',
      done: ROWS_SHARE + ((1 - ROWS_SHARE) * index) / definitions.length,
      alertsPerSecond: null,
    });
    await client.query(create);
  }
  await assertAsStored(client);
  await client.query(
    `UPDATE organizations SET description = CASE WHEN id = $1::text::uuid THEN 'bench:data ' || $2::int || ' alerts, the last is #' || (SELECT max(tiny_id) FROM alerts)
       ELSE 'bench:data' END WHERE id::text LIKE left($1::text, 23) || '%'`,
    [organizationId(0), alerts],
  );
  await client.query('COMMIT');
  await client.query('VACUUM (ANALYZE)');
  await client.query('CHECKPOINT');
}

/** Secondary indexes and references of the large tables, each with the way to drop it and to have it again. */
async function droppedDefinitions(client: pg.Client): Promise<Definition[]> {
  const { rows } = await client.query<Definition>(
    `SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
            format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS create
     FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY($1::regclass[])
     UNION ALL
     SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
     FROM pg_index i WHERE indrelid = ANY($1::regclass[])
       AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))`,
    [TABLES],
  );
  return rows;
}

interface StoredObservable {
  readonly type: string;
  readonly data: string;
  readonly normalized: string;
  readonly hash: string;
}

/** Fails unless the observables are what the server makes of their data. */
async function assertAsStored(client: pg.Client): Promise<void> {
  const { rows } = await client.query<StoredObservable>(
    `SELECT t.name AS type, o.data, o.normalized, encode(o.value_hash, 'hex') AS hash
     FROM (SELECT * FROM observables ORDER BY id DESC LIMIT $1) o JOIN observable_types t ON t.id = o.type_id`,
    [OBSERVABLES_CHECKED],
  );
  for (const { type, data, normalized, hash } of rows) {
    const { value, valid } = normalizeObservable(type, data);
    if (!valid || value !== normalized || hash !== valueHash(value)) {
      throw new FillError(`The server would store ${data} (${type}) otherwise: ${value}.`);
    }
  }
}
