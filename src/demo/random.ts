/** Repeatable chance: the same seed gives the same draws, in every process and on every machine. */
export class Random {
  private state: number;

  constructor(private readonly seed: string) {
    this.state = hashOf(seed);
  }

  /** Chance of its own for a part, so that what one part draws changes no other. */
  fork(part: string | number): Random {
    return new Random(`${this.seed}/${part}`);
  }

  /** At least 0, below 1: mulberry32, as published by Tommy Ettinger. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error('Nothing to pick from.');
    return item;
  }

  /** An item, each as likely as its weight says. */
  weighted<T>(items: readonly T[], weightOf: (item: T, index: number) => number): T {
    let left = this.next() * items.reduce((sum, item, index) => sum + weightOf(item, index), 0);
    const found = items.find((item, index) => (left -= weightOf(item, index)) < 0);
    return found ?? this.pick(items);
  }

  /** A duration around a median with a long tail, as work takes: one in ten is over three times as long. */
  around(median: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
    return median * Math.exp(0.9 * normal);
  }

  /** Lower-case hexadecimal digits. */
  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.integer(0, 15).toString(16)).join('');
  }
}

/** FNV-1a, 32 bits, with a last mix so that seeds that differ in one letter begin far apart. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text)
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
