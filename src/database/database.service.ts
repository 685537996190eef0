import { Injectable } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { unavailable } from '../common/errors.js';
import { AppConfig } from '../config/config.js';
import { PrismaClient } from '../generated/prisma/client.js';
import { Batcher } from './batcher.js';
import { ChangeFeed } from './change-feed.js';
import { isRetryable } from './database-errors.js';
import { createPool } from './pool.js';
import { sqlIn } from './sql.js';
import type { Sql, Tx } from './sql.js';

/** Who may bring a transaction along: a principal whose request already runs in one. */
export interface TransactionOwner {
  readonly transaction: Tx | null;
}

/** How a lot holds what it takes away from others: so that they may still refer to it, or alone, before it goes. */
export type LotLock = 'KEY SHARE' | 'UPDATE';

/** A statement that reads. */
interface Question {
  readonly statement: string;
  readonly values: readonly unknown[];
  readonly name: string | undefined;
}

const ATTEMPTS_MAX = 3;
const TRANSACTION_TIMEOUT_MS = 30_000;
const MAX_WAIT_MS = 3_000;
const LOTS_TIMEOUT_MS = 24 * 3_600_000;
const LOTS_TAKEN =
  'Many records are being changed by another request at this moment. Send this one again when that is done.';
const NAMED_STATEMENTS_MAX = 500;
const READ_PATIENCE_MS = 20;

/** PostgreSQL through one pool: Prisma for the ordinary, hand-written SQL where speed asks for it. */
@Injectable()
export class Database implements OnApplicationShutdown {
  readonly prisma: PrismaClient;
  private readonly pool: pg.Pool;
  private readonly reads = new Batcher<Question, unknown[]>((same) => this.answer(same), {
    keyOf: ({ statement, values }) => `${statement} ${JSON.stringify(values)}`,
    weightMax: Number.POSITIVE_INFINITY,
    patienceMs: READ_PATIENCE_MS,
  });
  private readonly statementNames = new Map<string, string>();
  private readonly namedTexts = new Map<string, string>();

  constructor(
    config: AppConfig,
    private readonly changes: ChangeFeed,
  ) {
    this.pool = createPool(
      config.databaseUrl ?? '',
      config.databasePoolMax,
      config.directDatabaseUrl !== undefined,
    );
    this.prisma = new PrismaClient({
      adapter: new PrismaPg(this.pool, {
        statementNameGenerator: ({ sql }) => this.nameOf(sql) ?? '',
      }),
      queryPlanCacheMaxSize: 1_000,
    });
  }

  /** Runs one statement on the pool, prepared once per connection; not under an empty name. */
  readonly sql: Sql = async <Row>(statement: string, values: readonly unknown[], name?: string) => {
    const prepared =
      name === undefined || name === ''
        ? { name: name ?? this.nameOf(statement), text: statement }
        : this.named(name, statement);
    const query = { ...prepared, values: values as unknown[] };
    const result = await repeatedly(() => this.pool.query(query));
    return result.rows as Row[];
  };

  /** Hand-written SQL in the transaction the request runs in, if any, else on the pool. */
  sqlFor(owner: TransactionOwner): Sql {
    return owner.transaction ? sqlIn(owner.transaction) : this.sql;
  }

  /** The same for reads only: equal questions that are asked at once share one statement. */
  readsFor(owner: TransactionOwner): Sql {
    if (owner.transaction) return sqlIn(owner.transaction);
    return async <Row>(statement: string, values: readonly unknown[], name?: string) =>
      (await this.reads.run({ statement, values, name })) as Row[];
  }

  /** Prisma in the transaction the request runs in, if any, else on the pool. */
  prismaFor(owner: TransactionOwner): Tx {
    return owner.transaction ?? this.prisma;
  }

