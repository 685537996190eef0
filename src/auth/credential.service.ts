import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { TrustedCache } from '../common/trusted-cache.js';
import { ChangeFeed } from '../database/change-feed.js';
import { Database } from '../database/database.service.js';
import { isTierAtMost } from '../rate-limit/tiers.js';
import type { Tier } from '../rate-limit/tiers.js';
import { CredentialDigester } from './credential-digest.js';
import type { CredentialDigest } from './credential-digest.js';
import type { Grant } from './principal.js';
import { scopesOfRole } from './scopes.js';
import type { Role, Scope } from './scopes.js';

/** A credential as the guard needs it: what it grants, and what may forbid its use. */
export interface KnownCredential {
  readonly grant: Grant;
  readonly state: 'active' | 'suspended' | 'revoked';
  readonly expiresAtMs: number;
  /** When a rotated key ends, and since when it is replaced. */
  readonly grace: { readonly untilMs: number; readonly sinceMs: number } | null;
  /** Whether the owner may act for the key's organization. */
  readonly isOwnerActive: boolean;
  readonly allowedCidrs: readonly string[];
}

interface CredentialRow {
  readonly id: string;
  readonly kind: 'key' | 'pair';
  readonly name: string;
  readonly digest: Buffer;
  readonly state: KnownCredential['state'];
  readonly tier: Tier;
  readonly scopes: Scope[];
  readonly allowed_cidrs: string[];
  readonly tlp_max: number;
  readonly pap_max: number;
  readonly organization_id: string;
  readonly expires_at: Date | null;
  readonly grace_until: Date | null;
  readonly replaced_at: Date | null;
  readonly owner_id: string;
  readonly email: string;
  readonly full_name: string;
  readonly role: Role;
  readonly owner_tlp_max: number;
  readonly owner_pap_max: number;
  readonly owner_tier_max: Tier;
  readonly owner_active: boolean;
  readonly is_member: boolean;
}

const FIND_CREDENTIAL = `
SELECT c.id, c.kind, c.name, c.digest, c.state, c.tier, c.scopes, c.allowed_cidrs, c.tlp_max, c.pap_max,
       c.organization_id, c.expires_at, c.grace_until,
       (SELECT n.created_at FROM credentials n WHERE n.rotated_from_id = c.id) AS replaced_at,
       u.id AS owner_id, u.email, trim(u.first_name || ' ' || u.last_name) AS full_name, u.role,
       u.tlp_max AS owner_tlp_max, u.pap_max AS owner_pap_max, u.tier_max AS owner_tier_max,
       u.status = 'active' AND u.deleted_at IS NULL AND o.deleted_at IS NULL AS owner_active,
       EXISTS (SELECT 1 FROM organization_members m
               WHERE m.user_id = u.id AND m.organization_id = c.organization_id) AS is_member
FROM credentials c
JOIN users u ON u.id = c.owner_id
JOIN organizations o ON o.id = c.organization_id
WHERE c.digest = ANY($1::bytea[])`;

/** Finds credentials by digest, through a cache that a change empties at once. */
@Injectable()
export class CredentialService {
  private readonly cache: TrustedCache<KnownCredential>;

  constructor(
    private readonly database: Database,
    private readonly digester: CredentialDigester,
    changes: ChangeFeed,
  ) {
    this.cache = new TrustedCache({
      entriesMax: 10_000,
      positiveMs: 10_000,
      negativeMs: 2_000,
      isFeedConnected: () => changes.isConnected(),
    });
    changes.onChange('credentials', () => {
      this.cache.clear();
    });
  }

  /**
   * The credential with this secret, whatever its state; null when there is none.
   *
   * Answers without a promise when the cache knows, which is the usual case.
   */
  find(secret: string): KnownCredential | null | Promise<KnownCredential | null> {
    const current = this.digester.digest(secret);
    const cacheKey = current.digest.toString('latin1');
    const kept = this.cache.peek(cacheKey);
    if (kept !== undefined) return kept;
    return this.cache.get(cacheKey, () => this.load(secret, current));
  }

  private async load(secret: string, current: CredentialDigest): Promise<KnownCredential | null> {
    const previous = this.digester.previousDigest(secret);
    const digests = previous ? [current.digest, previous.digest] : [current.digest];
    const rows = await this.database.sql<CredentialRow>(FIND_CREDENTIAL, [digests]);
    const row = rows.find((candidate) =>
      digests.some((digest) => timingSafeEqual(digest, candidate.digest)),
    );
    if (!row) return null;
    if (previous && timingSafeEqual(previous.digest, row.digest)) {
      await this.database.prisma.credential.updateMany({
        where: { id: row.id, digest: new Uint8Array(previous.digest) },
        data: { digest: new Uint8Array(current.digest), pepperId: current.pepperId },
      });
    }
    return toKnownCredential(row);
  }
}

function toKnownCredential(row: CredentialRow): KnownCredential {
  const ofRole = scopesOfRole(row.role);
  const scopes = new Set(row.scopes.filter((scope) => ofRole.includes(scope)));
  const isPlatformAdmin = row.role === 'super-admin';
  return {
    grant: {
      credentialId: row.id,
      credentialKind: row.kind,
      credentialName: row.name,
      userId: row.owner_id,
      userEmail: row.email,
      userName: row.full_name || row.email,
      role: row.role,
      scopes,
      tier: isTierAtMost(row.tier, row.owner_tier_max) ? row.tier : row.owner_tier_max,
      tierMax: row.owner_tier_max,
      tlpMax: Math.min(row.tlp_max, row.owner_tlp_max),
      papMax: Math.min(row.pap_max, row.owner_pap_max),
      organizationId: row.organization_id,
      organizationIds: [row.organization_id],
      everyOrganization: isPlatformAdmin && scopes.has('admin:*'),
    },
    state: row.state,
    expiresAtMs: row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY,
    grace: row.grace_until && {
      untilMs: row.grace_until.getTime(),
      sinceMs: (row.replaced_at ?? row.grace_until).getTime(),
    },
    isOwnerActive: row.owner_active && (row.is_member || isPlatformAdmin),
    allowedCidrs: row.allowed_cidrs,
  };
}
