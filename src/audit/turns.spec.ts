import { inTurns } from './turns.js';

function workFor(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

describe('inTurns', () => {
  it('gives all items in their order', async () => {
    const items = Array.from({ length: 1_000 }, (_, index) => index);
    const given: number[] = [];
    for await (const item of inTurns(items)) given.push(item);
    expect(given).toEqual(items);
  });

  it('lets others in while the items take long', async () => {
    const turns: number[] = [];
    for await (const item of inTurns([1, 2, 3])) {
      setImmediate(() => turns.push(item));
      workFor(10);
    }
    expect(turns).toEqual([1, 2]);
  });
});
