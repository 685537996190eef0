import { setTimeout as sleep } from 'node:timers/promises';
import { SharedReads } from './shared-reads.js';

/** Reads that tell how many there were, and end when they are let. */
function counted(patienceMs = 60_000) {
  const reads = new SharedReads(patienceMs);
  const ends: (() => void)[] = [];
  const ask = (what: string) =>
    reads.ask(what, async () => {
      const place = ends.length + 1;
      await new Promise<void>((resolve) => ends.push(resolve));
      if (what === 'broken') throw new Error(`broken ${place}`);
      return `${what} ${place}`;
    });
  const begun = async (count: number) => {
    while (ends.length < count) await sleep(1);
    await sleep(5);
    expect(ends).toHaveLength(count);
  };
  return { ask, begun, end: (place: number) => ends[place - 1]?.() };
}

describe('SharedReads', () => {
  it('answers with one read who asks the same in one turn, and others by themselves', async () => {
    const { ask, begun, end } = counted();
    const answers = [ask('a'), ask('b'), ask('a')];
    await begun(2);
    end(1);
    end(2);
    expect(await Promise.all(answers)).toEqual(['a 1', 'b 2', 'a 1']);
  });

  it('never answers with a read that began before it was asked', async () => {
    const { ask, begun, end } = counted();
    const first = ask('a');
    await begun(1);
    const later = [ask('a'), ask('a')];
    await begun(1);
    end(1);
    expect(await first).toBe('a 1');
    await begun(2);
    end(2);
    expect(await Promise.all(later)).toEqual(['a 2', 'a 2']);
  });

  it('lets nobody wait long for a read that takes long', async () => {
    const { ask, begun, end } = counted(10);
    const first = ask('a');
    await begun(1);
    const second = ask('a');
    await begun(2);
    end(2);
    expect(await second).toBe('a 2');
    end(1);
    expect(await first).toBe('a 1');
  });

  it('tells all who asked of a failure, and asks again for who comes after', async () => {
    const { ask, begun, end } = counted();
    const failing = Promise.allSettled([ask('broken'), ask('broken')]);
    await begun(1);
    const later = ask('broken');
    end(1);
    const reasons = (await failing).map((each) => String((each as PromiseRejectedResult).reason));
    expect(reasons).toEqual(['Error: broken 1', 'Error: broken 1']);
    await begun(2);
    end(2);
    await expect(later).rejects.toThrow('broken 2');
  });
});
