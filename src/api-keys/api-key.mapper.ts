import type { Prisma } from '../generated/prisma/client.js';
import type { ApiKey } from './api-keys.schema.js';

/** The columns of a credential that answers show; its digest is not among them. */
export const apiKeySelect = {
  id: true,
  kind: true,
  name: true,
  description: true,
  tier: true,
  scopes: true,
  state: true,
  expiresAt: true,
  allowedCidrs: true,
  tlpMax: true,
  papMax: true,
  organizationId: true,
  ownerId: true,
  prefix: true,
  last4: true,
  createdAt: true,
  updatedAt: true,
  lastUsedAt: true,
  lastUsedIp: true,
  usageCount: true,
  rotatedFromId: true,
  graceUntil: true,
  revokedAt: true,
  version: true,
} satisfies Prisma.CredentialSelect;

export type ApiKeyRow = Prisma.CredentialGetPayload<{ select: typeof apiKeySelect }>;

export function toApiKey({ state, ...row }: ApiKeyRow, now = new Date()): ApiKey {
  const isExpired = [row.expiresAt, row.graceUntil].some((end) => end !== null && end <= now);
  const iso = (instant: Date | null) => instant?.toISOString() ?? null;
  return {
    ...row,
    kind: row.kind as ApiKey['kind'],
    tier: row.tier as ApiKey['tier'],
    scopes: row.scopes as ApiKey['scopes'],
    status: state === 'revoked' ? 'revoked' : isExpired ? 'expired' : (state as ApiKey['status']),
    usageCount: Number(row.usageCount),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    expiresAt: iso(row.expiresAt),
    lastUsedAt: iso(row.lastUsedAt),
    graceUntil: iso(row.graceUntil),
    revokedAt: iso(row.revokedAt),
  };
}
