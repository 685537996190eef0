import { Injectable } from '@nestjs/common';
import { assertCleared } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { invalidValue, referencesNotFound } from '../common/errors.js';
import { COUNT_MAX, Cursors, Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Observable } from '../records/answer.schema.js';
import { openParent } from '../records/parent.js';
import type { Parent } from '../records/parent.js';
import { bumpVersion } from '../records/record-writes.js';
import { distinctRows, hashesOf, toObservableRow } from './observable-row.js';
import { ObservableTypesService, typeNamed } from './observable-types.service.js';
import { observableNotFound } from './observables.errors.js';
import {
  countObservables,
  findEqual,
  findObservable,
  insertObservables,
  listObservables,
} from './observables.queries.js';
import type { ObservableFilter } from './observables.queries.js';
import type {
  ChildObservable,
  CreateObservable,
  ObservableListQuery,
} from './observables.schema.js';

/** What a creation answers: the observables in the order sent, and whether any is new. */
export interface CreatedObservables {
  readonly observables: readonly Observable[];
  readonly isNew: boolean;
}

@Injectable()
export class ObservablesService {
  constructor(
    private readonly database: Database,
    private readonly types: ObservableTypesService,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  /** Adds observables to the alert or case that the body names. */
  create(principal: Principal, input: CreateObservable): Promise<CreatedObservables> {
    const { alertId, caseId, ...observable } = input;
    return this.createUnder(
      principal,
      alertId !== undefined
        ? { kind: 'alert', id: alertId, notFound: () => referencesNotFound(['alertId']) }
        : { kind: 'case', id: caseId ?? '', notFound: () => referencesNotFound(['caseId']) },
      observable,
    );
  }

  /** Adds observables to a parent; what it already holds is answered as it is. */
  async createUnder(
    principal: Principal,
    parent: Parent,
    input: ChildObservable,
  ): Promise<CreatedObservables> {
    const types = await this.types.list(principal);
    if (!typeNamed(types, input.dataType)) {
      throw invalidValue(
        'dataType',
        `unknown type; known are ${[...types.keys()].join(', ')}`,
        'unknown_type',
      );
    }
    assertCleared(principal, input);
    return this.database.transaction(principal, async (tx) => {
      const sql = sqlIn(tx);
      const held = await openParent(sql, principal, parent, 'FOR UPDATE');
      const owner = {
        alertId: parent.kind === 'alert' ? parent.id : null,
        caseId: parent.kind === 'case' ? parent.id : null,
        ...held,
      };
      const wanted = [input.data]
        .flat()
        .map((data) => toObservableRow({ ...input, data }, types, owner, principal.userId));
      const inserted = await insertObservables(sql, distinctRows(wanted));
      if (inserted.size > 0) {
        const fresh = wanted.filter((row) => inserted.has(row.id));
        await bumpVersion(sql, parent.kind, parent.id);
        await recordActivities(
          tx,
          principal,
          fresh.map((row) => ({
            ...(parent.kind === 'alert' ? { alertId: parent.id } : { caseId: parent.id }),
            action: 'added' as const,
            fieldName: 'observables',
            newValue: { id: row.id, dataType: input.dataType, data: row.data },
            tlp: row.tlp,
            pap: row.pap,
          })),
        );
        await this.audit.record(
          tx,
          principal,
          ...fresh.map((row) => ({
            action: 'observable.created',
            targetKind: 'observable',
            targetId: row.id,
            organizationId: held.organizationId,
            changes: [{ field: 'data', old: null, new: row.data }],
          })),
        );
      }
      const observables = await findEqual(sql, wanted);
      // What was there already may be marked above what the caller may see.
      for (const observable of observables) assertCleared(principal, observable);
      return { observables, isNew: inserted.size > 0 };
    });
  }

  async get(principal: Principal, id: string): Promise<Observable> {
    const found = await findObservable(this.database.sqlFor(principal), principal, id);
    if (!found) throw observableNotFound();
    assertCleared(principal, found.marking);
    return found.observable;
  }

  async list(principal: Principal, query: ObservableListQuery): Promise<Page<Observable>> {
    const sql = this.database.sqlFor(principal);
    const filter = await this.filterOf(principal, query);
    const after = this.cursors.decode('observables', query);
    const [found, count] = await Promise.all([
      listObservables(sql, principal, filter, {
        limit: query.limit,
        descending: query.sort.startsWith('-'),
        after,
      }),
      query.count ? countObservables(sql, principal, filter, COUNT_MAX + 1) : null,
    ]);
    return Page.of(found, query, count, (last) =>
      this.cursors.encode('observables', query, [last.createdAt, last.id]),
    );
  }

  /** What the query asks for, by ids and hashes; an unknown type matches nothing. */
  private async filterOf(
    principal: Principal,
    { alertId, caseId, data, dataType }: ObservableListQuery,
  ): Promise<ObservableFilter> {
    if (data === undefined && dataType === undefined) return { alertId, caseId };
    const types = await this.types.list(principal);
    const type = dataType === undefined ? null : typeNamed(types, dataType);
    const typeId = dataType === undefined ? undefined : (type?.id ?? 0);
    const valueHashes =
      data === undefined ? undefined : hashesOf(data, type ? [type] : types.values());
    return { alertId, caseId, typeId, valueHashes };
  }

  /** The observables of a parent that must be there (404) and within clearance (403). */
  async listUnder(
    principal: Principal,
    parent: Parent,
    query: ObservableListQuery,
  ): Promise<Page<Observable>> {
    await openParent(this.database.sqlFor(principal), principal, parent);
    return this.list(
      principal,
      parent.kind === 'alert' ? { ...query, alertId: parent.id } : { ...query, caseId: parent.id },
    );
  }
}
