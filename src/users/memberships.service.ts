import { Injectable } from '@nestjs/common';
import type { AuditEvent } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { referencesNotFound } from '../common/errors.js';
import { ChangeFeed } from '../database/change-feed.js';
import type { Tx } from '../database/sql.js';
import { assertMayAdminister, assertRankAtMost } from './user-rights.js';
import { lastOrganization, notAMember, userNotFound } from './users.errors.js';
import type { UserDetail } from './users.schema.js';

/** The organizations, in order, and the teams that a person belongs to, by id. */
export interface Places {
  readonly organizations: readonly string[];
  readonly teams: readonly string[];
}

interface Team {
  readonly id: string;
  readonly organizationId: string;
}

/** Somebody joins or leaves an organization or a team. */
interface Move extends Team {
  readonly kind: 'organization' | 'team';
  readonly isJoining: boolean;
}

/** Who belongs to which organizations and teams. Each change is audited where it happens, and in no other tenant. */
@Injectable()
export class MembershipsService {
  constructor(
    private readonly changes: ChangeFeed,
    private readonly audit: AuditService,
  ) {}

  /**
   * Moves a held person; without `teams` those of organizations that are left are left too.
   *
   * @throws AppError `REFERENCE_NOT_FOUND` for what is missing, another tenant's, or a team of none of the organizations.
   */
  async place(
    tx: Tx,
    principal: Principal,
    { id: userId, email }: Pick<UserDetail, 'id' | 'email'>,
    before: Places,
    organizations: readonly string[],
    teams?: readonly string[],
  ): Promise<void> {
    await assertReachable(tx, principal, organizations, teams ?? []);
    const known = await teamsOf(tx, [...before.teams, ...(teams ?? [])]);
    const isKept = (team: Team) => organizations.includes(team.organizationId);
    const stay = known.filter(isKept).map(({ id }) => id);
    const after = { organizations, teams: teams ?? before.teams.filter((id) => stay.includes(id)) };

    const held = await tx.organizationMember.findMany({
      where: { userId },
      select: { organizationId: true, position: true },
      orderBy: { position: 'asc' },
    });
    const { data, moved } = inOrder(held, organizations);
    await tx.organizationMember.deleteMany({ where: { userId } });
    await tx.organizationMember.createMany({ data: data.map((row) => ({ userId, ...row })) });
    const left = before.teams.filter((id) => !after.teams.includes(id));
    await tx.teamMember.deleteMany({ where: { userId, teamId: { in: left } } });
    await tx.teamMember.createMany({
      data: after.teams.map((teamId) => ({ userId, teamId })),
      skipDuplicates: true,
    });

    const events = [
      ...moved.map((id) => reorderedEvent(email, id)),
      ...between(before.organizations, after.organizations).map(({ id, isJoining }) =>
        memberEvent(email, { kind: 'organization', id, organizationId: id, isJoining }),
      ),
      ...between(before.teams, after.teams).flatMap(({ id, isJoining }) => {
        const team = known.find((each) => each.id === id);
        return team ? [memberEvent(email, { kind: 'team', ...team, isJoining })] : [];
      }),
    ];
    await this.audit.record(tx, principal, ...events);
  }

  /** Lets a held person into one more organization, which is held too; once is enough. */
  async joinOrganization(
    tx: Tx,
    principal: Principal,
    person: UserDetail,
    organizationId: string,
  ): Promise<void> {
    assertMayAdminister(principal, person);
    if (idsOf(person).organizations.includes(organizationId)) return;
    const userId = person.id;
    const last = await tx.organizationMember.aggregate({
      where: { userId },
      _max: { position: true },
    });
    const position = (last._max.position ?? -1) + 1;
    await tx.organizationMember.create({ data: { userId, organizationId, position } });
    const move = { id: organizationId, organizationId, isJoining: true };
    await this.settle(tx, principal, person, { kind: 'organization', ...move });
  }

  /** Takes a held person out of an organization and its teams; nobody is left without any. */
  async leaveOrganization(
    tx: Tx,
    principal: Principal,
    person: UserDetail,
    organizationId: string,
  ): Promise<void> {
    const { organizations, teams } = idsOf(person);
    if (!organizations.includes(organizationId)) throw userNotFound();
    assertRankAtMost(principal, person);
    if (organizations.length === 1) throw lastOrganization();
    const userId = person.id;
    await tx.organizationMember.deleteMany({ where: { userId, organizationId } });
    const left = (await teamsOf(tx, teams)).filter(
      (team) => team.organizationId === organizationId,
    );
    await tx.teamMember.deleteMany({ where: { userId, team: { organizationId } } });
    const move = { id: organizationId, organizationId, isJoining: false };
    await this.settle(
      tx,
      principal,
      person,
      { kind: 'organization', ...move },
      ...left.map((team) => ({ kind: 'team', ...team, isJoining: false }) as const),
    );
  }

