import { Injectable } from '@nestjs/common';
import { assertPlatformAdmin } from '../access/access.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { defined } from '../common/defined.js';
import { invalidValue, referencesNotFound } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { beginningWith, pageByCreation } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { orAlreadyTaken } from '../common/unique.js';
import { ChangeFeed } from '../database/change-feed.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import type { Prisma } from '../generated/prisma/client.js';
import type { Named } from '../records/answer.schema.js';
import { changesBetween } from '../records/record-changes.js';
import { MembershipsService } from '../users/memberships.service.js';
import { lockUser } from '../users/users.queries.js';
import type { UserDetail, UserListQuery } from '../users/users.schema.js';
import { UsersService } from '../users/users.service.js';
import { organizationSelect, toOrganization } from './organization.mapper.js';
import type { OrganizationRow } from './organization.mapper.js';
import { organizationInUse, organizationNotFound } from './organizations.errors.js';
import type {
  CreateOrganization,
  Organization,
  OrganizationLinks,
  OrganizationListQuery,
  UpdateOrganization,
} from './organizations.schema.js';

/** Held while links change: each stands in two rows, which must agree. */
const LINKS_LOCK = 72_707_372;

const NAMED = { id: true, name: true } satisfies Prisma.OrganizationSelect;

/** The tenants, their members, and who may share records with whom. */
@Injectable()
export class OrganizationsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangeFeed,
    private readonly audit: AuditService,
    private readonly users: UsersService,
    private readonly memberships: MembershipsService,
    private readonly cursors: Cursors,
  ) {}

  async list(principal: Principal, query: OrganizationListQuery): Promise<Page<Organization>> {
    const { organization } = this.database.prismaFor(principal);
    const where = {
      AND: [readableFor(principal), query.q === undefined ? {} : { name: beginningWith(query.q) }],
    };
    const page = await pageByCreation(
      'organizations',
      query,
      this.cursors,
      ({ after, ...order }) =>
        organization.findMany({
          where: { AND: [where, after] },
          ...order,
          select: organizationSelect,
        }),
      (take) => organization.count({ where, take }),
    );
    return page.map((row) => toOrganization(principal, row));
  }

  async get(principal: Principal, id: string): Promise<Organization> {
    const { organization } = this.database.prismaFor(principal);
    const row = await organization.findFirst({
      where: { AND: [{ id }, readableFor(principal)] },
      select: organizationSelect,
    });
    if (!row) throw organizationNotFound();
    return toOrganization(principal, row);
  }

  async create(principal: Principal, input: CreateOrganization): Promise<Organization> {
    assertPlatformAdmin(principal);
    const work = async (tx: Tx) => {
      const row = await tx.organization.create({
        data: { id: newId(), ...input },
        select: organizationSelect,
      });
      await this.record(tx, principal, 'organization.created', row.id, [
        { field: 'name', old: null, new: row.name },
      ]);
      return row;
    };
    return toOrganization(principal, await this.orNameTaken(principal, input.name, work));
  }

  async update(
    principal: Principal,
    id: string,
    input: UpdateOrganization,
    precondition: Precondition,
  ): Promise<Organization> {
    const work = async (tx: Tx) => {
      const before = await this.lock(tx, principal, id);
      precondition.assertMatches(before.version);
      const changes = changesBetween(before, { ...before, ...defined(input) });
      if (changes.length === 0) return before;
      const after = await tx.organization.update({
        where: { id },
        data: { ...defined(input), version: { increment: 1 } },
        select: organizationSelect,
      });
      await this.record(tx, principal, 'organization.updated', id, changes);
      return after;
    };
    return toOrganization(principal, await this.orNameTaken(principal, input.name ?? '', work));
  }

  /** Deletes an organization that nobody and nothing is in, with its teams, links and what was shared with it. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      await holdLinks(tx);
      const row = await this.lock(tx, principal, id, 'UPDATE');
      precondition.assertMatches(row.version);
      const use = await useOf(tx, id);
      if (use !== null) throw organizationInUse(use);
      const deletedAt = new Date();
      await tx.organization.update({
        where: { id },
        data: { deletedAt, version: { increment: 1 } },
      });
      await tx.team.updateMany({
        where: { organizationId: id, deletedAt: null },
        data: { deletedAt },
      });
      const linked = await linkedWith(tx, id);
      await tx.organizationLink.deleteMany({
        where: { OR: [{ organizationId: id }, { linkedId: id }] },
      });
      for (const other of linked) await this.recordLink(tx, principal, other.id, row.name, null);
      await this.record(tx, principal, 'organization.deleted', id, [
        { field: 'name', old: row.name, new: null },
      ]);
      await this.changes.announce(tx, 'credentials');
    });
  }

  async members(principal: Principal, id: string, query: UserListQuery): Promise<Page<UserDetail>> {
    await assertOwn(this.database.prismaFor(principal), principal, id);
    return this.users.list(principal, query, { memberships: { some: { organizationId: id } } });
  }

  async addMember(principal: Principal, id: string, userId: string): Promise<void> {
    await this.changeMembers(principal, id, userId, (tx, person) =>
      this.memberships.joinOrganization(tx, principal, person, id),
    );
  }

  async removeMember(principal: Principal, id: string, userId: string): Promise<void> {
    await this.changeMembers(principal, id, userId, (tx, person) =>
      this.memberships.leaveOrganization(tx, principal, person, id),
    );
  }

  /** The organizations that may share records with this one. */
  async links(principal: Principal, id: string): Promise<Named[]> {
    const prisma = this.database.prismaFor(principal);
    await assertOwn(prisma, principal, id);
    return linkedWith(prisma, id);
  }

  /** Links the organization with these and no others. What is shared already stays shared, until its owner ends it. */
  async replaceLinks(
    principal: Principal,
    id: string,
    { organizationIds }: OrganizationLinks,
  ): Promise<Named[]> {
    return this.database.transaction(principal, async (tx) => {
      await holdLinks(tx);
      const { name } = await this.lock(tx, principal, id);
      const wanted = [...new Set(organizationIds)];
      await assertLinkable(tx, id, organizationIds);
      const before = await linkedWith(tx, id);
      const ended = before.filter((each) => !wanted.includes(each.id)).map((each) => each.id);
      const begun = wanted.filter((other) => !before.some((each) => each.id === other));
      await tx.organizationLink.deleteMany({
        where: {
          OR: [
            { organizationId: id, linkedId: { in: ended } },
            { organizationId: { in: ended }, linkedId: id },
          ],
        },
      });
      await tx.organizationLink.createMany({
        data: begun.flatMap((other) => [
          { organizationId: id, linkedId: other },
          { organizationId: other, linkedId: id },
        ]),
      });
      const after = await linkedWith(tx, id);
      const nameOf = (other: string) =>
        [...before, ...after].find((each) => each.id === other)?.name ?? null;
      for (const other of begun) {
        await this.recordLink(tx, principal, id, null, nameOf(other));
        await this.recordLink(tx, principal, other, null, name);
      }
      for (const other of ended) {
        await this.recordLink(tx, principal, id, nameOf(other), null);
        await this.recordLink(tx, principal, other, name, null);
      }
      return after;
    });
  }

  /** Does `work` with a person and an organization of the caller, both held. */
  private async changeMembers(
    principal: Principal,
    id: string,
    userId: string,
    work: (tx: Tx, person: UserDetail) => Promise<void>,
  ): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      await assertOwn(tx, principal, id);
      const person = await lockUser(tx, principal, userId);
      await tx.$queryRaw`SELECT id FROM organizations WHERE id = ${id}::uuid FOR SHARE`;
      await assertOwn(tx, principal, id);
      await work(tx, person);
    });
  }

  /** Holds an organization that the caller may change, as platform administrators do; to delete it, against new references too. */
  private async lock(
    tx: Tx,
    principal: Principal,
    id: string,
    strength: 'NO KEY UPDATE' | 'UPDATE' = 'NO KEY UPDATE',
  ): Promise<OrganizationRow> {
    await sqlIn(tx)(`SELECT id FROM organizations WHERE id = $1::uuid FOR ${strength}`, [id]);
    const row = await tx.organization.findFirst({
      where: { AND: [{ id }, readableFor(principal)] },
      select: organizationSelect,
    });
    if (!row) throw organizationNotFound();
    assertPlatformAdmin(principal);
    return row;
  }

  private orNameTaken<T>(
    principal: Principal,
    name: string,
    work: (tx: Tx) => Promise<T>,
  ): Promise<T> {
    return orAlreadyTaken(
      () => this.database.transaction(principal, work),
      `An organization named ${name} is there already.`,
      async () => {
        const [holder] = await this.database.sqlFor(principal)<{ id: string }>(
          `SELECT id FROM organizations WHERE lower(name) = lower($1) AND deleted_at IS NULL`,
          [name],
        );
        return holder;
      },
    );
  }

  private recordLink(
    tx: Tx,
    principal: Principal,
    id: string,
    old: string | null,
    next: string | null,
  ): Promise<void> {
    return this.record(tx, principal, 'organization.linked', id, [
      { field: 'links', old, new: next },
    ]);
  }

  private record(
    tx: Tx,
    principal: Principal,
    action: string,
    id: string,
    changes: readonly FieldChange[],
  ): Promise<void> {
    return this.audit.record(tx, principal, {
      action,
      targetKind: 'organization',
      targetId: id,
      organizationId: id,
      changes,
    });
  }
}

