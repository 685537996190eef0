import { Injectable } from '@nestjs/common';
import { ownedBy } from '../access/access.js';
import { toActivityRow } from '../activities/activity.js';
import { toAuditRow } from '../audit/audit-entry.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { invalidValue, referencesNotFound } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { beginningWith, pageByCreation } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { findByName, orAlreadyTaken } from '../common/unique.js';
import { Database } from '../database/database.service.js';
import type { LotLock } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Sql, Tx } from '../database/sql.js';
import { changeLot, moveLot } from '../records/record-moves.js';
import { clientSelect, toClient } from './client.mapper.js';
import type { ClientRow } from './client.mapper.js';
import { clientInUse, clientNotFound } from './clients.errors.js';
import type { Client, ClientListQuery, CreateClient, UpdateClient } from './clients.schema.js';

type LockedClient = ClientRow & { readonly organizationId: string };

/** The customers of a tenant; alerts and cases find or create them by name as well. */
@Injectable()
export class ClientsService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  async list(principal: Principal, query: ClientListQuery): Promise<Page<Client>> {
    const { client } = this.database.prismaFor(principal);
    const where = {
      ...ownedBy(principal),
      ...(query.q !== undefined && { name: beginningWith(query.q) }),
    };
    const page = await pageByCreation(
      'clients',
      query,
      this.cursors,
      ({ after, ...order }) =>
        client.findMany({ where: { AND: [where, after] }, ...order, select: clientSelect }),
      (take) => client.count({ where, take }),
    );
    return page.map(toClient);
  }

  async get(principal: Principal, id: string): Promise<Client> {
    const row = await this.database
      .prismaFor(principal)
      .client.findFirst({ where: { id, ...ownedBy(principal) }, select: clientSelect });
    if (!row) throw clientNotFound();
    return toClient(row);
  }

  async create(principal: Principal, { name }: CreateClient): Promise<Client> {
    const { organizationId } = principal;
    const work = async (tx: Tx) => {
      const data = { id: newId(), organizationId, name };
      const row = await tx.client.create({ data, select: clientSelect });
      await this.record(tx, principal, 'client.created', { ...row, organizationId }, [
        { field: 'name', old: null, new: name },
      ]);
      return row;
    };
    const row = await orAlreadyTaken(
      () => this.database.transaction(principal, work),
      nameTaken(name),
      () => this.holderOf(principal, organizationId, name),
    );
    return toClient(row);
  }

  async update(
    principal: Principal,
    id: string,
    { name }: UpdateClient,
    precondition: Precondition,
  ): Promise<Client> {
    let { organizationId } = principal;
    const work = async (tx: Tx): Promise<ClientRow> => {
      const [before] = await this.lock(tx, principal, [id]);
      if (!before) throw clientNotFound();
      ({ organizationId } = before);
      precondition.assertMatches(before.version);
      if (name === undefined || name === before.name) return before;
      const data = { name, version: { increment: 1 } };
      const after = await tx.client.update({ where: { id }, data, select: clientSelect });
      await this.record(tx, principal, 'client.updated', before, [
        { field: 'name', old: before.name, new: name },
      ]);
      return after;
    };
    const row = await orAlreadyTaken(
      () => this.database.transaction(principal, work),
      nameTaken(name),
      () => this.holderOf(principal, organizationId, name),
    );
    return toClient(row);
  }

  /** Deletes a client; alerts and cases that name it take the one named by `replaceWith` first, a lot at a time. */
  async remove(
    principal: Principal,
    id: string,
    replaceWith: string | undefined,
    precondition: Precondition,
  ): Promise<void> {
    await this.database.inLots(principal, async (tx, lock) => {
      const locked = await this.lock(tx, principal, [id, replaceWith ?? id], lock);
      const client = locked.find((each) => each.id === id);
      if (!client) throw clientNotFound();
      precondition.assertMatches(client.version);
      const successor = replaceWith === undefined ? null : successorOf(client, locked, replaceWith);
      if (successor) {
        if (await this.moveLot(tx, principal, client, successor)) return true;
      } else if (await isNamed(tx, id)) throw clientInUse();
      if (await forgetLot(sqlIn(tx), id)) return true;
      if (lock === 'UPDATE') {
        await tx.client.delete({ where: { id } });
        await this.record(tx, principal, 'client.deleted', client, [
          { field: 'name', old: client.name, new: successor?.name ?? null },
        ]);
      }
      return false;
    });
  }

  /**
   * Gives a lot of the records of a client another one, with a line of history and an audit entry each; answers
   * whether there may be others.
   */
  private async moveLot(
    tx: Tx,
    principal: Principal,
    from: LockedClient,
    to: LockedClient,
  ): Promise<boolean> {
    const move = {
      set: 'client_id = $2::uuid',
      where: 'r.client_id = $1::uuid AND r.deleted_at IS NULL',
      order: 'r.created_at, r.id',
      values: [from.id, to.id],
    };
    const line = toActivityRow(principal, {
      action: 'updated',
      fieldName: 'clientName',
      oldValue: from.name,
      newValue: to.name,
    });
    const changes = [
      { field: 'clientId', old: from.id, new: to.id },
      { field: 'clientName', old: from.name, new: to.name },
    ];
    for (const kind of ['case', 'alert'] as const) {
      const entry = { action: `${kind}.updated`, targetKind: kind, targetId: null, changes };
      const { hasMore } = await moveLot(sqlIn(tx), kind, move, line, toAuditRow(principal, entry));
      if (hasMore) return true;
    }
    return false;
  }

  /** Holds the visible ones of these clients, in one order for everybody. */
  private async lock(
    tx: Tx,
    principal: Principal,
    ids: readonly string[],
    strength: LotLock = 'UPDATE',
  ): Promise<LockedClient[]> {
    const statement = `SELECT id FROM clients WHERE id = ANY($1::uuid[]) ORDER BY id FOR ${strength}`;
    await sqlIn(tx)(statement, [ids]);
    return tx.client.findMany({
      where: { id: { in: [...ids] }, ...ownedBy(principal) },
      select: { ...clientSelect, organizationId: true },
    });
  }

  private holderOf(principal: Principal, organizationId: string, name = '') {
    return findByName(this.database.sqlFor(principal), 'clients', organizationId, name);
  }

  private record(
    tx: Tx,
    principal: Principal,
    action: string,
    { id, organizationId }: { readonly id: string; readonly organizationId: string },
    changes: readonly FieldChange[],
  ): Promise<void> {
    return this.audit.record(tx, principal, {
      action,
      targetKind: 'client',
      targetId: id,
      organizationId,
      changes,
    });
  }
}

