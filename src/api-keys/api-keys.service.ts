import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import { apiKeyLast4, apiKeyPrefix, generateApiKey } from '../auth/api-key-format.js';
import { CredentialDigester, pairSecret } from '../auth/credential-digest.js';
import type { Principal } from '../auth/principal.js';
import { assertScope } from '../auth/scope.guard.js';
import { SCOPES, SCOPE_NAMES, hasScope, isRoleAtMost } from '../auth/scopes.js';
import type { Role, Scope } from '../auth/scopes.js';
import { defined } from '../common/defined.js';
import { referencesNotFound } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { pageByCreation } from '../common/keyset.js';
import { Cursors, Page } from '../common/pagination.js';
import { ChangeFeed } from '../database/change-feed.js';
import { isUniqueViolation } from '../database/database-errors.js';
import { Database } from '../database/database.service.js';
import type { Tx } from '../database/sql.js';
import type { Prisma } from '../generated/prisma/client.js';
import { TIERS, isTierAtMost, tierSchema } from '../rate-limit/tiers.js';
import type { Tier } from '../rate-limit/tiers.js';
import { visibleUsers } from '../users/users.queries.js';
import { apiKeySelect, toApiKey } from './api-key.mapper.js';
import type { ApiKeyRow } from './api-key.mapper.js';
import { apiKeyNotFound, keyExceedsCreator, keyState } from './api-keys.errors.js';
import { KEY_LIFETIME_MS } from './api-keys.schema.js';
import type {
  ApiKey,
  ApiKeyListQuery,
  ApiKeyUsage,
  ApiKeyUsageOf,
  ApiKeysUsageQuery,
  CreateApiKey,
  NewApiKey,
  NewKeyPair,
  RotateApiKey,
  ScopeRow,
  TierRow,
  UpdateApiKey,
} from './api-keys.schema.js';
import { boundsOfPerson, excessOf } from './key-bounds.js';
import type { Rights } from './key-bounds.js';
import { UsageRecorder } from './usage-recorder.js';

/** What makes a credential usable, and what of it may be shown later. */
interface Material {
  readonly kind: 'key' | 'pair';
  readonly accessKey: string | null;
  readonly digested: string;
  readonly prefix: string;
  readonly last4: string;
}

const DAY_MS = 86_400_000;

/** What of a key gives no rights, and may be changed whatever rights it has. */
const WORDS = new Set(['name', 'description']);

const PERSON = {
  id: true,
  role: true,
  tierMax: true,
  tlpMax: true,
  papMax: true,
} satisfies Prisma.UserSelect;