  /**
   * Runs `work` in one transaction, or in a savepoint of the one the request already runs in.
   *
   * Repeats the whole of it after a serialization failure or a deadlock, so `work` must have no
   * effect outside the database.
   */
  async transaction<T>(
    owner: TransactionOwner,
    work: (tx: Tx) => Promise<T>,
    timeoutMs = TRANSACTION_TIMEOUT_MS,
  ): Promise<T> {
    if (owner.transaction) return inSavepoint(owner.transaction, work);
    return repeatedly(async () => {
      let committed: Tx | undefined;
      const result = await this.prisma.$transaction(
        (tx) => {
          committed = tx;
          return work(tx);
        },
        { maxWait: MAX_WAIT_MS, timeout: timeoutMs },
      );
      if (committed) this.changes.committed(committed);
      return result;
    });
  }

  /**
   * Does what may be too much for one transaction: `work` does a lot of it in each, answers whether there may be
   * more, and ends the matter when there is none under `UPDATE`.
   *
   * A lot is all of what is little, done under `UPDATE`, or not at all. Of what is more, each lot is committed by
   * itself, under a lock that keeps nobody from referring to the same thing, and stays when a later one fails: asked
   * again, `work` goes on from there. One at a time in all processes, so that two never undo each other for ever.
   *
   * @throws AppError `UNAVAILABLE` while another one is under way.
   */
  async inLots(
    owner: TransactionOwner,
    work: (tx: Tx, lock: LotLock) => Promise<boolean>,
  ): Promise<void> {
    if (owner.transaction) throw new Error('Lots are transactions of their own.');
    const lot = (lock: LotLock) => this.transaction(owner, (tx) => work(tx, lock));
    if (!(await lot('UPDATE'))) return;
    const options = { maxWait: MAX_WAIT_MS, timeout: LOTS_TIMEOUT_MS };
    await this.prisma.$transaction(async (turn) => {
      let lock: LotLock | null = 'KEY SHARE';
      while (lock !== null) {
        // Asked for again with each lot, which keeps it from idling too long and finds out when it is lost.
        if (!(await takeTurn(turn))) throw unavailable(LOTS_TAKEN);
        const hasMore: boolean = await lot(lock);
        if (hasMore) lock = 'KEY SHARE';
        else lock = lock === 'KEY SHARE' ? 'UPDATE' : null;
      }
    }, options);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.prisma.$disconnect();
    if (!this.pool.ended) await this.pool.end();
  }

  /** Asks the one question that all of these are; each gets a list of its own. */
  private async answer(same: readonly Question[]): Promise<unknown[][]> {
    const [question] = same;
    if (!question) return [];
    const rows = await this.sql(question.statement, question.values, question.name);
    return same.map(() => rows.slice());
  }

  private named(name: string, statement: string): { readonly name: string; readonly text: string } {
    const text = this.namedTexts.get(name);
    if (text !== undefined) return { name, text };
    this.namedTexts.set(name, statement);
    return { name, text: statement };
  }

  /** A name for the commonest statements; the rest go unprepared, so that their number stays bounded. */
  private nameOf(statement: string): string | undefined {
    const known = this.statementNames.get(statement);
    if (known !== undefined) return known;
    if (this.statementNames.size >= NAMED_STATEMENTS_MAX) return undefined;
    const name = `s${this.statementNames.size}`;
    this.statementNames.set(statement, name);
    return name;
  }
}

/** Whether the transaction has, or gets, the turn of those that work in lots. */
async function takeTurn(tx: Tx): Promise<boolean> {
  const [turn] = await tx.$queryRaw<{ isTaken: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(hashtextextended('lots', 0)) AS "isTaken"`;
  return turn?.isTaken ?? false;
}

/** Repeats what a serialization failure or a deadlock has undone. */
async function repeatedly<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !isRetryable(error)) throw error;
    }
  }
}

/** Work inside a transaction that goes on when it fails: what it wrote is undone. */
async function inSavepoint<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
  await tx.$executeRaw`SAVEPOINT nested`;
  try {
    const result = await work(tx);
    await tx.$executeRaw`RELEASE SAVEPOINT nested`;
    return result;
  } catch (error) {
    await tx.$executeRaw`ROLLBACK TO SAVEPOINT nested`.catch(() => undefined);
    throw error;
  }
}
