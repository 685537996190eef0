import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** Where a chain ends, or the end that it has before its first entry; hashes are in hexadecimal. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

export const CHAIN_START: ChainEnd = { seq: 0, hash: '0'.repeat(64) };

/** An entry in its place: all that its hash is made of. */
export interface PlacedEntry {
  readonly id: string;
  readonly seq: number;
}

/** What ties an entry to the one before it. */
export interface Seal {
  readonly previousHash: string;
  readonly hash: string;
}

/** Where a chain is broken, and why in plain words. */
export interface ChainBreak {
  /** The entry found there; null where none is. */
  readonly id: string | null;
  /** Its place in the chain; null for what has none. */
  readonly seq: number | null;
  readonly reason: string;
}

/**
 * The hash that seals an entry: SHA-256 over the 32 bytes of the previous hash and the entry as
 * canonical JSON (RFC 8785) in UTF-8.
 */
export function hashOf(previousHash: string, entry: PlacedEntry): string {
  const json = canonicalize(entry) ?? '';
  return createHash('sha256').update(previousHash, 'hex').update(json).digest('hex');
}

/** The entry as the next of a chain that ends there. */
export function sealAfter<T extends object>(
  end: ChainEnd,
  entry: T & { readonly id: string },
): T & PlacedEntry & Seal {
  const placed = { ...entry, seq: end.seq + 1 };
  return { ...placed, previousHash: end.hash, hash: hashOf(end.hash, placed) };
}

/** Follows a chain, entry by entry, to the first that does not match its seal. */
export class ChainWalk {
  private end: ChainEnd;

  /** From the beginning of the chain, or from an entry whose predecessors are not at hand. */
  constructor(first?: PlacedEntry & Seal) {
    this.end =
      first === undefined || first.seq === 1
        ? CHAIN_START
        : { seq: first.seq - 1, hash: first.previousHash };
  }

  /** Takes the next entry; answers the break when it is not the one that was sealed there. */
  take({ hash, previousHash, ...entry }: PlacedEntry & Seal): ChainBreak | null {
    const { id, seq } = entry;
    const before = this.end.seq;
    const expected = before + 1;
    if (seq > expected) {
      return {
        id: null,
        seq: expected,
        reason: `Entry ${expected} is missing: entry ${seq} comes after ${before}.`,
      };
    }
    if (seq < expected) {
      return { id, seq, reason: `Entry ${seq} comes after entry ${before}: the order is wrong.` };
    }
    if (previousHash !== this.end.hash) {
      return {
        id,
        seq,
        reason: `Entry ${seq} was not sealed after what is before it now: entries were swapped or replaced.`,
      };
    }
    if (hashOf(previousHash, entry) !== hash) {
      return { id, seq, reason: `Entry ${seq} was changed after it was sealed.` };
    }
    this.end = { seq, hash };
    return null;
  }

  /** Answers the break when this is not where the chain ended when it was last sealed. */
  finish(end: ChainEnd): ChainBreak | null {
    const { seq, hash } = this.end;
    if (seq < end.seq) {
      return {
        id: null,
        seq: seq + 1,
        reason: `Entry ${seq + 1} is missing: ${end.seq} entries were sealed, and the last of them were cut off.`,
      };
    }
    if (seq > end.seq) {
      return {
        id: null,
        seq: end.seq + 1,
        reason: `Entry ${end.seq + 1} is beyond the end of the chain: it was added, or the end was moved back.`,
      };
    }
    if (hash !== end.hash) {
      return {
        id: null,
        seq,
        reason: `Entry ${seq} is not the one that was sealed last: it was replaced.`,
      };
    }
    return null;
  }
}