/** Creates, changes and ends API keys. Each change acts on the next request. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly database: Database,
    private readonly digester: CredentialDigester,
    private readonly changes: ChangeFeed,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
    private readonly usage: UsageRecorder,
  ) {}

  async list(principal: Principal, query: ApiKeyListQuery): Promise<Page<ApiKey>> {
    const { credential } = this.database.prismaFor(principal);
    const ownerId = query.ownerId === 'me' ? principal.userId : query.ownerId;
    const where = { AND: [visibleKeys(principal), defined({ ownerId })] };
    const page = await pageByCreation(
      'api-keys',
      query,
      this.cursors,
      ({ after, ...order }) =>
        credential.findMany({ where: { AND: [where, after] }, ...order, select: apiKeySelect }),
      (take) => credential.count({ where, take }),
    );
    return page.map((row) => toApiKey(row));
  }

  async get(principal: Principal, id: string): Promise<ApiKey> {
    const row = await this.database.prismaFor(principal).credential.findFirst({
      where: { id, ...visibleKeys(principal) },
      select: apiKeySelect,
    });
    if (!row) throw apiKeyNotFound();
    return toApiKey(row);
  }

  async create(principal: Principal, input: CreateApiKey): Promise<NewApiKey> {
    const key = generateApiKey();
    const row = await this.database.transaction(principal, (tx) =>
      this.insert(tx, principal, input, keyMaterial(key)),
    );
    return { ...toApiKey(row), key };
  }

  /** Creates a deprecated access and secret key (spec/keys-and-limits.md §5). */
  async createPair(principal: Principal, input: CreateApiKey): Promise<NewKeyPair> {
    const accessKey = randomBytes(16).toString('hex');
    const secretKey = randomBytes(32).toString('hex');
    const material: Material = {
      kind: 'pair',
      accessKey,
      digested: pairSecret(accessKey, secretKey),
      prefix: accessKey.slice(0, 13),
      last4: accessKey.slice(-4),
    };
    const row = await this.database.transaction(principal, (tx) =>
      this.insert(tx, principal, input, material),
    );
    return { ...toApiKey(row), accessKey, secretKey };
  }

  async update(
    principal: Principal,
    id: string,
    input: UpdateApiKey,
    precondition: Precondition,
  ): Promise<ApiKey> {
    return this.change(principal, id, precondition, 'key.updated', async (tx, row) => {
      if (row.state === 'revoked')
        throw keyState('A revoked key cannot be changed. Create a new one.');
      assertMayExpire(principal, input.expiresAt);
      const isMoreThanWords = Object.keys(input).some((field) => !WORDS.has(field));
      if (isMoreThanWords) {
        await this.assertWithinBounds(tx, principal, row.ownerId, {
          scopes: input.scopes ?? (row.scopes as Scope[]),
          tier: input.tier ?? (row.tier as Tier),
          tlpMax: input.tlpMax ?? row.tlpMax,
          papMax: input.papMax ?? row.papMax,
        });
      }
      const { expiresAt, ...rest } = input;
      return {
        ...defined(rest),
        ...(expiresAt !== undefined && {
          expiresAt: expiresAt === null ? null : new Date(expiresAt),
        }),
      };
    });
  }

  suspend(principal: Principal, id: string, precondition: Precondition): Promise<ApiKey> {
    return this.change(principal, id, precondition, 'key.suspended', (_tx, row) => {
      if (row.state === 'revoked') throw keyState('A revoked key cannot be suspended.');
      return { state: 'suspended' };
    });
  }

  activate(principal: Principal, id: string, precondition: Precondition): Promise<ApiKey> {
    return this.change(principal, id, precondition, 'key.activated', async (tx, row) => {
      if (row.state === 'revoked') throw keyState('A revoked key stays revoked. Create a new one.');
      await this.assertWithinBounds(tx, principal, row.ownerId, rightsOf(row));
      return { state: 'active' };
    });
  }

  /** Ends the key for good; revoking it again changes nothing. */
  revoke(principal: Principal, id: string, precondition: Precondition): Promise<ApiKey> {
    return this.change(principal, id, precondition, 'key.revoked', (_tx, row) =>
      row.state === 'revoked' ? {} : { state: 'revoked', revokedAt: new Date() },
    );
  }

  /** Issues a key with the same rights; the old one works until its grace ends. Of two at once, one wins. */
  async rotate(
    principal: Principal,
    id: string,
    input: RotateApiKey,
    precondition: Precondition,
  ): Promise<NewApiKey> {
    const key = generateApiKey();
    const row = await this.database.transaction(principal, async (tx) => {
      const old = await this.lock(tx, principal, id);
      precondition.assertMatches(old.version);
      const { status } = toApiKey(old);
      if (status === 'revoked' || status === 'expired')
        throw keyState(`The key is ${status}. Create a new one.`);
      if (old.graceUntil) throw keyState('The key was rotated before; rotate its successor.');
      const rights = { ...old, scopes: old.scopes as Scope[], tier: old.tier as Tier };
      await this.assertWithinBounds(tx, principal, old.ownerId, rights);
      const graceUntil = new Date(Date.now() + input.graceSeconds * 1000);
      await tx.credential.update({
        where: { id },
        data: { graceUntil, version: { increment: 1 } },
      });
      await this.announce(tx, principal, 'key.updated', old, [
        { field: 'graceUntil', old: null, new: graceUntil.toISOString() },
      ]);
      const successor = await this.store(
        tx,
        principal,
        {
          ...rights,
          allowedCidrs: old.allowedCidrs,
          state: old.state,
          rotatedFromId: id,
        },
        keyMaterial(key),
      );
      await this.announce(tx, principal, 'key.rotated', successor, [
        { field: 'rotatedFromId', old: null, new: id },
        { field: 'graceSeconds', old: null, new: input.graceSeconds },
      ]);
      return successor;
    });
    return { ...toApiKey(row), key };
  }

  /** Requests of the last 30 days per hour, up to this moment in this process. */
  async usageOf(principal: Principal, id: string): Promise<ApiKeyUsage[]> {
    await this.get(principal, id);
    await this.usage.flush();
    const rows = await this.database.prismaFor(principal).credentialUsage.findMany({
      where: { credentialId: id, hour: { gte: new Date(Date.now() - 30 * DAY_MS) } },
      orderBy: { hour: 'asc' },
      select: { hour: true, requests: true, refusals: true, errors: true },
    });
    return rows.map((row) => ({ ...row, hour: row.hour.toISOString() }));
  }

  /** Requests of the last day per hour of those of the keys that the caller sees. */
  async usageOfMany(principal: Principal, { ids }: ApiKeysUsageQuery): Promise<ApiKeyUsageOf[]> {
    await this.usage.flush();
    const rows = await this.database.prismaFor(principal).credentialUsage.findMany({
      where: {
        credentialId: { in: ids },
        credential: visibleKeys(principal),
        hour: { gt: new Date(Date.now() - DAY_MS) },
      },
      orderBy: [{ credentialId: 'asc' }, { hour: 'asc' }],
    });
    return rows.map(({ credentialId, hour, ...counts }) => ({
      apiKeyId: credentialId,
      hour: hour.toISOString(),
      ...counts,
    }));
  }

  tiers({ tierMax }: Principal): TierRow[] {
    return tierSchema.options.map((tier) => ({
      tier,
      allowed: isTierAtMost(tier, tierMax),
      ...(TIERS[tier] ?? { perMinute: null, perHour: null, burst: null }),
    }));
  }

  scopes(principal: Principal): ScopeRow[] {
    return SCOPE_NAMES.map((scope) => ({
      scope,
      allowed: hasScope(principal.scopes, scope),
      description: SCOPES[scope],
    }));
  }

  private async insert(
    tx: Tx,
    principal: Principal,
    input: CreateApiKey,
    material: Material,
  ): Promise<ApiKeyRow> {
    const ownerId = input.ownerId ?? principal.userId;
    if (ownerId !== principal.userId) assertScope(principal, 'admin:*');
    const organizationId = await this.organizationOf(tx, principal, ownerId, input.organizationId);
    const owner = await tx.user.findFirst({ where: { id: ownerId }, select: PERSON });
    const rights = {
      scopes: input.scopes,
      tier: input.tier,
      tlpMax: input.tlpMax ?? Math.min(principal.tlpMax, owner?.tlpMax ?? 0),
      papMax: input.papMax ?? Math.min(principal.papMax, owner?.papMax ?? 0),
    };
    await this.assertWithinBounds(tx, principal, ownerId, rights);
    assertMayExpire(principal, input.expiresAt);
    const { expiresAt = new Date(Date.now() + KEY_LIFETIME_MS).toISOString() } = input;
    const row = await this.store(
      tx,
      principal,
      {
        ...rights,
        name: input.name,
        description: input.description,
        ownerId,
        organizationId,
        expiresAt: expiresAt === null ? null : new Date(expiresAt),
        allowedCidrs: input.allowedCidrs,
        state: 'active',
        rotatedFromId: null,
      },
      material,
    );
    await this.announce(tx, principal, 'key.created', row, [
      { field: 'name', old: null, new: row.name },
      { field: 'scopes', old: null, new: row.scopes },
      { field: 'tier', old: null, new: row.tier },
    ]);
    return row;
  }

  /** The tenant of a new key: one the creator reaches and the owner belongs to; both missing and foreign are 400. */
  private async organizationOf(
    tx: Tx,
    principal: Principal,
    ownerId: string,
    wanted: string | undefined,
  ): Promise<string> {
    const owner = await tx.user.findFirst({
      where: { id: ownerId, status: { not: 'inactive' }, ...visibleUsers(principal) },
      select: {
        role: true,
        memberships: {
          where: { organization: { deletedAt: null } },
          orderBy: { position: 'asc' },
          select: { organizationId: true },
        },
      },
    });
    if (!owner) throw referencesNotFound(['ownerId']);
    const memberships = owner.memberships.map((membership) => membership.organizationId);
    const reachable = memberships.filter(
      (id) => principal.everyOrganization || principal.organizationIds.includes(id),
    );
    const fallback = reachable.includes(principal.organizationId)
      ? principal.organizationId
      : reachable[0];
    const chosen = wanted ?? fallback;
    if (chosen !== undefined && reachable.includes(chosen)) return chosen;
    const isOpenToAll =
      principal.everyOrganization && owner.role === 'super-admin' && wanted !== undefined;
    const exists =
      isOpenToAll && (await tx.organization.count({ where: { id: wanted, deletedAt: null } })) > 0;
    if (exists) return wanted;
    throw referencesNotFound(['organizationId']);
  }

  /** @throws AppError `KEY_EXCEEDS_CREATOR` when the rights exceed those of the creator or of the owner. */
  private async assertWithinBounds(
    tx: Tx,
    principal: Principal,
    ownerId: string,
    rights: Rights,
  ): Promise<void> {
    const owner = await this.assertOwnerNotAbove(tx, principal, ownerId);
    const excess = excessOf(rights, principal) ?? excessOf(rights, boundsOfPerson(owner));
    if (excess !== null) throw keyExceedsCreator(excess);
  }

  /** A key speaks with its owner's role, so nobody may issue or change one of somebody above. */
  private async assertOwnerNotAbove(tx: Tx, principal: Principal, ownerId: string) {
    const owner = await tx.user.findFirst({ where: { id: ownerId }, select: PERSON });
    if (!owner) throw referencesNotFound(['ownerId']);
    if (!isRoleAtMost(owner.role as Role, principal.role))
      throw keyExceedsCreator(`role ${owner.role}`);
    return owner;
  }

  private async store(
    tx: Tx,
    principal: Principal,
    key: Rights &
      Pick<
        ApiKeyRow,
        | 'name'
        | 'description'
        | 'ownerId'
        | 'organizationId'
        | 'expiresAt'
        | 'allowedCidrs'
        | 'state'
        | 'rotatedFromId'
      >,
    material: Material,
  ): Promise<ApiKeyRow> {
    const { digest, pepperId } = this.digester.digest(material.digested);
    try {
      return await tx.credential.create({
        data: {
          id: newId(),
          kind: material.kind,
          name: key.name,
          description: key.description,
          ownerId: key.ownerId,
          organizationId: key.organizationId,
          createdById: principal.userId,
          tier: key.tier,
          scopes: [...key.scopes],
          state: key.state,
          expiresAt: key.expiresAt,
          allowedCidrs: key.allowedCidrs,
          tlpMax: key.tlpMax,
          papMax: key.papMax,
          accessKey: material.accessKey,
          digest: new Uint8Array(digest),
          pepperId,
          prefix: material.prefix,
          last4: material.last4,
          rotatedFromId: key.rotatedFromId,
        },
        select: apiKeySelect,
      });
    } catch (error) {
      if (isUniqueViolation(error))
        throw keyState('The key was rotated before; rotate its successor.');
      throw error;
    }
  }

  /** Holds the key, applies what `decide` answers, and tells every process. */
  private change(
    principal: Principal,
    id: string,
    precondition: Precondition,
    action: string,
    decide: (
      tx: Tx,
      row: ApiKeyRow,
    ) => Prisma.CredentialUpdateInput | Promise<Prisma.CredentialUpdateInput>,
  ): Promise<ApiKey> {
    return this.database.transaction(principal, async (tx) => {
      const before = await this.lock(tx, principal, id);
      precondition.assertMatches(before.version);
      await this.assertOwnerNotAbove(tx, principal, before.ownerId);
      const data = await decide(tx, before);
      const shown = toApiKey(before);
      const changed = changesOf(shown, data);
      if (changed.length === 0) return shown;
      const after = await tx.credential.update({
        where: { id },
        data: { ...data, version: { increment: 1 } },
        select: apiKeySelect,
      });
      await this.announce(tx, principal, action, after, changed);
      return toApiKey(after);
    });
  }

  private async lock(tx: Tx, principal: Principal, id: string): Promise<ApiKeyRow> {
    await tx.$queryRaw`SELECT id FROM credentials WHERE id = ${id}::uuid FOR UPDATE`;
    const row = await tx.credential.findFirst({
      where: { id, ...visibleKeys(principal) },
      select: apiKeySelect,
    });
    if (!row) throw apiKeyNotFound();
    return row;
  }

  private async announce(
    tx: Tx,
    principal: Principal,
    action: string,
    row: ApiKeyRow,
    changes: readonly FieldChange[],
  ): Promise<void> {
    await this.audit.record(tx, principal, {
      action,
      targetKind: 'apiKey',
      targetId: row.id,
      organizationId: row.organizationId,
      changes,
    });
    await this.changes.announce(tx, 'credentials');
  }
}

