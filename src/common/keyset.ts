import { COUNT_MAX, Page } from './pagination.js';
import type { Cursors, Position } from './pagination.js';

interface CreationQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly sort: string;
  readonly count: boolean;
}

interface CreatedRow {
  readonly id: string | number;
  readonly createdAt: Date;
}

type Direction = 'asc' | 'desc';

/** How Prisma reads one page by creation: what it adds to the WHERE, the order and the number of rows. */
export interface CreationPage {
  readonly after: object;
  readonly orderBy: [{ createdAt: Direction }, { id: Direction }];
  readonly take: number;
}

/** A page of rows by creation and id, through Prisma. */
export async function pageByCreation<Row extends CreatedRow>(
  list: string,
  query: CreationQuery,
  cursors: Cursors,
  read: (page: CreationPage) => Promise<Row[]>,
  count: (take: number) => Promise<number>,
): Promise<Page<Row>> {
  const direction: Direction = query.sort.startsWith('-') ? 'desc' : 'asc';
  const [rows, total] = await Promise.all([
    read({
      after: keysetAfter(cursors.decode(list, query), direction),
      orderBy: [{ createdAt: direction }, { id: direction }],
      take: query.limit + 1,
    }),
    query.count ? count(COUNT_MAX + 1) : null,
  ]);
  return Page.of(rows, query, total, (last) =>
    cursors.encode(list, query, [last.createdAt.toISOString(), last.id]),
  );
}

function keysetAfter(position: Position | null, direction: Direction): object {
  if (!position) return {};
  const [createdAt, id] = position;
  const at = new Date(createdAt);
  const beyond = direction === 'desc' ? 'lt' : 'gt';
  return { OR: [{ createdAt: { [beyond]: at } }, { createdAt: at, id: { [beyond]: id } }] };
}
