import { isOwner } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import type { Prisma } from '../generated/prisma/client.js';
import type { Organization } from './organizations.schema.js';

/** The columns of an organization that answers show. */
export const organizationSelect = {
  id: true,
  name: true,
  description: true,
  createdAt: true,
  updatedAt: true,
  version: true,
} satisfies Prisma.OrganizationSelect;

export type OrganizationRow = Prisma.OrganizationGetPayload<{ select: typeof organizationSelect }>;

/** An organization as the caller may read it: of one that is linked, not what it says of itself. */
export function toOrganization(principal: Principal, row: OrganizationRow): Organization {
  return {
    ...row,
    description: isOwner(principal, row.id) ? row.description : null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