/** Administrators see the keys of their tenants, of the platform all, and everybody else their own. */
function visibleKeys(principal: Principal): Prisma.CredentialWhereInput {
  if (!hasScope(principal.scopes, 'admin:*')) return { ownerId: principal.userId };
  return principal.everyOrganization
    ? {}
    : { organizationId: { in: [...principal.organizationIds] } };
}

/** @throws AppError `KEY_EXCEEDS_CREATOR` for a key that never expires, unless by an administrator. */
function assertMayExpire({ role }: Principal, expiresAt: string | null | undefined): void {
  if (expiresAt !== null || role === 'super-admin' || role === 'org-admin') return;
  throw keyExceedsCreator('only administrators may have keys that never expire');
}

/** The rights a stored key has. */
function rightsOf(row: ApiKeyRow): Rights {
  return {
    scopes: row.scopes as Scope[],
    tier: row.tier as Tier,
    tlpMax: row.tlpMax,
    papMax: row.papMax,
  };
}

function keyMaterial(key: string): Material {
  return {
    kind: 'key',
    accessKey: null,
    digested: key,
    prefix: apiKeyPrefix(key),
    last4: apiKeyLast4(key),
  };
}

function changesOf(before: ApiKey, data: Prisma.CredentialUpdateInput): FieldChange[] {
  const shown = { ...before, state: before.status } as Record<string, unknown>;
  return Object.entries(data)
    .map(([field, value]: [string, unknown]) => ({
      field,
      old: shown[field] ?? null,
      new: value instanceof Date ? value.toISOString() : value,
    }))
    .filter((change) => JSON.stringify(change.old) !== JSON.stringify(change.new));
}
