import { z } from 'zod';

/** The rules of STIX 2.1 (OASIS Standard, 10 June 2021) that exported bundles are held against. */

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
const ref = (type = '[a-z0-9-]+') => z.string().regex(new RegExp(`^${type}--${uuid}$`));
const instant = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
const extensions = z.record(
  ref('extension-definition'),
  z.object({ extension_type: z.enum(['property-extension', 'new-sco']) }).loose(),
);

/** What every object has (§3.2), and what each of what was seen has (§3.2, table of common properties). */
const seen = (type: string) => ({
  type: z.literal(type),
  spec_version: z.literal('2.1'),
  id: ref(type),
  object_marking_refs: z.array(ref('marking-definition')).length(1),
  extensions: extensions.optional(),
});
const statement = (type: string) => ({
  ...seen(type),
  created_by_ref: ref('identity'),
  created: instant,
  modified: instant,
  labels: z.array(z.string().min(1)).min(1).optional(),
});
const definition = (type: string) => ({
  type: z.literal(type),
  spec_version: z.literal('2.1'),
  id: ref(type),
  created: instant,
});

const OBJECTS = [
  z.strictObject({ ...seen('ipv4-addr'), value: z.union([z.ipv4(), z.cidrv4()]) }),
  z.strictObject({ ...seen('ipv6-addr'), value: z.union([z.ipv6(), z.cidrv6()]) }),
  z.strictObject({ ...seen('domain-name'), value: z.string().regex(/^[a-z0-9._-]{1,253}$/) }),
  z.strictObject({ ...seen('url'), value: z.url() }),
  z.strictObject({ ...seen('email-addr'), value: z.string().regex(/^[^@]+@[^@]+$/) }),
  z.strictObject({ ...seen('email-message'), is_multipart: z.literal(false), subject: z.string() }),
  z.strictObject({ ...seen('windows-registry-key'), key: z.string() }),
  z.strictObject({ ...seen('autonomous-system'), number: z.int().min(0) }),
  z
    .strictObject({
      ...seen('file'),
      name: z.string().optional(),
      size: z.int().min(0).optional(),
      hashes: z
        .strictObject({
          MD5: z.hash('md5').optional(),
          'SHA-1': z.hash('sha1').optional(),
          'SHA-256': z.hash('sha256').optional(),
          'SHA-512': z.hash('sha512').optional(),
          SSDEEP: z.string().optional(),
        })
        .optional(),
    })
    .refine(({ name, hashes }) => name !== undefined || hashes !== undefined),
  z.strictObject({ ...seen('casebender-observable'), data_type: z.string(), value: z.string() }),
  z.strictObject({
    ...statement('observed-data'),
    first_observed: instant,
    last_observed: instant,
    number_observed: z.int().min(1).max(999_999_999),
    object_refs: z.array(ref()).length(1),
  }),
  z.strictObject({
    ...statement('indicator'),
    name: z.string(),
    indicator_types: z.array(z.string()),
    pattern: z.string().regex(/^\[[a-z0-9-]+:[^=]+ = (?:\d+|'(?:[^'\\]|\\['\\])*')\]$/s),
    pattern_type: z.literal('stix'),
    pattern_version: z.literal('2.1'),
    valid_from: instant,
  }),
  z.strictObject({
    ...statement('relationship'),
    relationship_type: z.literal('based-on'),
    source_ref: ref('indicator'),
    target_ref: ref('observed-data'),
  }),
  z.strictObject({ ...definition('marking-definition'), name: z.string(), extensions }),
  z.strictObject({
    ...definition('identity'),
    modified: instant,
    name: z.string(),
    identity_class: z.enum(['organization', 'system']),
  }),
  z.strictObject({
    ...definition('extension-definition'),
    modified: instant,
    created_by_ref: ref('identity'),
    name: z.string(),
    description: z.string(),
    schema: z.string(),
    version: z.string().regex(/^\d+\.\d+\.\d+$/),
    extension_types: z.array(z.string()).min(1),
  }),
];

const objectSchema = z.discriminatedUnion(
  'type',
  OBJECTS as never,
) as unknown as z.ZodType<StixObject>;

interface StixObject {
  readonly type: string;
  readonly id: string;
  readonly [property: string]: unknown;
}

export interface Bundle {
  readonly type: 'bundle';
  readonly id: string;
  readonly objects: readonly StixObject[];
}

/** The bundle that a text is: its objects keep the rules, and all that they refer to is in it, but for extensions of others. */
export function assertStixBundle(text: string): Bundle {
  const bundle = JSON.parse(text) as Bundle;
  expect(Object.keys(bundle)).toEqual(['type', 'id', 'objects']);
  expect(bundle.type).toBe('bundle');
  expect(bundle.id).toMatch(new RegExp(`^bundle--${uuid}$`));
  const ids = new Set(bundle.objects.map(({ id }) => id));
  for (const object of bundle.objects) {
    const result = objectSchema.safeParse(object);
    if (!result.success) throw new Error(`${object.id}: ${z.prettifyError(result.error)}`);
    for (const [key, value] of Object.entries(object))
      if (/_refs?$/.test(key)) for (const id of [value].flat()) expect(ids).toContain(id);
    const { first_observed: first, last_observed: last } = object as Readonly<
      Record<string, string | undefined>
    >;
    if (first !== undefined && last !== undefined) expect(last >= first).toBe(true);
  }
  return bundle;
}
