import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { AppConfig } from '../config/config.js';
import { AppError } from './errors.js';
import { queryBoolean } from './fields.js';
import { JsonText, joinTexts } from './json-text.js';

/** Where a page ends: the sort value and the id of its last row, and what else it takes to go on from there. */
export type Position = readonly [
  sortValue: string | number,
  id: string | number,
  ...rest: (string | number)[],
];

/** One page of a list; the answer interceptor turns it into a bare array with headers. */
export class Page<T> {
  constructor(
    readonly items: readonly T[],
    readonly nextCursor: string | null,
    readonly total: { readonly count: number; readonly capped: boolean } | null = null,
  ) {}

  /** The page that `found` makes, which holds one row more than the limit when there is a next page. */
  static of<Row>(
    found: readonly Row[],
    query: { readonly limit: number },
    count: number | null,
    toCursor: (last: Row) => string,
  ): Page<Row> {
    const shown = found.slice(0, query.limit);
    const last = shown.at(-1);
    return new Page(
      shown,
      found.length > query.limit && last !== undefined ? toCursor(last) : null,
      count === null ? null : { count, capped: count > COUNT_MAX },
    );
  }

  map<U>(toItem: (item: T) => U): Page<U> {
    return new Page(this.items.map(toItem), this.nextCursor, this.total);
  }
}

/** Counts are exact up to this number and capped above it. */
export const COUNT_MAX = 10_000;

/** `limit`, `cursor`, `sort` and `count` of every list; filters come beside them, anything else is 400. */
export function listQuery<F extends z.ZodRawShape>(
  sortable: readonly string[],
  filters: F,
  defaultSort = '-createdAt',
) {
  const sorts = sortable.flatMap((field) => [field, `-${field}`] as const);
  return z.strictObject({
    limit: z
      .string()
      .regex(/^\d{1,4}$/, 'expected a whole number from 1 to 1000')
      .transform(Number)
      .pipe(z.number().int().min(1).max(1000))
      .default(100)
      .meta({
        description:
          'Records a page, 1 to 1000; fewer where they are very large. `Link` says whether there are more.',
      }),
    cursor: z
      .string()
      .max(2000)
      .optional()
      .meta({ description: 'Where the page starts; from the `Link` header of the page before.' }),
    sort: z
      .enum(sorts as [string, ...string[]])
      .default(defaultSort)
      .meta({ description: 'The field to sort by, with `-` for descending.' }),
    count: queryBoolean
      .default(false)
      .meta({ description: 'Whether to answer `X-Total-Count`, exact up to 10 000.' }),
    ...filters,
  });
}

/** What a search answers. */
export interface SearchAnswer<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
  readonly total?: number;
  readonly totalCapped?: boolean;
}

/** A page as a search answers it. */
export function searchAnswerOf<T>({ items, nextCursor, total }: Page<T>) {
  return {
    items: [...items],
    nextCursor,
    ...(total && { total: Math.min(total.count, COUNT_MAX), totalCapped: total.capped }),
  };
}

/** A page of texts as a search answers it. */
export function toSearchAnswer<T>(page: Page<JsonText<T>>): JsonText<SearchAnswer<T>> {
  const { items, ...rest } = searchAnswerOf(page);
  return new JsonText(`{"items":${joinTexts(items)},${JSON.stringify(rest).slice(1)}`);
}

/** Signs cursors, so that they cannot be changed, nor used with another list, filter or sort. */
@Injectable()
export class Cursors {
  private readonly key: Buffer;

  constructor(config: AppConfig) {
    this.key = createHmac('sha256', Buffer.from(config.secrets.sessionSecret, 'base64'))
      .update('cursor')
      .digest();
  }

  encode(list: string, query: object, position: Position): string {
    const payload = Buffer.from(JSON.stringify(position));
    return Buffer.concat([this.seal(list, query, payload), payload]).toString('base64url');
  }

  /** @throws AppError `INVALID_CURSOR` */
  decode(list: string, query: { readonly cursor?: string | undefined }): Position | null {
    if (query.cursor === undefined) return null;
    const bytes = Buffer.from(query.cursor, 'base64url');
    const payload = bytes.subarray(SEAL_BYTES);
    const expected = this.seal(list, query, payload);
    const seal = bytes.subarray(0, SEAL_BYTES);
    if (seal.length !== SEAL_BYTES || !timingSafeEqual(seal, expected)) {
      throw new AppError(
        'INVALID_CURSOR',
        'The cursor does not belong to this list, filter and sort. Start again without it.',
        {
          errors: [
            { path: 'cursor', code: 'invalid_cursor', message: 'Not a cursor of this list.' },
          ],
        },
      );
    }
    return JSON.parse(payload.toString()) as Position;
  }

  /** Binds the payload to the list and to every parameter but those that may change between pages. */
  private seal(list: string, query: object, payload: Buffer): Buffer {
    const bound = Object.entries(query)
      .filter(([key, value]) => !FREE_PARAMETERS.has(key) && value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return createHmac('sha256', this.key)
      .update(JSON.stringify([list, bound]))
      .update(payload)
      .digest()
      .subarray(0, SEAL_BYTES);
  }
}

/** `limit`, `cursor`, `sort`, `count` and filters of a search body: the same as of the list, as JSON. */
export function searchBody<F extends z.ZodRawShape>(
  id: string,
  sortable: readonly string[],
  filters: F,
  example: object,
) {
  const sorts = sortable.flatMap((field) => [field, `-${field}`] as const);
  return z
    .strictObject({
      limit: z.int().min(1).max(1000).default(100),
      cursor: z.string().max(2000).optional(),
      sort: z.enum(sorts as [string, ...string[]]).default('-createdAt'),
      count: z.boolean().default(false),
      ...filters,
    })
    .meta({ id, example });
}

/** What a search answers: the page with its cursor, and the total where asked for. */
export function searchAnswer<T extends z.ZodType>(id: string, item: T) {
  return z
    .object({
      items: z.array(item),
      nextCursor: z.string().nullable(),
      total: z.int().optional(),
      totalCapped: z.boolean().optional(),
    })
    .meta({ id });
}

const SEAL_BYTES = 16;
const FREE_PARAMETERS = new Set(['cursor', 'limit', 'count']);
