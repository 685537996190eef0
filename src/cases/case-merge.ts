import { describeMerged, uniteCustomFields } from '../records/record-merge.js';
import { strictest } from '../records/record-changes.js';
import type { MergeableCase } from './case-merge.queries.js';

type United = Pick<
  MergeableCase,
  | 'severity'
  | 'tlp'
  | 'pap'
  | 'flag'
  | 'description'
  | 'customFields'
  | 'tags'
  | 'teams'
  | 'organizations'
  | 'visibleToAllOrganizations'
>;

/**
 * What the primary is once the others (the oldest first) are folded into it (spec/behaviour.md §5).
 *
 * It is as restricted as the most restricted of them: only who could see all of them sees it, so that a
 * merge shows nobody what was not shared with it.
 */
export function unite(primary: MergeableCase, others: readonly MergeableCase[]): United {
  const all = [primary, ...others];
  const isSeenBy = (organization: { readonly id: string }) =>
    all.every(
      ({ visibleToAllOrganizations, organizations }) =>
        visibleToAllOrganizations || organizations.some(({ id }) => id === organization.id),
    );
  return {
    ...strictest(all),
    severity: Math.max(...all.map(({ severity }) => severity)),
    flag: all.some(({ flag }) => flag),
    description: describeMerged(primary.description, 'case', others),
    customFields: uniteCustomFields(others, primary.customFields),
    tags: distinct(all.flatMap(({ tags }) => tags)),
    teams: distinct(all.flatMap(({ teams }) => teams)),
    organizations: distinct(all.flatMap(({ organizations }) => organizations)).filter(isSeenBy),
    visibleToAllOrganizations: all.every((each) => each.visibleToAllOrganizations),
  };
}

/** The first of each id. */
function distinct<T extends { readonly id: unknown }>(items: readonly T[]): T[] {
  const first = new Map<unknown, T>();
  for (const item of items) if (!first.has(item.id)) first.set(item.id, item);
  return [...first.values()];
}
