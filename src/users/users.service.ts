import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import { PasswordHasher } from '../auth/password-hasher.js';
import { generatePassword } from '../auth/passwords.js';
import type { Principal } from '../auth/principal.js';
import { SessionService } from '../auth/session.service.js';
import { defined } from '../common/defined.js';
import { referencesNotFound } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { pageByCreation } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { orAlreadyTaken } from '../common/unique.js';
import { ChangeFeed } from '../database/change-feed.js';
import { Database } from '../database/database.service.js';
import type { Tx } from '../database/sql.js';
import type { Prisma } from '../generated/prisma/client.js';
import { changesBetween } from '../records/record-changes.js';
import { toUserDetail, userSelect } from './user.mapper.js';
import {
  assertMayAdminister,
  assertMayGrant,
  assertMaySetPassword,
  withDefaults,
} from './user-rights.js';
import { lastSuperAdmin, ownPassword, userNotFound } from './users.errors.js';
import type {
  CreateUser,
  ResetPassword,
  UpdateUser,
  UserDetail,
  UserListQuery,
  UserWithPassword,
} from './users.schema.js';

/** Held while somebody stops being a super-admin, so that of the last two only one can. */
const SUPER_ADMINS_LOCK = 72_707_371;

/** People, as far as the caller's tenants reach. */
@Injectable()
export class UsersService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangeFeed,
    private readonly audit: AuditService,
    private readonly sessions: SessionService,
    private readonly hasher: PasswordHasher,
    private readonly cursors: Cursors,
  ) {}

  /** The people of the caller's tenants, or those `among` them. */
  async list(
    principal: Principal,
    query: UserListQuery,
    among: Prisma.UserWhereInput = {},
  ): Promise<Page<UserDetail>> {
    const { user } = this.database.prismaFor(principal);
    const where = { AND: [visibleUsers(principal), among] };
    const select = userSelect(shownOrganizations(principal));
    const page = await pageByCreation(
      `users ${JSON.stringify(among)}`,
      query,
      this.cursors,
      ({ after, ...order }) => user.findMany({ where: { AND: [where, after] }, ...order, select }),
      (take) => user.count({ where, take }),
    );
    return page.map(toUserDetail);
  }

  get(principal: Principal, id: string): Promise<UserDetail> {
    return find(this.database.prismaFor(principal), principal, id, shownOrganizations(principal));
  }

  /** The person behind the credential. */
  me(principal: Principal): Promise<UserDetail> {
    return this.get(principal, principal.userId);
  }

  /** Creates a person; without a password the answer shows one that must be changed. */
  async create(principal: Principal, input: CreateUser): Promise<UserWithPassword> {
    const { email, firstName, lastName, organizations, teams } = input;
    const rights = withDefaults(principal, input);
    assertMayGrant(principal, rights);
    const temporaryPassword = input.password === undefined ? generatePassword() : undefined;
    const passwordHash = await this.hasher.hash(input.password ?? temporaryPassword ?? '');
    const id = uuidv7();
    const work = async (tx: Tx) => {
      await assertPlaces(tx, principal, organizations, teams);
      await tx.user.create({
        data: {
          id,
          email,
          firstName,
          lastName,
          ...rights,
          passwordHash,
          mustChangePassword: temporaryPassword !== undefined,
          memberships: { create: membershipsOf(organizations) },
          teams: { create: teams.map((teamId) => ({ teamId })) },
        },
        select: { id: true },
      });
      const created = await find(tx, principal, id, shownOrganizations(principal));
      await this.record(tx, principal, 'user.created', created, [
        { field: 'email', old: null, new: email },
        { field: 'role', old: null, new: rights.role },
        { field: 'organizations', old: null, new: created.organizations.map(({ name }) => name) },
      ]);
      return created;
    };
    const created = await this.orEmailTaken(principal, email, work);
    return { ...created, ...defined({ temporaryPassword }) };
  }

  /** Changes a person. What it does to rights holds from the next request of every credential. */
  update(
    principal: Principal,
    id: string,
    { organizations, teams, ...input }: UpdateUser,
    precondition: Precondition,
  ): Promise<UserDetail> {
    const work = async (tx: Tx) => {
      const before = await lock(tx, principal, id);
      precondition.assertMatches(before.version);
      assertMayAdminister(principal, before);
      assertMayGrant(principal, input, before);
      const fields = differing(input, before);
      const isMoved =
        isOtherThan(organizations, idsOf(before.organizations)) ||
        isOtherThan(teams?.toSorted(), idsOf(before.teams).sort());
      if (Object.keys(fields).length === 0 && !isMoved) return before;
      if (isMoved) await this.move(tx, principal, before, organizations, teams);
      await tx.user.update({
        where: { id },
        data: { ...fields, version: { increment: 1 } },
        select: { id: true },
      });
      const after = await find(tx, principal, id, null);
      await assertAnotherSuperAdmin(tx, before, after);
      if (after.status !== 'active' || after.role !== before.role)
        await this.sessions.endAll(tx, id);
      await this.announce(tx, principal, 'user.updated', after, changesOf(before, after));
      return after;
    };
    return this.orEmailTaken(principal, input.email ?? '', work);
  }

  /** Deletes a person: nothing the person holds works any more, what the person did stays. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const person = await lock(tx, principal, id);
      precondition.assertMatches(person.version);
      assertMayAdminister(principal, person);
      await assertAnotherSuperAdmin(tx, person, null);
      await tx.user.update({
        where: { id },
        data: { deletedAt: new Date(), version: { increment: 1 } },
        select: { id: true },
      });
      await this.sessions.endAll(tx, id);
      await this.announce(tx, principal, 'user.deleted', person, [
        { field: 'email', old: person.email, new: null },
      ]);
    });
  }

  /** Gives a person another password, as an administrator; ends the person's sessions. */
  async resetPassword(
    principal: Principal,
    id: string,
    { password, mustChange }: ResetPassword,
    precondition: Precondition,
  ): Promise<UserWithPassword> {
    const assertMay = (person: UserDetail) => {
      precondition.assertMatches(person.version);
      if (principal.credentialKind === 'session' && id === principal.userId) throw ownPassword();
      assertMayAdminister(principal, person);
      assertMaySetPassword(principal, person);
    };
    // Before the work of hashing, and again where the person is held.
    assertMay(await find(this.database.prismaFor(principal), principal, id, null));
    const temporaryPassword = password === undefined ? generatePassword() : undefined;
    const passwordHash = await this.hasher.hash(password ?? temporaryPassword ?? '');
    const person = await this.database.transaction(principal, async (tx) => {
      assertMay(await lock(tx, principal, id));
      await tx.user.update({
        where: { id },
        data: { passwordHash, mustChangePassword: mustChange, version: { increment: 1 } },
        select: { id: true },
      });
      await this.sessions.endAll(tx, id);
      const after = await find(tx, principal, id, shownOrganizations(principal));
      await this.record(tx, principal, 'user.password-reset', after, [
        { field: 'mustChange', old: null, new: mustChange },
      ]);
      return after;
    });
    return { ...person, ...defined({ temporaryPassword }) };
  }

  /** Makes these the organizations and teams of a held person; teams of organizations that are left go with them. */
  private async move(
    tx: Tx,
    principal: Principal,
    person: UserDetail,
    organizations = idsOf(person.organizations),
    teams: readonly string[] | undefined,
  ): Promise<void> {
    const userId = person.id;
    await assertPlaces(tx, principal, organizations, teams ?? []);
    await tx.organizationMember.deleteMany({ where: { userId } });
    await tx.organizationMember.createMany({
      data: membershipsOf(organizations).map((each) => ({ ...each, userId })),
    });
    await tx.teamMember.deleteMany({
      where: teams
        ? { userId }
        : { userId, team: { organizationId: { notIn: [...organizations] } } },
    });
    if (teams)
      await tx.teamMember.createMany({ data: teams.map((teamId) => ({ teamId, userId })) });
  }

  private orEmailTaken<T>(
    principal: Principal,
    email: string,
    work: (tx: Tx) => Promise<T>,
  ): Promise<T> {
    return orAlreadyTaken(
      () => this.database.transaction(principal, work),
      `A person with the e-mail address ${email} is there already.`,
      () =>
        this.database.prismaFor(principal).user.findFirst({
          where: { AND: [{ email }, visibleUsers(principal)] },
          select: { id: true },
        }),
    );
  }

  /** Records a change of what a person may do, and tells every process. */
  private async announce(
    tx: Tx,
    principal: Principal,
    action: string,
    person: UserDetail,
    changes: readonly FieldChange[],
  ): Promise<void> {
    await this.record(tx, principal, action, person, changes);
    await this.changes.announce(tx, 'credentials');
  }

  private record(
    tx: Tx,
    principal: Principal,
    action: string,
    person: UserDetail,
    changes: readonly FieldChange[],
  ): Promise<void> {
    return this.audit.record(tx, principal, {
      action,
      targetKind: 'user',
      targetId: person.id,
      organizationId: tenantOf(principal, person),
      changes,
    });
  }
}

