import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { Batcher } from './batcher.js';
import type { BatchRules } from './batcher.js';

const refused = () => Object.assign(new Error('refused'), { code: '23503' });
const slow = () => Object.assign(new Error('canceling statement'), { code: '57014' });
const lost = () => Object.assign(new Error('Connection terminated'), { code: 'ECONNRESET' });

/** Answers each item with ten times itself, and tells what it was given at once. */
function tenfold(
  rules: Partial<BatchRules<number>> = {},
  fail?: (items: readonly number[]) => Error | undefined,
) {
  const given: (readonly number[])[] = [];
  let underWay = 0;
  let most = 0;
  const batcher = new Batcher<number, number>(
    async (items) => {
      given.push(items);
      most = Math.max(most, ++underWay);
      await turn();
      underWay--;
      const error = fail?.(items);
      if (error !== undefined) throw error;
      return items.map((item) => item * 10);
    },
    {
      weightOf: (item) => item,
      weightMax: 100,
      patienceMs: 60_000,
      ...rules,
    },
  );
  return { batcher, given, most: () => most };
}

describe('Batcher', () => {
  it('does alone what comes alone, and at once what comes at once', async () => {
    const { batcher, given } = tenfold();
    const answers = await Promise.all([1, 2, 3, 4, 5].map((item) => batcher.run(item)));
    expect(answers).toEqual([10, 20, 30, 40, 50]);
    await batcher.run(6);
    expect(given).toEqual([[1, 2, 3, 4, 5], [6]]);
  });

  it('lets what comes while others are under way go with the next', async () => {
    const { batcher, given } = tenfold({ weightMax: 9 });
    const answers = await Promise.all([4, 5, 6, 1, 2, 7].map((item) => batcher.run(item)));
    expect(answers).toEqual([40, 50, 60, 10, 20, 70]);
    expect(given).toEqual([[4, 5], [6, 1, 2], [7]]);
  });

  it('puts only one key into a statement, and lets none wait for another', async () => {
    const { batcher, given, most } = tenfold({
      keyOf: (item) => (item % 2 === 0 ? 'even' : 'odd'),
    });
    const answers = await Promise.all([1, 2, 3, 4, 5].map((item) => batcher.run(item)));
    expect(answers).toEqual([10, 20, 30, 40, 50]);
    expect(given).toEqual([
      [1, 3, 5],
      [2, 4],
    ]);
    expect(most()).toBe(2);
  });

  it('answers each by itself, in whatever order and weight they come', async () => {
    const weights = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(weights, async (items) => {
        const { batcher, given, most } = tenfold();
        const answers = await Promise.all(items.map((item) => batcher.run(item)));
        expect(answers).toEqual(items.map((item) => item * 10));
        expect(given.flat().sort()).toEqual([...items].sort());
        expect(most()).toBeLessThanOrEqual(1);
        for (const group of given.filter(({ length }) => length > 1))
          expect(group.reduce((sum, item) => sum + item, 0)).toBeLessThanOrEqual(100);
      }),
    );
  });

  it('lets only that fail which the database refuses', async () => {
    const { batcher, given } = tenfold({}, (items) => (items.includes(4) ? refused() : undefined));
    const outcome = await Promise.allSettled([1, 2, 3, 4, 5].map((item) => batcher.run(item)));
    expect(outcome.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(given).toEqual([[1, 2, 3, 4, 5], [1, 2, 3], [4, 5], [4], [5]]);
  });

  it('tries each by itself where the statement took too long', async () => {
    const { batcher, given } = tenfold({}, (items) => (items.includes(2) ? slow() : undefined));
    const outcome = await Promise.allSettled([1, 2, 3].map((item) => batcher.run(item)));
    expect(outcome.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(given).toEqual([[1, 2, 3], [1], [2], [3]]);
  });

  it('tries nothing again that may have been written', async () => {
    const { batcher, given } = tenfold({}, (items) => (items.length > 1 ? lost() : undefined));
    const outcome = await Promise.allSettled([1, 2].map((item) => batcher.run(item)));
    expect(outcome.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(given).toEqual([[1, 2]]);
    expect(await batcher.run(5)).toBe(50);
  });

  it.each([
    { mayLock: true, then: [[2], [3], [1], [4]] },
    {
      mayLock: false,
      then: [
        [2, 3],
        [1, 4],
      ],
    },
  ])(
    'lets what comes later not wait for what is held up (may lock: $mayLock)',
    async ({ mayLock, then }) => {
      const given: (readonly number[])[] = [];
      let release: () => void = () => undefined;
      const lock = new Promise<void>((resolve) => (release = resolve));
      const batcher = new Batcher<number, number>(
        async (items) => {
          given.push(items);
          if (items.includes(1)) await lock;
          return items;
        },
        { weightMax: 100, patienceMs: 5, mayLock },
      );
      const locked = batcher.run(1);
      await turn();
      expect(await Promise.all([2, 3].map((item) => batcher.run(item)))).toEqual([2, 3]);
      const lockedToo = [1, 4].map((item) => batcher.run(item));
      if (mayLock) expect(await lockedToo[1]).toBe(4);
      await turn();
      expect(given).toEqual([[1], ...then]);
      release();
      expect(await Promise.all([locked, ...lockedToo])).toEqual([1, 1, 4]);
      await Promise.all([5, 6, 7].map((item) => batcher.run(item)));
      expect(given.at(-1)).toEqual([5, 6, 7]);
    },
  );

  it('lets a few smaller ones go beside what is held up, and is whole again after it', async () => {
    const given: (readonly number[])[] = [];
    const ends: (() => void)[] = [];
    const batcher = new Batcher<number, number>(
      async (items) => {
        given.push(items);
        await new Promise<void>((resolve) => ends.push(resolve));
        return items;
      },
      { weightMax: 8, patienceMs: 500 },
    );
    const items = Array.from({ length: 26 }, (_, index) => index);
    const answers = items.map((item) => batcher.run(item));
    await turn();
    expect(given.map(({ length }) => length)).toEqual([8]);
    while (given.length < 2) await sleep(1);
    expect(given.map(({ length }) => length)).toEqual([8, 2, 2, 2, 2]);
    for (const end of ends) end();
    await turn();
    expect(given.map(({ length }) => length)).toEqual([8, 2, 2, 2, 2, 8]);
    ends[5]?.();
    await turn();
    ends[6]?.();
    expect(await Promise.all(answers)).toEqual(items);
    expect(given.map(({ length }) => length)).toEqual([8, 2, 2, 2, 2, 8, 2]);
  });
});
