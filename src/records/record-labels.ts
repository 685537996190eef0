const SEVERITIES = {
  1: { label: 'Low', color: '#3b82f6' },
  2: { label: 'Medium', color: '#eab308' },
  3: { label: 'High', color: '#f97316' },
  4: { label: 'Critical', color: '#dc2626' },
} as const;

/** By their numbers; PAP 4 is enforced as RED (spec/behaviour.md §1). */
export const TLP_LABELS = ['CLEAR', 'GREEN', 'AMBER', 'AMBER+STRICT', 'RED'] as const;
export const PAP_LABELS = ['CLEAR', 'GREEN', 'AMBER', 'RED', 'RED'] as const;

export function severityLabel(severity: number): string {
  return SEVERITIES[severity as keyof typeof SEVERITIES].label;
}

function severityColor(severity: number): string {
  return SEVERITIES[severity as keyof typeof SEVERITIES].color;
}

const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** How long ago an instant was, in English: "just now", "5 minutes ago"; "in 2 hours" for later ones. */
export function relativeLabel(instant: string, nowMs: number): string {
  const seconds = Math.round((nowMs - Date.parse(instant)) / 1000);
  const distance = Math.abs(seconds);
  for (const [unit, length] of UNITS) {
    if (distance < length) continue;
    const amount = Math.floor(distance / length);
    const words = `${amount} ${unit}${amount === 1 ? '' : 's'}`;
    return seconds > 0 ? `${words} ago` : `in ${words}`;
  }
  return 'just now';
}

/** What of a record its labels follow from. */
export interface Labelled {
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly severity: number;
}

/** The labels that depend on the moment and the language, and so are no columns. */
export interface Labels {
  readonly createdAtLabel: string;
  readonly updatedAtLabel: string;
  readonly severityColor: string;
  readonly severityLabel: string;
}

export function labelsOf(record: Labelled, nowMs = Date.now()): Labels {
  return {
    createdAtLabel: relativeLabel(record.createdAt, nowMs),
    updatedAtLabel: relativeLabel(record.updatedAt, nowMs),
    severityColor: severityColor(record.severity),
    severityLabel: severityLabel(record.severity),
  };
}