/** Members of the caller's tenants; everybody for platform administrators; always oneself. */
export function visibleUsers(principal: Principal): Prisma.UserWhereInput {
  if (principal.everyOrganization) return { deletedAt: null };
  const organizationId = { in: [...principal.organizationIds] };
  return {
    deletedAt: null,
    OR: [{ memberships: { some: { organizationId } } }, { id: principal.userId }],
  };
}

/** The organizations whose names the caller may read beside a person; null is all. */
function shownOrganizations(principal: Principal): readonly string[] | null {
  return principal.everyOrganization ? null : principal.organizationIds;
}

/** A person the caller may see, with those of the person's organizations that are shown. */
async function find(
  tx: Tx,
  principal: Principal,
  id: string,
  shown: readonly string[] | null,
): Promise<UserDetail> {
  const row = await tx.user.findFirst({
    where: { id, ...visibleUsers(principal) },
    select: userSelect(shown),
  });
  if (!row) throw userNotFound();
  return toUserDetail(row);
}

/** Holds a person, with every organization and team; references to the person go on meanwhile. */
async function lock(tx: Tx, principal: Principal, id: string): Promise<UserDetail> {
  await tx.$queryRaw`SELECT id FROM users WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  return find(tx, principal, id, null);
}

/** What of the input is not so already. */
function differing(
  input: Omit<UpdateUser, 'organizations' | 'teams'>,
  person: UserDetail,
): Prisma.UserUpdateInput {
  const entries = Object.entries(defined(input));
  return Object.fromEntries(
    entries.filter(([field, value]) => value !== person[field as keyof UserDetail]),
  );
}

/** Whether the ids, where there are any, differ from those held. */
function isOtherThan(ids: readonly string[] | undefined, held: readonly string[]): boolean {
  return ids !== undefined && ids.join() !== held.join();
}

function idsOf(named: readonly { readonly id: string }[]): string[] {
  return named.map(({ id }) => id);
}

function membershipsOf(organizations: readonly string[]) {
  return organizations.map((organizationId, position) => ({ organizationId, position }));
}

/**
 * Holds the organizations a person is to belong to, so that none is deleted meanwhile.
 *
 * @throws AppError `REFERENCE_NOT_FOUND` for what is missing, another tenant's, or a team of none of them.
 */
async function assertPlaces(
  tx: Tx,
  principal: Principal,
  organizations: readonly string[],
  teams: readonly string[],
): Promise<void> {
  const held = await tx.$queryRaw<{ id: string }[]>`
    SELECT id::text FROM organizations
    WHERE id = ANY(${organizations}::uuid[]) AND deleted_at IS NULL ORDER BY id FOR SHARE`;
  const reachable = held
    .map(({ id }) => id)
    .filter((id) => principal.everyOrganization || principal.organizationIds.includes(id));
  const known = await tx.team.findMany({
    where: { id: { in: [...teams] }, organizationId: { in: reachable }, deletedAt: null },
    select: { id: true },
  });
  const teamIds = known.map(({ id }) => id);
  const missing = [
    ...organizations.flatMap((id, i) => (reachable.includes(id) ? [] : [`organizations[${i}]`])),
    ...teams.flatMap((id, i) => (teamIds.includes(id) ? [] : [`teams[${i}]`])),
  ];
  if (missing.length > 0) throw referencesNotFound(missing);
}

type Standing = Pick<UserDetail, 'id' | 'role' | 'status'>;

function isActiveSuperAdmin(person: Standing | null): boolean {
  return person?.role === 'super-admin' && person.status === 'active';
}

/** @throws AppError `LAST_SUPER_ADMIN` where the change would leave the platform without one. */
async function assertAnotherSuperAdmin(
  tx: Tx,
  before: Standing,
  after: Standing | null,
): Promise<void> {
  if (!isActiveSuperAdmin(before) || isActiveSuperAdmin(after)) return;
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${SUPER_ADMINS_LOCK})`;
  const others = await tx.user.count({
    where: { id: { not: before.id }, role: 'super-admin', status: 'active', deletedAt: null },
  });
  if (others === 0) throw lastSuperAdmin();
}

/** What changed of a person; `status` has a meaning of its own in records, so it is compared here. */
function changesOf(before: UserDetail, after: UserDetail): FieldChange[] {
  const { status: old } = before;
  const { status } = after;
  const changes = changesBetween(before, after);
  return old === status ? changes : [...changes, { field: 'status', old, new: status }];
}

/** The tenant whose administrators read of a change: the caller's, where the person belongs to it. */
function tenantOf(principal: Principal, person: UserDetail): string {
  const ids = idsOf(person.organizations);
  return ids.includes(principal.organizationId)
    ? principal.organizationId
    : (ids[0] ?? principal.organizationId);
}
