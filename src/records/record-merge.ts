import type { RecordKind } from './record-writes.js';

type CustomFields = Readonly<Record<string, unknown>>;

/** Custom fields of merged records (the oldest first) and of the case they go into: its value wins, then the newest record's. */
export function uniteCustomFields(
  merged: readonly { readonly customFields: CustomFields }[],
  ofCase: CustomFields,
): Record<string, unknown> {
  return Object.assign({}, ...merged.map((record) => record.customFields), ofCase) as Record<
    string,
    unknown
  >;
}

const DESCRIPTION_MAX = 1_048_576;
/** What a description takes over of a merged record's, in UTF-16 units. */
export const SECTION_MAX = 16_384;

interface Described {
  readonly tinyId: number;
  readonly title: string;
  readonly description: string | null;
}

/** A case's description with a section for each record that was merged into it, within the bound of a description. */
export function describeMerged(
  description: string | null,
  kind: RecordKind,
  merged: readonly Described[],
): string {
  const sections = merged.map((record) =>
    [`## Merged ${kind} #${record.tinyId}: ${record.title}`, shortened(kind, record)]
      .filter(Boolean)
      .join('\n\n'),
  );
  const united = [description ?? '', ...sections].filter(Boolean).join('\n\n');
  return united.length <= DESCRIPTION_MAX
    ? united
    : `${united.slice(0, DESCRIPTION_MAX - 1).toWellFormed()}…`;
}

/** The description of a merged record, cut where it is longer than a section may be. */
function shortened(kind: RecordKind, { tinyId, description }: Described): string {
  if (description === null || description.length <= SECTION_MAX) return description ?? '';
  return `${description.slice(0, SECTION_MAX).toWellFormed()}…\n\n_(Shortened; ${kind} #${tinyId} has the whole text.)_`;
}