/** The client that takes over: another one of the same tenant, else 400. */
function successorOf(
  client: LockedClient,
  locked: readonly LockedClient[],
  replaceWith: string,
): LockedClient {
  if (replaceWith === client.id) throw invalidValue('replaceWith', 'must name another client');
  const successor = locked.find(
    (each) => each.id === replaceWith && each.organizationId === client.organizationId,
  );
  if (!successor) throw referencesNotFound(['replaceWith']);
  return successor;
}

/** Whether an alert or case that is not deleted names the client. */
async function isNamed(tx: Tx, id: string): Promise<boolean> {
  const [row] = await sqlIn(tx)<{ isNamed: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM alerts WHERE client_id = $1::uuid AND deleted_at IS NULL)
       OR EXISTS (SELECT 1 FROM cases WHERE client_id = $1::uuid AND deleted_at IS NULL) AS "isNamed"`,
    [id],
  );
  return row?.isNamed ?? false;
}

/** Takes the client off a lot of the deleted records that still name it; answers whether there may be others. */
async function forgetLot(sql: Sql, id: string): Promise<boolean> {
  const change = {
    set: 'client_id = NULL',
    where: 'r.client_id = $1::uuid AND r.deleted_at IS NOT NULL',
    order: 'r.created_at, r.id',
    values: [id],
  };
  for (const table of ['cases', 'alerts'] as const) {
    if (await changeLot(sql, table, change)) return true;
  }
  return false;
}

function nameTaken(name = ''): string {
  return `A client named ${name} is there already.`;
}
