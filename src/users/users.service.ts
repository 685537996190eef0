import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { Cursors, Page } from '../common/pagination.js';
import { pageByCreation } from '../common/keyset.js';
import { Database } from '../database/database.service.js';
import type { Prisma } from '../generated/prisma/client.js';
import { toUserDetail, userSelect } from './user.mapper.js';
import { userNotFound } from './users.errors.js';
import type { UserDetail, UserListQuery } from './users.schema.js';

/** People, as far as the caller's tenants reach. */
@Injectable()
export class UsersService {
  constructor(
    private readonly database: Database,
    private readonly cursors: Cursors,
  ) {}

  async list(principal: Principal, query: UserListQuery): Promise<Page<UserDetail>> {
    const { user } = this.database.prismaFor(principal);
    const where = visibleUsers(principal);
    const select = userSelect(shownOrganizations(principal));
    const page = await pageByCreation(
      'users',
      query,
      this.cursors,
      ({ after, ...order }) => user.findMany({ where: { AND: [where, after] }, ...order, select }),
      (take) => user.count({ where, take }),
    );
    return page.map(toUserDetail);
  }

  async get(principal: Principal, id: string): Promise<UserDetail> {
    const row = await this.database.prismaFor(principal).user.findFirst({
      where: { id, ...visibleUsers(principal) },
      select: userSelect(shownOrganizations(principal)),
    });
    if (!row) throw userNotFound();
    return toUserDetail(row);
  }

  /** The person behind the credential. */
  me(principal: Principal): Promise<UserDetail> {
    return this.get(principal, principal.userId);
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
