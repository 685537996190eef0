import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { scopeSchema } from '../auth/scopes.js';
import {
  idSchema,
  instantInput,
  instantSchema,
  label,
  papSchema,
  text,
  tlpSchema,
} from '../common/fields.js';
import { listQuery } from '../common/pagination.js';
import { tierSchema } from '../rate-limit/tiers.js';
import { values } from '../records/record-filter.js';

/** The network in one form, or null: what reads differently elsewhere (octal, short or zoned forms) is none. */
function canonicalNetwork(text: string): string | null {
  if (text.includes('%') || !(ipaddr.isValid(text) || ipaddr.isValidCIDR(text))) return null;
  const isShort =
    !text.includes(':') && !/^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}(?:\/|$)/.test(text);
  if (isShort) return null;
  const [address, bits] = text.includes('/')
    ? ipaddr.parseCIDR(text)
    : [ipaddr.parse(text), ipaddr.parse(text).kind() === 'ipv4' ? 32 : 128];
  if (!(address instanceof ipaddr.IPv6) || !address.isIPv4MappedAddress())
    return `${address.toString()}/${bits}`;
  return bits >= 96 ? `${address.toIPv4Address().toString()}/${bits - 96}` : null;
}

const cidrSchema = z
  .string()
  .max(64)
  .transform((text, context) => {
    const network = canonicalNetwork(text);
    if (network !== null) return network;
    context.addIssue('expected an address or network such as 192.0.2.0/24 or 2001:db8::/32');
    return z.NEVER;
  });

const expirySchema = instantInput
  .refine((value) => Date.parse(value) > Date.now(), { error: 'must be in the future' })
  .nullable();

const scopesSchema = z
  .array(scopeSchema)
  .min(1, 'choose at least one scope')
  .max(50)
  .transform((scopes) => [...new Set(scopes)]);

const fields = {
  name: label(100).meta({ example: 'Sentinel intake' }),
  description: text(1000),
  tier: tierSchema,
  scopes: scopesSchema,
  expiresAt: expirySchema.meta({
    description: 'One year from now when absent; `null` (never) for administrators only.',
  }),
  allowedCidrs: z
    .array(cidrSchema)
    .max(100)
    .meta({ description: 'Addresses or networks it may be used from; empty is any.' }),
  tlpMax: tlpSchema,
  papMax: papSchema,
};

/** What an expiry left out means: a year. */
export const KEY_LIFETIME_MS = 365 * 86_400_000;

export const createApiKeySchema = z
  .strictObject({
    ...fields,
    description: fields.description.default(''),
    expiresAt: fields.expiresAt.optional(),
    allowedCidrs: fields.allowedCidrs.default([]),
    tlpMax: fields.tlpMax.optional(),
    papMax: fields.papMax.optional(),
    organizationId: idSchema
      .optional()
      .meta({ description: 'The tenant it works in; your own when absent.' }),
    ownerId: idSchema
      .optional()
      .meta({ description: 'The person it acts for; yourself when absent.' }),
  })
  .meta({
    id: 'CreateApiKey',
    example: { name: 'Sentinel intake', tier: 'standard', scopes: ['alerts:write'] },
  });

export const updateApiKeySchema = z
  .strictObject(fields)
  .partial()
  .meta({
    id: 'UpdateApiKey',
    example: { name: 'Sentinel intake (EU)', scopes: ['alerts:read', 'alerts:write'] },
  });

export const rotateApiKeySchema = z
  .strictObject({
    graceSeconds: z
      .int()
      .min(0)
      .max(604_800)
      .default(86_400)
      .meta({ description: 'Seconds the old key goes on working, at most a week.' }),
  })
  .default({ graceSeconds: 86_400 })
  .meta({ id: 'RotateApiKey', example: { graceSeconds: 3600 } });

export const apiKeyListQuery = listQuery(['createdAt'], {
  ownerId: z
    .union([z.literal('me'), idSchema])
    .optional()
    .meta({ description: 'The id of a person, or `me`.' }),
});

export const apiKeysUsageQuery = z.strictObject({
  ids: values(idSchema).meta({ description: 'Up to 100 keys.' }),
});

export type CreateApiKey = z.output<typeof createApiKeySchema>;
export type UpdateApiKey = z.output<typeof updateApiKeySchema>;
export type RotateApiKey = z.output<typeof rotateApiKeySchema>;
export type ApiKeyListQuery = z.output<typeof apiKeyListQuery>;
export type ApiKeysUsageQuery = z.output<typeof apiKeysUsageQuery>;

export const apiKeySchema = z
  .object({
    id: idSchema,
    kind: z.enum(['key', 'pair']),
    name: z.string(),
    description: z.string(),
    tier: tierSchema,
    scopes: z.array(scopeSchema),
    status: z.enum(['active', 'suspended', 'revoked', 'expired']),
    expiresAt: instantSchema.nullable(),
    allowedCidrs: z.array(z.string()),
    tlpMax: z.int(),
    papMax: z.int(),
    organizationId: z.string(),
    ownerId: z.string(),
    prefix: z.string().meta({ description: 'The first 13 characters of the key.' }),
    last4: z.string(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
    lastUsedAt: instantSchema.nullable(),
    lastUsedIp: z.string().nullable(),
    usageCount: z.int(),
    rotatedFromId: z.string().nullable(),
    graceUntil: instantSchema.nullable(),
    revokedAt: instantSchema.nullable(),
    version: z.int(),
  })
  .meta({ id: 'ApiKey' });

export type ApiKey = z.output<typeof apiKeySchema>;

/** The only answer that ever holds the key. */
export const newApiKeySchema = apiKeySchema
  .extend({ key: z.string().meta({ description: 'Shown this once. Save it now.' }) })
  .meta({ id: 'NewApiKey' });

export type NewApiKey = z.output<typeof newApiKeySchema>;

/** The only answer that ever holds the secret of a pair. */
export const newKeyPairSchema = apiKeySchema
  .extend({
    accessKey: z.string(),
    secretKey: z.string().meta({ description: 'Shown this once. Save it now.' }),
  })
  .meta({ id: 'NewKeyPair' });

export type NewKeyPair = z.output<typeof newKeyPairSchema>;

export const usageSchema = z
  .object({
    hour: instantSchema,
    requests: z.int(),
    refusals: z.int().meta({ description: 'Answered with 403 or 429.' }),
    errors: z.int().meta({ description: 'Answered with 5xx.' }),
  })
  .meta({ id: 'ApiKeyUsage' });

export type ApiKeyUsage = z.output<typeof usageSchema>;

export const usageOfSchema = usageSchema
  .extend({ apiKeyId: idSchema })
  .meta({ id: 'ApiKeyUsageOf' });

export type ApiKeyUsageOf = z.output<typeof usageOfSchema>;

const allowedSchema = z
  .boolean()
  .meta({ description: 'Whether a key that you create may have it.' });

export const tierRowSchema = z
  .object({
    tier: tierSchema,
    allowed: allowedSchema,
    perMinute: z.int().nullable(),
    perHour: z.int().nullable(),
    burst: z.int().nullable(),
  })
  .meta({ id: 'TierLimits' });

export const scopeRowSchema = z
  .object({ scope: scopeSchema, allowed: allowedSchema, description: z.string() })
  .meta({ id: 'ScopeDescription' });

export type TierRow = z.output<typeof tierRowSchema>;
export type ScopeRow = z.output<typeof scopeRowSchema>;
