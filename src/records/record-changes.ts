import type { Marking } from '../access/access.js';
import type { ActivityEvent } from '../activities/activity.js';
import type { FieldChange } from '../audit/audit-entry.js';

type Row = Readonly<Record<string, unknown>>;

/** Keys of an answer that follow from others, or that every change moves. */
const DERIVED = new Set([
  'status',
  'assignee',
  'updatedAt',
  'version',
  'observables',
  'observableCount',
  // The clock of an SLA tells its changes itself.
  'slaStatus',
  'slaDeadline',
  'slaPausedAt',
  'slaStartedAt',
  'slaUpdatedAt',
]);

/** How a linked record shows in history: by its name. */
function nameOf(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item: unknown) =>
    typeof item === 'object' && item !== null && 'name' in item ? item.name : item,
  );
}

/** What changed between two readings of a record; custom fields one by one, as `customFields.<key>`. */
export function changesBetween(earlier: object, later: object): FieldChange[] {
  const before = earlier as Row;
  const after = later as Row;
  const changes: FieldChange[] = [];
  for (const field of Object.keys(after)) {
    if (DERIVED.has(field)) continue;
    // Keys of custom fields are free: `constructor` is one.
    const old = Object.hasOwn(before, field) ? before[field] : undefined;
    if (field === 'customFields') {
      const nested = changesBetween(old as Row, withCleared(old as Row, after[field] as Row));
      changes.push(...nested.map((change) => ({ ...change, field: `${field}.${change.field}` })));
    } else if (!isSame(old, after[field])) {
      changes.push({
        field,
        old: nameOf(old) ?? null,
        new: nameOf(after[field]) ?? null,
      });
    }
  }
  return changes;
}

/** The later object with `null` for each key that only the earlier has. */
function withCleared(before: Row, after: Row): Row {
  return { ...Object.fromEntries(Object.keys(before).map((key) => [key, null])), ...after };
}

/** `customFields` after an update: merged by key, `null` removes one (spec/api.md §1). */
export function mergeCustomFields(before: Row, update: Row): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries({ ...before, ...update }).filter(
      ([key, value]) => !(key in update) || value !== null,
    ),
  );
}

/**
 * A line of history for each change; a status has an action of its own.
 *
 * `marking` is the strictest the record had around the change: what was written under TLP RED does not
 * show in the history once the record is less restricted.
 */
export function toActivities(
  parent: Pick<ActivityEvent, 'alertId' | 'caseId'>,
  changes: readonly FieldChange[],
  marking: Marking,
): ActivityEvent[] {
  return changes.map((change) => ({
    ...parent,
    tlp: marking.tlp,
    pap: marking.pap,
    action: change.field === 'statusValue' ? 'statusChanged' : 'updated',
    fieldName: change.field,
    oldValue: change.old,
    newValue: change.new,
  }));
}

/** Whether two values are the same JSON. */
export function isSame(a: unknown, b: unknown): boolean {
  return a === b || canonical(a) === canonical(b);
}

/** JSON with sorted keys, so that equal values have equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** The stricter of all markings: what is united is as restricted as its most restricted part. */
export function strictest(markings: readonly Marking[]): Marking {
  return {
    tlp: Math.max(...markings.map((marking) => marking.tlp)),
    pap: Math.max(...markings.map((marking) => marking.pap)),
  };
}
