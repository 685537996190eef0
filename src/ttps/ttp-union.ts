import { NOTE_MAX } from './ttps.schema.js';

/** What of a technique on a record decides how it is united with others. */
export interface SeenTtp {
  readonly id: string;
  readonly ttpId: string;
  readonly tactic: string | null;
  readonly occurredAt: string | null;
  readonly note: string;
}

/** Techniques that are equal: one technique with one tactic. */
export interface UnitedTtp<T extends SeenTtp> {
  /** The first of them, which stays. */
  readonly first: T;
  readonly others: readonly T[];
  /** When the earliest of them was seen. */
  readonly occurredAt: string | null;
  /** All they say, in their order and an equal text once, cut where it is longer than a note may be. */
  readonly note: string;
}

/** Unites equal techniques, in the order of their first. */
export function uniteTtps<T extends SeenTtp>(ttps: readonly T[]): UnitedTtp<T>[] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const ttp of ttps) {
    const key = `${ttp.ttpId} ${ttp.tactic ?? ''}`;
    const group = groups.get(key);
    if (group) group.push(ttp);
    else groups.set(key, [ttp]);
  }
  return [...groups.values()].map(([first, ...others]) => ({
    first,
    others,
    occurredAt: [first, ...others].reduce<string | null>(earlier, null),
    note: [first, ...others].reduce(joined, ''),
  }));
}

/** Instants are texts of one form, so that their order is that of time. */
function earlier(earliest: string | null, { occurredAt }: SeenTtp): string | null {
  if (earliest === null || occurredAt === null) return earliest ?? occurredAt;
  return occurredAt < earliest ? occurredAt : earliest;
}

const BREAK = '\n\n';

function joined(text: string, { note }: SeenTtp): string {
  const isSaid = `${BREAK}${text}${BREAK}`.includes(`${BREAK}${note}${BREAK}`);
  if (note === '' || isSaid) return text;
  const whole = text === '' ? note : `${text}${BREAK}${note}`;
  return whole.length <= NOTE_MAX ? whole : `${whole.slice(0, NOTE_MAX - 1).toWellFormed()}…`;
}
