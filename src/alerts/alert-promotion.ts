import type { PromotableAlert } from './alert-promotion.queries.js';

/** Custom fields of the alerts (the oldest first) and of the case: the case's value wins, then the newest alert's. */
export function uniteCustomFields(
  alerts: readonly Pick<PromotableAlert, 'customFields'>[],
  ofCase: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.assign({}, ...alerts.map((alert) => alert.customFields), ofCase) as Record<
    string,
    unknown
  >;
}

const DESCRIPTION_MAX = 1_048_576;
const SECTION_MAX = 16_384;

/** A description with a section for each alert that was merged into it, within the bound of a description. */
export function describeMerged(
  description: string | null,
  alerts: readonly Pick<PromotableAlert, 'tinyId' | 'title' | 'description'>[],
): string {
  const sections = alerts.map((alert) =>
    [`## Merged alert #${alert.tinyId}: ${alert.title}`, shortened(alert)]
      .filter(Boolean)
      .join('\n\n'),
  );
  const united = [description ?? '', ...sections].filter(Boolean).join('\n\n');
  return united.length <= DESCRIPTION_MAX
    ? united
    : `${united.slice(0, DESCRIPTION_MAX - 1).toWellFormed()}…`;
}

/** The description of an alert, cut where it is longer than a section may be. */
function shortened({
  tinyId,
  description,
}: Pick<PromotableAlert, 'tinyId' | 'description'>): string {
  if (description.length <= SECTION_MAX) return description;
  return `${description.slice(0, SECTION_MAX).toWellFormed()}…\n\n_(Shortened; alert #${tinyId} has the whole text.)_`;
}
