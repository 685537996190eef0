/** What two records of a kind have in common. */
export interface Signals {
  /** Observables of equal type and value. */
  readonly observables: number;
  /** How alike the titles are, 0…1. */
  readonly title: number;
  /** Whether both name the same source. */
  readonly source: boolean;
  /** Whether both name the same type. */
  readonly type: boolean;
  /** Hours between their creations. */
  readonly timeProximityHours: number;
}

export type Band = 'high' | 'potential' | 'weak';

/** Points of a score; together 100. */
const POINTS = { observables: 55, title: 25, source: 8, type: 4, time: 8 };
/** From a week apart on, time says nothing. */
const TIME_HORIZON_HOURS = 168;
const HIGH_MIN = 70;
const POTENTIAL_MIN = 40;

/**
 * How related two records are, 0…100, as the sum of what each signal says.
 *
 * Each further shared observable counts half of the one before: one gives half of the points, three
 * give seven eighths.
 */
export function scoreOf(signals: Signals): number {
  const observables = 1 - 0.5 ** signals.observables;
  const time = Math.max(0, 1 - signals.timeProximityHours / TIME_HORIZON_HOURS);
  return Math.round(
    POINTS.observables * observables +
      POINTS.title * signals.title +
      (signals.source ? POINTS.source : 0) +
      (signals.type ? POINTS.type : 0) +
      POINTS.time * time,
  );
}

export function bandOf(score: number): Band {
  if (score >= HIGH_MIN) return 'high';
  return score >= POTENTIAL_MIN ? 'potential' : 'weak';
}

/** How much a record is related, and why. */
export interface Relation {
  readonly score: number;
  readonly band: Band;
  readonly signals: Signals;
}

interface Found {
  readonly record: { readonly createdAt: string };
  readonly signals: Signals;
}

const SIMILAR_MAX = 50;

/** At most fifty of the candidates with their relation, the most related first, the newest of equals. */
export function mostRelated<C extends Found>(candidates: readonly C[]): (C & Relation)[] {
  return candidates
    .map((candidate) => {
      const score = scoreOf(candidate.signals);
      return { ...candidate, score, band: bandOf(score) };
    })
    .sort((a, b) => b.score - a.score || (a.record.createdAt < b.record.createdAt ? 1 : -1))
    .slice(0, SIMILAR_MAX);
}
