import { z } from 'zod';

const NUL = '\u0000';
const JSON_DEPTH_MAX = 20;
const JSON_NODES_MAX = 10_000;

/** Whether PostgreSQL can store the text as it is: well-formed Unicode without NUL. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes(NUL);
}

/** Text of `min`…`max` characters that can be stored unchanged. */
export function text(max: number, min = 0) {
  return z
    .string()
    .min(min)
    .max(max)
    .refine(isStorableText, { error: 'must be well-formed Unicode without NUL characters' });
}

/** Text of `min`…`max` characters that is more than blanks. */
export function label(max: number) {
  return text(max, 1).refine((value) => value.trim() !== '', { error: 'must not be blank' });
}

/** A UUID of any version, in lower case. */
export const idSchema = z.guid({ error: 'expected a UUID' }).toLowerCase();

/** An instant, ISO 8601 in UTC with milliseconds, as every answer carries it. */
export const instantSchema = z.iso.datetime().meta({ example: '2026-01-31T12:00:00.000Z' });

const INSTANT_MAX_MS = Date.UTC(9999, 0);

/** An instant in a body or a filter, with any offset; kept in UTC. What PostgreSQL cannot hold is refused. */
export const instantInput = z.iso
  .datetime({ offset: true })
  .max(40)
  .refine((value) => Date.parse(value) >= 0 && Date.parse(value) < INSTANT_MAX_MS, {
    error: 'must be an instant from 1970 to 9998',
  })
  .transform((value) => new Date(value).toISOString());

const CLOCK_SKEW_MS = 1_000;

/** An instant that has been, by a clock that may be a second ahead. */
export const pastInstant = instantInput.refine(
  (value) => Date.parse(value) <= Date.now() + CLOCK_SKEW_MS,
  { error: 'must not be in the future' },
);

/** A whole number that clients in the field also send as a numeric string (spec/api.md §1). */
function lenientInteger(min: number, max: number) {
  return z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value),
    z.number().int().min(min).max(max),
  );
}

/** 1 low, 2 medium, 3 high, 4 critical. */
export const severitySchema = lenientInteger(1, 4).meta({
  description: '1 low, 2 medium, 3 high, 4 critical.',
  example: 2,
});

/** FIRST TLP 2.0: 0 CLEAR, 1 GREEN, 2 AMBER, 3 AMBER+STRICT, 4 RED. */
export const tlpSchema = lenientInteger(0, 4).meta({
  description: 'Traffic Light Protocol 2.0: 0 CLEAR, 1 GREEN, 2 AMBER, 3 AMBER+STRICT, 4 RED.',
  example: 2,
});

/** Permissible Actions Protocol: 0 CLEAR, 1 GREEN, 2 AMBER, 3 RED; 4 is taken and enforced as RED. */
export const papSchema = lenientInteger(0, 4).meta({
  description:
    'Permissible Actions Protocol: 0 CLEAR, 1 GREEN, 2 AMBER, 3 RED (4 is enforced as RED).',
  example: 2,
});

/** Why a JSON value cannot be stored, or null when it can. Walks without recursion. */
function jsonFault(root: unknown): string | null {
  const stack: { value: unknown; depth: number }[] = [{ value: root, depth: 0 }];
  let nodes = 0;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, depth } = next;
    if (++nodes > JSON_NODES_MAX) return `must hold at most ${JSON_NODES_MAX} values`;
    if (typeof value === 'string' && !isStorableText(value)) {
      return 'must hold only well-formed Unicode without NUL characters';
    }
    if (typeof value === 'number' && !Number.isFinite(value))
      return 'must hold only finite numbers';
    if (typeof value !== 'object' || value === null) continue;
    if (depth === JSON_DEPTH_MAX) return `must be nested at most ${JSON_DEPTH_MAX} deep`;
    for (const [key, child] of Object.entries(value)) {
      if (key === '__proto__') return 'must not have a key named __proto__';
      if (!isStorableText(key)) return 'must have well-formed keys';
      stack.push({ value: child, depth: depth + 1 });
    }
  }
  return null;
}

/** A JSON object kept as it comes: at most 20 levels and 10 000 values. */
export const jsonObjectSchema = z.preprocess(
  // Before the record, which leaves out a key named __proto__ without a word.
  (value, context) => {
    const fault = jsonFault(value);
    if (fault !== null) context.addIssue(fault);
    return value;
  },
  z.record(z.string(), z.unknown()),
);

/** A reference by id, plain or as `{ "id": … }`; both are documented forms. */
export function reference<T extends z.ZodType>(id: T) {
  return z
    .union([id, z.object({ id })], { error: 'expected an id or { "id": … }' })
    .transform((value) =>
      typeof value === 'object' && value !== null && 'id' in value
        ? (value as { id: z.output<T> }).id
        : (value as z.output<T>),
    );
}

/** A link that is safe to show: http or https, at most 4096 characters. */
export const externalLinkSchema = text(4096).refine(
  (value) => /^https?:\/\//i.test(value) && URL.canParse(value),
  { error: 'expected an http or https URL' },
);

/** Query text of a boolean: `true` or `false`. */
export const queryBoolean = z.enum(['true', 'false']).transform((value) => value === 'true');
