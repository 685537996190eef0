import { Debug } from '@prisma/client/runtime/client';
import { clearLogs } from '@prisma/debug';
import type { Prisma } from '../generated/prisma/client.js';

/** A running transaction; functions that need one take it as their first argument. */
export type Tx = Prisma.TransactionClient;

/**
 * Runs one hand-written statement: on the pool, or inside a transaction.
 *
 * A name stands for the one text it was first used with, which spares a hot statement the hashing
 * of what has just been put together again. An empty name is for a text that is never the same again.
 */
export type Sql = <Row>(
  statement: string,
  values: readonly unknown[],
  name?: string,
) => Promise<Row[]>;

/** The last statement of each transaction: its one connection takes them one after the other. */
const lastStatements = new WeakMap<Tx, Promise<unknown>>();

/** Hand-written SQL inside a transaction; what is asked at once is asked in turn. */
export function sqlIn(tx: Tx): Sql {
  return async <Row>(statement: string, values: readonly unknown[]) => {
    const ask = () => tx.$queryRawUnsafe<Row[]>(statement, ...values);
    const before = lastStatements.get(tx);
    const answer = before ? before.then(ask, ask) : ask();
    lastStatements.set(tx, answer);
    try {
      return await answer;
    } finally {
      if (lastStatements.get(tx) === answer) lastStatements.delete(tx);
      if (values.some((value) => typeof value === 'string' && value.length > LARGE_CHARS)) forget();
    }
  };
}

const LARGE_CHARS = 65_536;
const DEBUG_LINES_KEPT = 100;
const debug = Debug('casebender');

/** Prisma's client and its adapter each keep what their last hundred debug lines spoke of: lets go of large values. */
function forget(): void {
  clearLogs();
  // The client has no way to clear its own, so that its lines are pushed out.
  for (let line = 0; line < DEBUG_LINES_KEPT; line++) debug('');
}

/** Collects the values of a statement while its text is built: `add(value)` gives `$1`, `$2`, …. */
export class SqlParams {
  readonly values: unknown[] = [];

  add(value: unknown, cast = ''): string {
    this.values.push(value);
    return `$${this.values.length}${cast && `::${cast}`}`;
  }
}
