import type { Marking } from '../access/access.js';
import type { PromotableAlert } from './alert-promotion.queries.js';

/** The stricter of all markings: what is united is as restricted as its most restricted part. */
export function strictest(markings: readonly Marking[]): Marking {
  return {
    tlp: Math.max(...markings.map((marking) => marking.tlp)),
    pap: Math.max(...markings.map((marking) => marking.pap)),
  };
}

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

/** A description with a section for each alert that was merged into it. */
export function describeMerged(
  description: string | null,
  alerts: readonly Pick<PromotableAlert, 'tinyId' | 'title' | 'description'>[],
): string {
  const sections = alerts.map((alert) =>
    [`## Merged alert #${alert.tinyId}: ${alert.title}`, alert.description]
      .filter(Boolean)
      .join('\n\n'),
  );
  return [description ?? '', ...sections].filter(Boolean).join('\n\n');
}
