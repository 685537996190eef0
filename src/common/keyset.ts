import { COUNT_MAX, Page } from './pagination.js';
import type { Cursors, Position } from './pagination.js';

interface SortedQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly sort: string;
  readonly count: boolean;
}

interface Row {
  readonly id: string | number;
}

type Direction = 'asc' | 'desc';

/** A column that a list is sorted by, and how its values go into cursors and come back. */
export interface SortColumn<R> {
  readonly name: string;
  toPosition(row: R): string | number;
  fromPosition(value: string | number): unknown;
}

/** How Prisma reads one page: what it adds to the WHERE, the order and the number of rows. */
export interface KeysetPage {
  readonly after: object;
  readonly orderBy: Record<string, Direction>[];
  readonly take: number;
}

export const BY_CREATION: SortColumn<{ readonly createdAt: Date }> = {
  name: 'createdAt',
  toPosition: (row) => row.createdAt.toISOString(),
  fromPosition: (value) => new Date(value),
};

/** A page of rows by a column and id, through Prisma. */
export async function pageByColumn<R extends Row>(
  list: string,
  query: SortedQuery,
  cursors: Cursors,
  column: SortColumn<R>,
  read: (page: KeysetPage) => Promise<R[]>,
  count: (take: number) => Promise<number>,
): Promise<Page<R>> {
  const direction: Direction = query.sort.startsWith('-') ? 'desc' : 'asc';
  const [rows, total] = await Promise.all([
    read({
      after: keysetAfter(cursors.decode(list, query), column, direction),
      orderBy: [{ [column.name]: direction }, { id: direction }],
      take: query.limit + 1,
    }),
    query.count ? count(COUNT_MAX + 1) : null,
  ]);
  return Page.of(rows, query, total, (last) =>
    cursors.encode(list, query, [column.toPosition(last), last.id]),
  );
}

/** A page of rows by creation and id, through Prisma. */
export function pageByCreation<R extends Row & { readonly createdAt: Date }>(
  list: string,
  query: SortedQuery,
  cursors: Cursors,
  read: (page: KeysetPage) => Promise<R[]>,
  count: (take: number) => Promise<number>,
): Promise<Page<R>> {
  return pageByColumn<R>(list, query, cursors, BY_CREATION, read, count);
}

function keysetAfter<R>(
  position: Position | null,
  column: SortColumn<R>,
  direction: Direction,
): object {
  if (!position) return {};
  const [sortValue, id] = position;
  const value = column.fromPosition(sortValue);
  const beyond = direction === 'desc' ? 'lt' : 'gt';
  return {
    OR: [{ [column.name]: { [beyond]: value } }, { [column.name]: value, id: { [beyond]: id } }],
  };
}

/** The condition that a text begins with another, taken literally and without regard to case. */
export function beginningWith(text: string): { startsWith: string; mode: 'insensitive' } {
  return { startsWith: literally(text), mode: 'insensitive' };
}

/** The condition that a text has another in it, taken literally and without regard to case. */
export function containing(text: string): { contains: string; mode: 'insensitive' } {
  return { contains: literally(text), mode: 'insensitive' };
}

/** Prisma leaves the wildcards of LIKE as they are. */
function literally(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}
