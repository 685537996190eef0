import { Injectable } from '@nestjs/common';
import { assertCleared } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { COUNT_MAX, Cursors, Page } from '../common/pagination.js';
import type { Position } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import type { Observable } from '../records/answer.schema.js';
import { openParent } from '../records/parent.js';
import type { Parent } from '../records/parent.js';
import { instantSql } from '../records/record-sql.js';
import type { PageQuery } from '../records/record.schema.js';
import { wordsOf } from '../records/text-search.js';
import type { ObservableFilter } from './observable-list-sql.js';
import { countObservables, listObservables } from './observable-list.queries.js';
import { searchedForms } from './observable-normalization.js';
import { hashesOf } from './observable-row.js';
import { ObservableTypesService, typeNamed } from './observable-types.service.js';
import { observableNotFound } from './observables.errors.js';
import { OBSERVABLE_SQL, findObservable } from './observables.queries.js';
import type { Sighting, SightingListQuery } from './observables.schema.js';

/** The filters of a list, alike in query strings and search bodies. */
export interface ObservableQuery {
  readonly data?: string | readonly string[] | undefined;
  readonly contains?: string | readonly string[] | undefined;
  readonly alertId?: string | readonly string[] | undefined;
  readonly caseId?: string | readonly string[] | undefined;
  readonly dataType?: readonly string[] | undefined;
  readonly ioc?: boolean | undefined;
  readonly sighted?: boolean | undefined;
  readonly tlp?: readonly number[] | undefined;
  readonly tag?: readonly (number | string)[] | undefined;
  readonly createdAfter?: string | undefined;
  readonly q?: string | undefined;
}

/** Reads observables wherever they hang. */
@Injectable()
export class ObservablesService {
  constructor(
    private readonly database: Database,
    private readonly types: ObservableTypesService,
    private readonly cursors: Cursors,
  ) {}

  async get(principal: Principal, id: string): Promise<Observable> {
    const found = await findObservable(this.database.sqlFor(principal), principal, id);
    if (!found) throw observableNotFound();
    assertCleared(principal, found.marking);
    return found.observable;
  }

  async list(principal: Principal, query: PageQuery & ObservableQuery): Promise<Page<Observable>> {
    const filter = await this.filterOf(principal, query);
    return this.page<Observable>(
      principal,
      'observables',
      query,
      filter,
      OBSERVABLE_SQL,
      (last) => [last.createdAt, last.id],
    );
  }

  /** The observables of a parent that must be there (404) and within clearance (403). */
  async listUnder(
    principal: Principal,
    parent: Parent,
    query: PageQuery,
  ): Promise<Page<Observable>> {
    await openParent(this.database.sqlFor(principal), principal, parent);
    return this.list(
      principal,
      parent.kind === 'alert' ? { ...query, alertId: parent.id } : { ...query, caseId: parent.id },
    );
  }

  /** Every record that holds the value of the observable, whatever its type there, as far as the caller sees. */
  async sightings(
    principal: Principal,
    id: string,
    query: SightingListQuery,
  ): Promise<Page<Sighting>> {
    const hash = await this.hashOf(principal, id);
    const filter = { valueHashes: [hash], oncePerRecord: true };
    return this.page<Sighting>(
      principal,
      `sightings of ${hash}`,
      query,
      filter,
      SIGHTING_SQL,
      (last) => [last.createdAt, last.observableId],
    );
  }

  /** What a query asks for, by ids, hashes and texts; an unknown type matches nothing. */
  async filterOf(principal: Principal, query: ObservableQuery): Promise<ObservableFilter> {
    const { alertId, caseId, data, dataType, contains, tag, q, ioc, sighted, tlp, createdAfter } =
      query;
    const listOf = (value: string | readonly string[] | undefined) =>
      value === undefined ? undefined : [value].flat();
    const filter = {
      alertIds: listOf(alertId),
      caseIds: listOf(caseId),
      contains: listOf(contains)?.flatMap(searchedForms),
      words: q === undefined ? undefined : wordsOf(q).map(searchedForms),
      tags: tag,
      ...{ ioc, sighted, tlp, createdAfter },
    };
    if (data === undefined && dataType === undefined) return filter;
    const types = await this.types.list(principal);
    const wanted = dataType?.map((name) => typeNamed(types, name)).filter((type) => type !== null);
    const values = listOf(data);
    return {
      ...filter,
      typeIds: wanted?.map((type) => type.id),
      valueHashes: values && [
        ...new Set(values.flatMap((value) => hashesOf(value, wanted ?? types.values()))),
      ],
    };
  }

  private async page<T>(
    principal: Principal,
    name: string,
    query: PageQuery,
    filter: ObservableFilter,
    answer: string,
    positionOf: (last: T) => Position,
  ): Promise<Page<T>> {
    const sql = this.database.sqlFor(principal);
    const after = this.cursors.decode(name, query);
    const shape = { limit: query.limit, descending: query.sort.startsWith('-'), after };
    const [found, count] = await Promise.all([
      listObservables<T>(sql, principal, filter, shape, answer),
      query.count ? countObservables(sql, principal, filter, COUNT_MAX + 1) : null,
    ]);
    return Page.of(found, query, count, (last) =>
      this.cursors.encode(name, query, positionOf(last)),
    );
  }

  private async hashOf(principal: Principal, id: string): Promise<string> {
    await this.get(principal, id);
    const row = await this.database
      .prismaFor(principal)
      .observable.findUnique({ where: { id }, select: { valueHash: true } });
    if (!row) throw observableNotFound();
    return Buffer.from(row.valueHash).toString('hex');
  }
}

/** A record that holds a value by the observable `o`, on the alert `a` or the case `k`. */
const SIGHTING_SQL = `json_build_object('kind', CASE WHEN a.id IS NULL THEN 'case' ELSE 'alert' END, 'id', coalesce(a.id, k.id),
  'tinyId', coalesce(a.tiny_id, k.tiny_id), 'title', coalesce(a.title, k.title),
  'statusValue', (SELECT s.value FROM statuses s WHERE s.id = coalesce(a.status_id, k.status_id)),
  'observableId', o.id, 'createdAt', ${instantSql('o.created_at')})`;
