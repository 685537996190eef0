import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { COUNT_MAX, Cursors, Page } from '../common/pagination.js';
import { keysetAfter } from '../common/keyset.js';
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
    const prisma = this.database.prismaFor(principal);
    const descending = query.sort.startsWith('-');
    const where = visibleUsers(principal);
    const [rows, count] = await Promise.all([
      prisma.user.findMany({
        where: { AND: [where, keysetAfter(this.cursors.decode('users', query), descending)] },
        orderBy: [{ createdAt: descending ? 'desc' : 'asc' }, { id: descending ? 'desc' : 'asc' }],
        take: query.limit + 1,
        select: userSelect(shownOrganizations(principal)),
      }),
      query.count ? prisma.user.count({ where, take: COUNT_MAX + 1 }) : null,
    ]);
    return Page.of(rows, query, count, (last) =>
      this.cursors.encode('users', query, [last.createdAt.toISOString(), last.id]),
    ).map(toUserDetail);
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
