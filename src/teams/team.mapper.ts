import type { Prisma } from '../generated/prisma/client.js';
import type { Team } from './teams.schema.js';

/** The columns of a team that answers show. */
export const teamSelect = {
  id: true,
  name: true,
  organizationId: true,
  createdAt: true,
  updatedAt: true,
  version: true,
} satisfies Prisma.TeamSelect;

export type TeamRow = Prisma.TeamGetPayload<{ select: typeof teamSelect }>;

export function toTeam(row: TeamRow): Team {
  return {
    ...row,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
