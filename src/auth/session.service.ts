import { createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids.js';
import { TrustedCache } from '../common/trusted-cache.js';
import { AppConfig } from '../config/config.js';
import { ChangeFeed } from '../database/change-feed.js';
import { Database } from '../database/database.service.js';
import type { Tx } from '../database/sql.js';
import type { Tier } from '../rate-limit/tiers.js';
import type { Grant } from './principal.js';
import { scopesOfRole } from './scopes.js';
import type { Role } from './scopes.js';

/** How long a session lasts unused, and at most (spec/keys-and-limits.md §6). */
const IDLE = `interval '12 hours'`;
const LIFETIME = `interval '7 days'`;

export const SESSION_LIFETIME_MS = 7 * 86_400_000;

/** 256 random bits in base64url. */
const TOKEN = /^[\w-]{43}$/;

/** The condition that the session `s` is over. */
export const SESSION_IS_OVER = `(s.seen_at <= now() - ${IDLE} OR s.created_at <= now() - ${LIFETIME})`;

/** A session as the guards need it: what it grants, and what its requests must bring. */
export interface KnownSession {
  readonly grant: Grant;
  readonly expiresAtMs: number;
  /** What changes must carry in `X-CSRF-Token`. */
  readonly csrfToken: string;
  /** Whether nothing else may be done before the password is changed. */
  readonly mustChangePassword: boolean;
}

/** A session that has just begun, with what the cookie holds. */
export interface NewSession {
  readonly id: string;
  readonly token: string;
}

interface SessionRow {
  readonly id: string;
  readonly expires_at: Date;
  readonly user_id: string;
  readonly email: string;
  readonly full_name: string;
  readonly role: Role;
  readonly tlp_max: number;
  readonly pap_max: number;
  readonly tier_max: Tier;
  readonly must_change_password: boolean;
  readonly organization_ids: string[];
}

/** Finds a session of somebody active, and notes once a minute that it is used. */
const FIND_SESSION = `
WITH used AS (
  UPDATE sessions s SET seen_at = now()
  WHERE s.digest = $1 AND s.seen_at < now() - interval '1 minute' AND NOT ${SESSION_IS_OVER} RETURNING s.user_id),
seen AS (UPDATE users SET last_seen_at = now() WHERE id IN (SELECT user_id FROM used))
SELECT s.id, u.id AS user_id, u.email, trim(u.first_name || ' ' || u.last_name) AS full_name, u.role,
       u.tlp_max, u.pap_max, u.tier_max, u.must_change_password,
       least(CASE WHEN EXISTS (SELECT 1 FROM used) THEN now() ELSE s.seen_at END + ${IDLE}, s.created_at + ${LIFETIME}) AS expires_at,
       ARRAY(SELECT m.organization_id::text FROM organization_members m JOIN organizations o ON o.id = m.organization_id
             WHERE m.user_id = u.id AND o.deleted_at IS NULL ORDER BY m.position, m.organization_id) AS organization_ids
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.digest = $1 AND NOT ${SESSION_IS_OVER} AND u.status = 'active' AND u.deleted_at IS NULL`;

/** The sessions of people: begun, found by token through a cache that a change empties at once, and ended. */
@Injectable()
export class SessionService {
  private readonly cache: TrustedCache<KnownSession>;
  private readonly secret: Buffer;

  constructor(
    private readonly database: Database,
    private readonly changes: ChangeFeed,
    config: AppConfig,
  ) {
    this.secret = Buffer.from(config.secrets.sessionSecret, 'base64');
    this.cache = new TrustedCache({
      entriesMax: 10_000,
      positiveMs: 10_000,
      negativeMs: 2_000,
      isFeedConnected: () => changes.isConnected(),
    });
    for (const topic of ['credentials', 'sessions'] as const) {
      changes.onChange(topic, () => {
        this.cache.clear();
      });
    }
  }

  /**
   * The session with this token that is not over; null when there is none.
   *
   * Answers without a promise when the cache knows, which is the usual case.
   */
  find(token: string): KnownSession | null | Promise<KnownSession | null> {
    if (!TOKEN.test(token)) return null;
    const digest = this.digest('session', token);
    const cacheKey = digest.toString('latin1');
    const kept = this.cache.peek(cacheKey);
    if (kept !== undefined) return kept;
    return this.cache.get(cacheKey, () => this.load(token, digest));
  }

  /** Begins a session of a person, in the transaction that records it. */
  async begin(tx: Tx, userId: string): Promise<NewSession> {
    const id = newId();
    const token = randomBytes(32).toString('base64url');
    const digest = new Uint8Array(this.digest('session', token));
    await tx.session.create({ data: { id, userId, digest }, select: { id: true } });
    return { id, token };
  }

  /** Ends one session. */
  async end(tx: Tx, id: string): Promise<void> {
    await tx.session.deleteMany({ where: { id } });
    await this.changes.announce(tx, 'sessions');
  }

  /** Ends every session of a person, but one where it is named. */
  async endAll(tx: Tx, userId: string, exceptId?: string): Promise<void> {
    await tx.session.deleteMany({
      where: { userId, ...(exceptId !== undefined && { id: { not: exceptId } }) },
    });
    await this.changes.announce(tx, 'sessions');
  }

  private async load(token: string, digest: Buffer): Promise<KnownSession | null> {
    const [row] = await this.database.sql<SessionRow>(FIND_SESSION, [digest]);
    const [organizationId] = row?.organization_ids ?? [];
    if (!row || organizationId === undefined) return null;
    return {
      grant: toGrant(row, organizationId),
      expiresAtMs: row.expires_at.getTime(),
      csrfToken: this.digest('csrf', token).toString('base64url'),
      mustChangePassword: row.must_change_password,
    };
  }

  /** A digest for one purpose, from which none for another follows. */
  private digest(purpose: 'session' | 'csrf', token: string): Buffer {
    return createHmac('sha256', this.secret).update(`${purpose}\n${token}`).digest();
  }
}

/** A signed-in person may do what the role allows, in each of the person's organizations. */
function toGrant(row: SessionRow, organizationId: string): Grant {
  return {
    credentialId: row.id,
    credentialKind: 'session',
    credentialName: 'session',
    userId: row.user_id,
    userEmail: row.email,
    userName: row.full_name || row.email,
    role: row.role,
    scopes: new Set(scopesOfRole(row.role)),
    tier: 'professional',
    tierMax: row.tier_max,
    tlpMax: row.tlp_max,
    papMax: row.pap_max,
    organizationId,
    organizationIds: row.organization_ids,
    everyOrganization: row.role === 'super-admin',
  };
}
