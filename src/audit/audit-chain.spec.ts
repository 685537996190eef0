import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { CHAIN_START, ChainWalk, hashOf, sealAfter } from './audit-chain.js';
import type { ChainBreak, ChainEnd, PlacedEntry, Seal } from './audit-chain.js';

type Entry = PlacedEntry & Seal & { readonly changes: unknown };

const values = fc.jsonValue({ maxDepth: 3 });
const contents = fc.array(values, { minLength: 1, maxLength: 12 });

function chainOf(changes: readonly unknown[]): Entry[] {
  let end: ChainEnd = CHAIN_START;
  return changes.map((each, index) => {
    const entry = sealAfter(end, { id: `entry ${index}`, changes: each });
    end = entry;
    return entry;
  });
}

/** The first break of entries that should be a whole chain ending there. */
function breakIn(entries: readonly Entry[], end: ChainEnd): ChainBreak | null {
  const walk = new ChainWalk();
  for (const entry of entries) {
    const found = walk.take(entry);
    if (found) return found;
  }
  return walk.finish(end);
}

const endOf = (chain: readonly Entry[]): ChainEnd => chain.at(-1) ?? CHAIN_START;

/** A chain of two or more, and a place in it. */
const chainAndPlace = fc
  .array(values, { minLength: 2, maxLength: 12 })
  .chain((changes) =>
    fc.tuple(fc.constant(chainOf(changes)), fc.integer({ min: 0, max: changes.length - 1 })),
  );

describe('hashOf', () => {
  it('is SHA-256 over the previous hash and the canonical JSON', () => {
    const previous = 'ab'.repeat(32);
    const entry = { seq: 7, id: 'x', changes: [{ old: 1.5e30, new: 'é\n', field: 'a' }] };
    const text = '{"changes":[{"field":"a","new":"é\\n","old":1.5e+30}],"id":"x","seq":7}';
    const expected = createHash('sha256')
      .update(Buffer.concat([Buffer.from(previous, 'hex'), Buffer.from(text)]))
      .digest('hex');
    expect(hashOf(previous, entry)).toBe(expected);
  });

  it('does not depend on the order of keys', () => {
    const ordered = { id: 'x', seq: 1, a: { b: 1, c: 2 } };
    const other = { a: { c: 2, b: 1 }, seq: 1, id: 'x' };
    expect(hashOf(CHAIN_START.hash, ordered)).toBe(hashOf(CHAIN_START.hash, other));
  });
});

describe('ChainWalk', () => {
  it('finds no break in a chain, whatever it holds, also read back from JSON', () => {
    fc.assert(
      fc.property(contents, (changes) => {
        const chain = chainOf(changes);
        const read = JSON.parse(JSON.stringify(chain)) as Entry[];
        expect(breakIn(read, endOf(chain))).toBeNull();
        expect(chain[0]?.previousHash).toBe('0'.repeat(64));
        expect(chain.map(({ seq }) => seq)).toEqual(chain.map((_, index) => index + 1));
      }),
    );
  });

  it('names the entry whose content was changed', () => {
    fc.assert(
      fc.property(chainAndPlace, ([chain, place]) => {
        const changed = chain.map((entry, index) =>
          index === place ? { ...entry, changes: [entry.changes] } : entry,
        );
        expect(breakIn(changed, endOf(chain))).toEqual({
          id: chain[place]?.id,
          seq: place + 1,
          reason: `Entry ${place + 1} was changed after it was sealed.`,
        });
      }),
    );
  });

  it('names the entry after one that was changed and sealed anew, or the last', () => {
    fc.assert(
      fc.property(chainAndPlace, ([chain, place]) => {
        const forged = chain.map((entry, index) => {
          if (index !== place) return entry;
          const content = { id: entry.id, changes: 'forged' };
          return sealAfter({ seq: place, hash: entry.previousHash }, content);
        });
        const found = breakIn(forged, endOf(chain));
        expect(found?.seq).toBe(Math.min(place + 2, chain.length));
        expect(found?.reason).toContain('replaced');
      }),
    );
  });

  it('names the place of an entry that is missing, also at the end', () => {
    fc.assert(
      fc.property(chainAndPlace, ([chain, place]) => {
        const found = breakIn(
          chain.filter((_, index) => index !== place),
          endOf(chain),
        );
        expect(found).toMatchObject({ id: null, seq: place + 1 });
        expect(found?.reason).toContain(`Entry ${place + 1} is missing`);
      }),
    );
  });

  it('names the first of two that were swapped', () => {
    fc.assert(
      fc.property(chainAndPlace, ([chain, place]) => {
        const at = Math.min(place, chain.length - 2);
        const [a, b] = [chain[at], chain[at + 1]];
        if (!a || !b) throw new Error('No pair.');
        const swapped = [...chain];
        swapped[at] = { ...b, seq: a.seq };
        swapped[at + 1] = { ...a, seq: b.seq };
        expect(breakIn(swapped, endOf(chain))).toMatchObject({ id: b.id, seq: at + 1 });
        swapped[at] = b;
        swapped[at + 1] = a;
        expect(breakIn(swapped, endOf(chain))).toMatchObject({ seq: at + 1 });
      }),
    );
  });

  it('names what is beyond the end, and an end that is another entry', () => {
    const chain = chainOf([1, 2, 3]);
    expect(breakIn(chain, chain[1] ?? CHAIN_START)).toMatchObject({ id: null, seq: 3 });
    expect(breakIn(chain, { seq: 3, hash: 'ff'.repeat(32) })).toMatchObject({ seq: 3 });
  });

  it('follows a part of a chain from any entry', () => {
    fc.assert(
      fc.property(chainAndPlace, ([chain, place]) => {
        const part = chain.slice(place);
        const walk = new ChainWalk(part[0]);
        expect(part.map((entry) => walk.take(entry))).toEqual(part.map(() => null));
      }),
    );
  });

  it('trusts no first entry that says nothing came before it, but of another hash', () => {
    const [first] = chainOf([1]);
    if (!first) throw new Error('No entry.');
    const walk = new ChainWalk({ ...first, previousHash: 'ff'.repeat(32) });
    expect(walk.take({ ...first, previousHash: 'ff'.repeat(32) })).toMatchObject({ seq: 1 });
  });
});
