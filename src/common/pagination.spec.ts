import fc from 'fast-check';
import type { AppConfig } from '../config/config.js';
import { AppError } from './errors.js';
import { COUNT_MAX, Cursors, Page } from './pagination.js';
import type { Position } from './pagination.js';

function cursorsOf(secret: string): Cursors {
  const sessionSecret = Buffer.from(secret).toString('base64');
  return new Cursors({ secrets: { sessionSecret } } as AppConfig);
}

const cursors = cursorsOf('the secret of this instance');

const position = fc.tuple(
  fc.oneof(
    fc.string(),
    fc.integer(),
    fc.date({ noInvalidDate: true }).map((at) => at.toISOString()),
  ),
  fc.uuid(),
) as fc.Arbitrary<Position>;

const query = fc.record({
  sort: fc.constantFrom('createdAt', '-createdAt', 'severity'),
  status: fc.option(fc.array(fc.string(), { maxLength: 3 }), { nil: undefined }),
});

const free = fc.record({ limit: fc.integer(), count: fc.boolean() });

function refusalOf(list: string, asked: object & { cursor?: string }): unknown {
  try {
    cursors.decode(list, asked);
    return 'accepted';
  } catch (error) {
    return error instanceof AppError ? error.code : error;
  }
}

describe('Cursors', () => {
  it('lead back to the position, whatever limit and count the next page asks for', () => {
    fc.assert(
      fc.property(position, query, free, free, (at, asked, one, two) => {
        const cursor = cursors.encode('alerts', { ...asked, ...one }, at);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(cursors.decode('alerts', { ...asked, ...two, cursor })).toEqual(at);
      }),
    );
  });

  it('are refused with any byte changed', () => {
    fc.assert(
      fc.property(
        position,
        query,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (at, asked, n, x) => {
          const bytes = Buffer.from(cursors.encode('alerts', asked, at), 'base64url');
          const index = n % bytes.length;
          bytes[index] = (bytes[index] ?? 0) ^ x;
          const cursor = bytes.toString('base64url');
          expect(refusalOf('alerts', { ...asked, cursor })).toBe('INVALID_CURSOR');
        },
      ),
    );
  });

  it('are refused when cut or lengthened', () => {
    fc.assert(
      fc.property(
        position,
        query,
        fc.nat(),
        fc.uint8Array({ minLength: 1 }),
        (at, asked, n, more) => {
          const bytes = Buffer.from(cursors.encode('alerts', asked, at), 'base64url');
          const cut = bytes.subarray(0, n % bytes.length).toString('base64url');
          const longer = Buffer.concat([bytes, more]).toString('base64url');
          for (const cursor of [cut, longer])
            expect(refusalOf('alerts', { ...asked, cursor })).toBe('INVALID_CURSOR');
        },
      ),
    );
  });

  it('are refused when made up', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), query, (cursor, asked) => {
        expect(refusalOf('alerts', { ...asked, cursor })).toBe('INVALID_CURSOR');
      }),
    );
  });

  it('belong to their list, sort and filter', () => {
    fc.assert(
      fc.property(position, query, query, (at, asked, other) => {
        fc.pre(JSON.stringify(asked) !== JSON.stringify(other));
        const cursor = cursors.encode('alerts', asked, at);
        expect(refusalOf('cases', { ...asked, cursor })).toBe('INVALID_CURSOR');
        expect(refusalOf('alerts', { ...other, cursor })).toBe('INVALID_CURSOR');
      }),
    );
  });

  it('do not depend on the order of the parameters', () => {
    const cursor = cursors.encode('alerts', { sort: 'createdAt', status: ['new'] }, ['x', 'id']);
    const asked = { status: ['new'], sort: 'createdAt', cursor };
    expect(cursors.decode('alerts', asked)).toEqual(['x', 'id']);
  });

  it('are refused by an instance with another secret', () => {
    const cursor = cursorsOf('another secret').encode('alerts', {}, ['x', 'id']);
    expect(refusalOf('alerts', { cursor })).toBe('INVALID_CURSOR');
  });

  it('mean the first page when absent', () => {
    expect(cursors.decode('alerts', {})).toBeNull();
  });
});

describe('Page', () => {
  const toCursor = (last: number) => `after ${last}`;

  it.each([
    { found: [], items: [], nextCursor: null },
    { found: [1], items: [1], nextCursor: null },
    { found: [1, 2], items: [1, 2], nextCursor: null },
    { found: [1, 2, 3], items: [1, 2], nextCursor: 'after 2' },
  ])('of two a page makes $found to $items and $nextCursor', ({ found, items, nextCursor }) => {
    expect(Page.of<number>(found, { limit: 2 }, null, toCursor)).toMatchObject({
      items,
      nextCursor,
      total: null,
    });
  });

  it('says when its count is capped', () => {
    const totalOf = (count: number) => Page.of<number>([], { limit: 2 }, count, toCursor).total;
    expect(totalOf(COUNT_MAX)).toEqual({ count: COUNT_MAX, capped: false });
    expect(totalOf(COUNT_MAX + 1)).toMatchObject({ capped: true });
  });
});
