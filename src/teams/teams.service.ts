import { Injectable } from '@nestjs/common';
import { isOwner, ownedBy } from '../access/access.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { referencesNotFound } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { beginningWith, pageByCreation } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { orAlreadyTaken } from '../common/unique.js';
import { Database } from '../database/database.service.js';
import type { Tx } from '../database/sql.js';
import type { Prisma } from '../generated/prisma/client.js';
import { MembershipsService } from '../users/memberships.service.js';
import { lockUser } from '../users/users.queries.js';
import type { UserDetail, UserListQuery } from '../users/users.schema.js';
import { UsersService } from '../users/users.service.js';
import { teamSelect, toTeam } from './team.mapper.js';
import type { TeamRow } from './team.mapper.js';
import { teamNotFound } from './teams.errors.js';
import type { CreateTeam, Team, TeamListQuery, UpdateTeam } from './teams.schema.js';

/** The teams of the caller's organizations, and who is in them. */
@Injectable()
export class TeamsService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly users: UsersService,
    private readonly memberships: MembershipsService,
    private readonly cursors: Cursors,
  ) {}

  async list(principal: Principal, query: TeamListQuery): Promise<Page<Team>> {
    const { team } = this.database.prismaFor(principal);
    const { organizationId, q } = query;
    const where = {
      AND: [
        teamsOf(principal),
        organizationId === undefined ? {} : { organizationId },
        q === undefined ? {} : { name: beginningWith(q) },
      ],
    };
    const page = await pageByCreation(
      'teams',
      query,
      this.cursors,
      ({ after, ...order }) =>
        team.findMany({ where: { AND: [where, after] }, ...order, select: teamSelect }),
      (take) => team.count({ where, take }),
    );
    return page.map(toTeam);
  }

  async get(principal: Principal, id: string): Promise<Team> {
    return toTeam(await find(this.database.prismaFor(principal), principal, id));
  }

  async create(principal: Principal, input: CreateTeam): Promise<Team> {
    const { name, organizationId = principal.organizationId } = input;
    const work = async (tx: Tx) => {
      await assertOrganization(tx, principal, organizationId);
      const row = await tx.team.create({
        data: { id: newId(), name, organizationId },
        select: teamSelect,
      });
      await this.record(tx, principal, 'team.created', row, [
        { field: 'name', old: null, new: name },
      ]);
      return row;
    };
    return toTeam(await this.orNameTaken(principal, () => organizationId, name, work));
  }

  async update(
    principal: Principal,
    id: string,
    { name }: UpdateTeam,
    precondition: Precondition,
  ): Promise<Team> {
    let { organizationId } = principal;
    const work = async (tx: Tx) => {
      const before = await this.lock(tx, principal, id);
      ({ organizationId } = before);
      precondition.assertMatches(before.version);
      if (name === undefined || name === before.name) return before;
      const data = { name, version: { increment: 1 } };
      const after = await tx.team.update({ where: { id }, data, select: teamSelect });
      await this.record(tx, principal, 'team.updated', after, [
        { field: 'name', old: before.name, new: name },
      ]);
      return after;
    };
    return toTeam(await this.orNameTaken(principal, () => organizationId, name ?? '', work));
  }

  /** Deletes a team: it is on no record and with no person any more. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const team = await this.lock(tx, principal, id);
      precondition.assertMatches(team.version);
      await tx.team.update({
        where: { id },
        data: { deletedAt: new Date(), version: { increment: 1 } },
      });
      await this.record(tx, principal, 'team.deleted', team, [
        { field: 'name', old: team.name, new: null },
      ]);
    });
  }

  async members(principal: Principal, id: string, query: UserListQuery): Promise<Page<UserDetail>> {
    const { organizationId } = await this.get(principal, id);
    return this.users.list(principal, query, {
      teams: { some: { teamId: id } },
      memberships: { some: { organizationId } },
    });
  }

  async addMember(principal: Principal, id: string, userId: string): Promise<void> {
    await this.changeMembers(principal, id, userId, (tx, person, team) =>
      this.memberships.joinTeam(tx, principal, person, team),
    );
  }

  async removeMember(principal: Principal, id: string, userId: string): Promise<void> {
    await this.changeMembers(principal, id, userId, (tx, person, team) =>
      this.memberships.leaveTeam(tx, principal, person, team),
    );
  }

  /** Does `work` with a person and a team, both held. */
  private async changeMembers(
    principal: Principal,
    id: string,
    userId: string,
    work: (tx: Tx, person: UserDetail, team: TeamRow) => Promise<void>,
  ): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      await find(tx, principal, id);
      const person = await lockUser(tx, principal, userId);
      await work(tx, person, await this.lock(tx, principal, id));
    });
  }

  private async lock(tx: Tx, principal: Principal, id: string): Promise<TeamRow> {
    await tx.$queryRaw`SELECT id FROM teams WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
    return find(tx, principal, id);
  }

  private orNameTaken<T>(
    principal: Principal,
    organizationId: () => string,
    name: string,
    work: (tx: Tx) => Promise<T>,
  ): Promise<T> {
    return orAlreadyTaken(
      () => this.database.transaction(principal, work),
      `A team named ${name} is there already.`,
      async () => {
        const [holder] = await this.database.sqlFor(principal)<{ id: string }>(
          `SELECT id FROM teams WHERE organization_id = $1::uuid AND lower(name) = lower($2) AND deleted_at IS NULL`,
          [organizationId(), name],
        );
        return holder;
      },
    );
  }

  private record(
    tx: Tx,
    principal: Principal,
    action: string,
    { id, organizationId }: TeamRow,
    changes: readonly FieldChange[],
  ): Promise<void> {
    return this.audit.record(tx, principal, {
      action,
      targetKind: 'team',
      targetId: id,
      organizationId,
      changes,
    });
  }
}

function teamsOf(principal: Principal): Prisma.TeamWhereInput {
  return { ...ownedBy(principal), deletedAt: null };
}

/** @throws AppError `TEAM_NOT_FOUND` */
async function find(tx: Tx, principal: Principal, id: string): Promise<TeamRow> {
  const row = await tx.team.findFirst({
    where: { AND: [{ id }, teamsOf(principal)] },
    select: teamSelect,
  });
  if (!row) throw teamNotFound();
  return row;
}

/** Holds the organization of a new team. */
async function assertOrganization(tx: Tx, principal: Principal, id: string): Promise<void> {
  const held = isOwner(principal, id)
    ? await tx.$queryRaw<unknown[]>`
        SELECT 1 FROM organizations WHERE id = ${id}::uuid AND deleted_at IS NULL FOR SHARE`
    : [];
  if (held.length === 0) throw referencesNotFound(['organizationId']);
}