/** The caller's organizations and those linked to them; all for platform administrators. */
function readableFor(principal: Principal): Prisma.OrganizationWhereInput {
  if (principal.everyOrganization) return { deletedAt: null };
  const own = [...principal.organizationIds];
  return {
    deletedAt: null,
    OR: [{ id: { in: own } }, { linksFrom: { some: { linkedId: { in: own } } } }],
  };
}

/** @throws AppError `ORGANIZATION_NOT_FOUND` for what is not the caller's, linked or not */
async function assertOwn(tx: Tx, principal: Principal, id: string): Promise<void> {
  const isOwn = principal.everyOrganization || principal.organizationIds.includes(id);
  const count = isOwn ? await tx.organization.count({ where: { id, deletedAt: null } }) : 0;
  if (count === 0) throw organizationNotFound();
}

async function holdLinks(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LINKS_LOCK})`;
}

function linkedWith(tx: Tx, id: string): Promise<Named[]> {
  return tx.organization.findMany({
    where: { linksFrom: { some: { linkedId: id } }, deletedAt: null },
    orderBy: [{ name: 'asc' }, { id: 'asc' }],
    select: NAMED,
  });
}

/** @throws AppError `REFERENCE_NOT_FOUND`, or `VALIDATION_FAILED` for a link to itself */
async function assertLinkable(tx: Tx, id: string, ids: readonly string[]): Promise<void> {
  const itself = ids.indexOf(id);
  if (itself !== -1)
    throw invalidValue(`organizationIds[${itself}]`, 'must name another organization');
  const found = await tx.organization.findMany({
    where: { id: { in: [...ids] }, deletedAt: null },
    select: { id: true },
  });
  const missing = ids.flatMap((other, i) =>
    found.some((each) => each.id === other) ? [] : [`organizationIds[${i}]`],
  );
  if (missing.length > 0) throw referencesNotFound(missing);
}

/** What an organization still has, in words; null when it has neither people nor keys nor records. */
async function useOf(tx: Tx, id: string): Promise<string | null> {
  const [use] = await sqlIn(tx)<Record<'people' | 'keys' | 'alerts' | 'cases', boolean>>(
    `SELECT
       EXISTS (SELECT 1 FROM organization_members m JOIN users u ON u.id = m.user_id
               WHERE m.organization_id = $1::uuid AND u.deleted_at IS NULL) AS people,
       EXISTS (SELECT 1 FROM credentials c JOIN users u ON u.id = c.owner_id
               WHERE c.organization_id = $1::uuid AND c.state <> 'revoked' AND u.deleted_at IS NULL) AS keys,
       EXISTS (SELECT 1 FROM alerts WHERE organization_id = $1::uuid AND deleted_at IS NULL) AS alerts,
       EXISTS (SELECT 1 FROM cases WHERE organization_id = $1::uuid AND deleted_at IS NULL) AS cases`,
    [id],
  );
  const kinds = Object.entries(use ?? {}).flatMap(([kind, isThere]) => (isThere ? [kind] : []));
  return kinds.length === 0 ? null : kinds.join(', ');
}
