import { Injectable } from '@nestjs/common';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import { PasswordHasher } from '../auth/password-hasher.js';
import { generatePassword } from '../auth/passwords.js';
import type { Principal } from '../auth/principal.js';
import { SessionService } from '../auth/session.service.js';
import { defined } from '../common/defined.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { pageByCreation } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { orAlreadyTaken } from '../common/unique.js';
import { ChangeFeed } from '../database/change-feed.js';
import { Database } from '../database/database.service.js';
import type { Tx } from '../database/sql.js';
import type { Prisma } from '../generated/prisma/client.js';
import { MembershipsService, idsOf } from './memberships.service.js';
import type { Places } from './memberships.service.js';
import { toUserDetail, userSelect } from './user.mapper.js';
import {
  assertMayAdminister,
  assertMayGrant,
  assertMaySetPassword,
  withDefaults,
} from './user-rights.js';
import { lastSuperAdmin, ownPassword } from './users.errors.js';
import { findUser, lockUser, shownOrganizations, visibleUsers } from './users.queries.js';
import type {
  CreateUser,
  ResetPassword,
  UpdateProfile,
  UpdateUser,
  UserDetail,
  UserListQuery,
  UserWithPassword,
} from './users.schema.js';

/** Held while somebody stops being a super-admin, so that of the last two only one can. */
const SUPER_ADMINS_LOCK = 72_707_371;

const NOWHERE: Places = { organizations: [], teams: [] };

/** People, as far as the caller's tenants reach. */
@Injectable()
export class UsersService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangeFeed,
    private readonly audit: AuditService,
    private readonly memberships: MembershipsService,
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
    return findUser(this.database.prismaFor(principal), principal, id);
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
    const id = newId();
    const work = async (tx: Tx) => {
      await tx.user.create({
        data: {
          id,
          email,
          firstName,
          lastName,
          ...rights,
          passwordHash,
          mustChangePassword: temporaryPassword !== undefined,
        },
        select: { id: true },
      });
      await this.memberships.place(tx, principal, { id, email }, NOWHERE, organizations, teams);
      const created = await findUser(tx, principal, id);
      await this.record(tx, principal, 'user.created', created, [
        { field: 'email', old: null, new: email },
        { field: 'role', old: null, new: rights.role },
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
      const before = await lockUser(tx, principal, id);
      precondition.assertMatches(before.version);
      assertMayAdminister(principal, before);
      assertMayGrant(principal, input, before);
      const fields = differing(input, before);
      const held = idsOf(before);
      const isMoved =
        isOtherThan(organizations, held.organizations) ||
        isOtherThan(teams?.toSorted(), held.teams.toSorted());
      if (Object.keys(fields).length === 0 && !isMoved) return before;
      if (isMoved) {
        const wanted = organizations ?? held.organizations;
        await this.memberships.place(tx, principal, before, held, wanted, teams);
      }
      await tx.user.update({
        where: { id },
        data: { ...fields, version: { increment: 1 } },
        select: { id: true },
      });
      const after = await findUser(tx, principal, id, null);
      await assertAnotherSuperAdmin(tx, before, after);
      if (after.status !== 'active' || after.role !== before.role)
        await this.sessions.endAll(tx, id);
      await this.announce(tx, principal, 'user.updated', after, changesOf(before, after));
      return after;
    };
    return this.orEmailTaken(principal, input.email ?? '', work);
  }

  /** Changes the name of the caller, which is the caller's own. */
  updateProfile(
    principal: Principal,
    input: UpdateProfile,
    precondition: Precondition,
  ): Promise<UserDetail> {
    const id = principal.userId;
    return this.database.transaction(principal, async (tx) => {
      const before = await lockUser(tx, principal, id);
      precondition.assertMatches(before.version);
      const data = differing(input, before);
      if (Object.keys(data).length === 0) return findUser(tx, principal, id);
      await tx.user.update({
        where: { id },
        data: { ...data, version: { increment: 1 } },
        select: { id: true },
      });
      const after = await findUser(tx, principal, id);
      await this.announce(tx, principal, 'user.updated', after, changesOf(before, after));
      return after;
    });
  }

  /** Deletes a person: nothing the person holds works any more, what the person did stays. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const person = await lockUser(tx, principal, id);
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
    assertMay(await findUser(this.database.prismaFor(principal), principal, id, null));
    const temporaryPassword = password === undefined ? generatePassword() : undefined;
    const passwordHash = await this.hasher.hash(password ?? temporaryPassword ?? '');
    const person = await this.database.transaction(principal, async (tx) => {
      assertMay(await lockUser(tx, principal, id));
      await tx.user.update({
        where: { id },
        data: { passwordHash, mustChangePassword: mustChange, version: { increment: 1 } },
        select: { id: true },
      });
      await this.sessions.endAll(tx, id);
      const after = await findUser(tx, principal, id);
      await this.record(tx, principal, 'user.password-reset', after, [
        { field: 'mustChange', old: null, new: mustChange },
      ]);
      return after;
    });
    return { ...person, ...defined({ temporaryPassword }) };
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
    if (changes.length > 0) await this.record(tx, principal, action, person, changes);
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

const OWN_FIELDS = [
  'email',
  'firstName',
  'lastName',
  'role',
  'status',
  'tlpMax',
  'papMax',
  'tierMax',
] as const;

/** What changed of a person beside the memberships, which tell of themselves where they are. */
function changesOf(before: UserDetail, after: UserDetail): FieldChange[] {
  const [old] = idsOf(before).organizations;
  const [first] = idsOf(after).organizations;
  return [
    ...OWN_FIELDS.map((field) => ({ field, old: before[field], new: after[field] })),
    { field: 'organizationId', old, new: first },
  ].filter((change) => change.old !== change.new);
}

/** The tenant whose administrators read of a change: the caller's, where the person belongs to it. */
function tenantOf(principal: Principal, person: UserDetail): string {
  const [first = principal.organizationId, ...others] = idsOf(person).organizations;
  return others.includes(principal.organizationId) ? principal.organizationId : first;
}
