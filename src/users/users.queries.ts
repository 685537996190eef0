import type { Principal } from '../auth/principal.js';
import type { Tx } from '../database/sql.js';
import type { Prisma } from '../generated/prisma/client.js';
import { toUserDetail, userSelect } from './user.mapper.js';
import { userNotFound } from './users.errors.js';
import type { UserDetail } from './users.schema.js';

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
export function shownOrganizations(principal: Principal): readonly string[] | null {
  return principal.everyOrganization ? null : principal.organizationIds;
}

/**
 * A person the caller may see, with those of the person's organizations and teams that are shown.
 *
 * @throws AppError `USER_NOT_FOUND`
 */
export async function findUser(
  tx: Tx,
  principal: Principal,
  id: string,
  shown = shownOrganizations(principal),
): Promise<UserDetail> {
  const row = await tx.user.findFirst({
    where: { id, ...visibleUsers(principal) },
    select: userSelect(shown),
  });
  if (!row) throw userNotFound();
  return toUserDetail(row);
}

/**
 * Holds a person, with every organization and team; references to the person go on meanwhile.
 *
 * People are held before organizations, and those before teams.
 *
 * @throws AppError `USER_NOT_FOUND`
 */
export async function lockUser(tx: Tx, principal: Principal, id: string): Promise<UserDetail> {
  await tx.$queryRaw`SELECT id FROM users WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  return findUser(tx, principal, id, null);
}