  /** Puts a held member of the team's organization into the team; once is enough. */
  async joinTeam(tx: Tx, principal: Principal, person: UserDetail, team: Team): Promise<void> {
    const { organizations, teams } = idsOf(person);
    if (!organizations.includes(team.organizationId)) throw notAMember();
    if (teams.includes(team.id)) return;
    await tx.teamMember.create({ data: { userId: person.id, teamId: team.id } });
    await this.settle(tx, principal, person, { kind: 'team', ...team, isJoining: true });
  }

  async leaveTeam(tx: Tx, principal: Principal, person: UserDetail, team: Team): Promise<void> {
    if (!idsOf(person).teams.includes(team.id)) throw userNotFound();
    await tx.teamMember.deleteMany({ where: { userId: person.id, teamId: team.id } });
    await this.settle(tx, principal, person, { kind: 'team', ...team, isJoining: false });
  }

  /** What follows from moves: a new version of the person, an entry of each, and news for every process. */
  private async settle(
    tx: Tx,
    principal: Principal,
    person: UserDetail,
    ...moves: readonly Move[]
  ): Promise<void> {
    await tx.user.update({
      where: { id: person.id },
      data: { version: { increment: 1 } },
      select: { id: true },
    });
    await this.audit.record(tx, principal, ...moves.map((move) => memberEvent(person.email, move)));
    await this.changes.announce(tx, 'credentials');
  }
}

/** The organizations and teams of a person, by id. */
export function idsOf({
  organizations,
  teams,
}: Pick<UserDetail, 'organizations' | 'teams'>): Places {
  return { organizations: organizations.map(({ id }) => id), teams: teams.map(({ id }) => id) };
}

/** Holds the organizations a person is to belong to, so that none is deleted meanwhile. */
async function assertReachable(
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
  const theirs = (await teamsOf(tx, teams)).filter((team) =>
    reachable.includes(team.organizationId),
  );
  const missing = [
    ...organizations.flatMap((id, i) => (reachable.includes(id) ? [] : [`organizations[${i}]`])),
    ...teams.flatMap((id, i) => (theirs.some((team) => team.id === id) ? [] : [`teams[${i}]`])),
  ];
  if (missing.length > 0) throw referencesNotFound(missing);
}

function teamsOf(tx: Tx, ids: readonly string[]): Promise<Team[]> {
  return tx.team.findMany({
    where: { id: { in: [...ids] }, deletedAt: null },
    select: { id: true, organizationId: true },
  });
}

interface Seat {
  readonly organizationId: string;
  readonly position: number;
}

/** The organizations in their order; those that keep theirs stay where they were, whatever others come behind or go. */
function inOrder(held: readonly Seat[], organizations: readonly string[]) {
  const kept = held.filter(({ organizationId: id }) => organizations.includes(id));
  const stay = organizations.filter((id) => kept.some((seat) => seat.organizationId === id));
  const data: Seat[] = [];
  const moved: string[] = [];
  for (const organizationId of organizations) {
    const seat = kept.find((each) => each.organizationId === organizationId);
    const next = (data.at(-1)?.position ?? -1) + 1;
    const position = Math.max(seat?.position ?? next, next);
    data.push({ organizationId, position });
    if (!seat) continue;
    if (position !== seat.position || stay.indexOf(organizationId) !== kept.indexOf(seat))
      moved.push(organizationId);
  }
  return { data, moved };
}

/** Which ids come and which go. */
function between(before: readonly string[], after: readonly string[]) {
  return [
    ...after.filter((id) => !before.includes(id)).map((id) => ({ id, isJoining: true })),
    ...before.filter((id) => !after.includes(id)).map((id) => ({ id, isJoining: false })),
  ];
}

/** A member's organization has another place among the member's; which others there are is not told. */
function reorderedEvent(email: string, organizationId: string): AuditEvent {
  return {
    action: 'organization.member-reordered',
    targetKind: 'organization',
    targetId: organizationId,
    organizationId,
    changes: [{ field: 'members', old: email, new: email }],
  };
}

function memberEvent(email: string, { kind, id, organizationId, isJoining }: Move): AuditEvent {
  return {
    action: `${kind}.member-${isJoining ? 'added' : 'removed'}`,
    targetKind: kind,
    targetId: id,
    organizationId,
    changes: [{ field: 'members', old: isJoining ? null : email, new: isJoining ? email : null }],
  };
}
