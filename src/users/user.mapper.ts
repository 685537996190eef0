import type { Prisma } from '../generated/prisma/client.js';
import type { UserDetail } from './users.schema.js';

/** The columns of a user that answers show; the password hash is not among them. */
export function userSelect(organizationIds: readonly string[] | null) {
  const own = organizationIds === null ? {} : { organizationId: { in: [...organizationIds] } };
  return {
    id: true,
    email: true,
    firstName: true,
    lastName: true,
    image: true,
    createdAt: true,
    updatedAt: true,
    deletedAt: true,
    status: true,
    role: true,
    tlpMax: true,
    papMax: true,
    tierMax: true,
    lastSeenAt: true,
    version: true,
    memberships: {
      where: { ...own, organization: { deletedAt: null } },
      orderBy: [{ position: 'asc' }, { organizationId: 'asc' }],
      select: { organization: { select: { id: true, name: true } } },
    },
    teams: {
      where: { team: { ...own, deletedAt: null } },
      orderBy: { team: { name: 'asc' } },
      select: { team: { select: { id: true, name: true } } },
    },
  } satisfies Prisma.UserSelect;
}

export type UserRow = Prisma.UserGetPayload<{ select: ReturnType<typeof userSelect> }>;

export function toUserDetail({ memberships, teams, ...user }: UserRow): UserDetail {
  return {
    ...user,
    status: user.status as UserDetail['status'],
    role: user.role as UserDetail['role'],
    tierMax: user.tierMax as UserDetail['tierMax'],
    createdAt: user.createdAt.toISOString(),
    updatedAt: user.updatedAt.toISOString(),
    deletedAt: user.deletedAt?.toISOString() ?? null,
    lastSeenAt: user.lastSeenAt?.toISOString() ?? null,
    organizations: memberships.map(({ organization }) => organization),
    teams: teams.map(({ team }) => team),
  };
}
