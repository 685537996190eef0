import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { askedFor } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { startedStream } from '../common/text-file.js';
import { Database } from '../database/database.service.js';
import type { ObservableFilter } from '../observables/observable-list-sql.js';
import { listObservables, listValues } from '../observables/observable-list.queries.js';
import type { ObservedValue } from '../observables/observable-list.queries.js';
import { OBSERVABLE_SQL } from '../observables/observables.queries.js';
import { ObservablesService } from '../observables/observables.service.js';
import type { Observable } from '../records/answer.schema.js';
import { CSV_HEADER, toCsv } from './observable-csv.js';
import type { ExportObservablesQuery } from './observable-exchange.schema.js';
import { EXTENSION_OBJECTS, TLP_MARKINGS } from './stix.js';
import type { StixObject } from './stix.js';
import { identityOf, stixObjectsOf } from './stix-writing.js';
import type { Producer } from './stix-writing.js';

/** Observables, and values, that an export holds in memory at once. */
const BATCH = 500;

/** Writes observables to a stream, of which it never holds more than a batch. */
@Injectable()
export class ObservableExportService {
  constructor(
    private readonly database: Database,
    private readonly observables: ObservablesService,
    private readonly audit: AuditService,
  ) {}

  /** The text of an export, which is audited before it begins; rejects when nothing can be read. */
  async export(principal: Principal, query: ExportObservablesQuery): Promise<Readable> {
    const { format, sort, ...asked } = query;
    const filter = await this.observables.filterOf(principal, asked);
    await this.database.transaction(principal, (tx) =>
      this.audit.record(tx, principal, {
        action: 'observables.exported',
        targetKind: 'observable',
        targetId: null,
        changes: askedFor({ format, ...asked }),
      }),
    );
    return startedStream(this.textOf(principal, format, filter, sort.startsWith('-')));
  }

  private textOf(
    principal: Principal,
    format: ExportObservablesQuery['format'],
    filter: ObservableFilter,
    descending: boolean,
  ): AsyncGenerator<string> {
    if (format === 'stix') return this.bundle(principal, filter);
    const batches = this.batches(principal, filter, descending);
    return format === 'csv' ? csvOf(batches) : jsonOf(batches);
  }

  /** The observables in the order of the list: each batch is read when it is asked for. */
  private async *batches(
    principal: Principal,
    filter: ObservableFilter,
    descending: boolean,
  ): AsyncGenerator<readonly Observable[]> {
    let after: readonly [string, string] | null = null;
    do {
      const found: readonly Observable[] = await listObservables<Observable>(
        this.database.sqlFor(principal),
        principal,
        filter,
        { limit: BATCH, descending, after },
        OBSERVABLE_SQL,
      );
      const batch = found.slice(0, BATCH);
      const last = batch.at(-1);
      after = found.length > BATCH && last ? [last.createdAt, last.id] : null;
      yield batch;
    } while (after);
  }

  /** A bundle of STIX 2.1: each value once, in the order of their hashes, and at its end what all refer to. */
  private async *bundle(principal: Principal, filter: ObservableFilter): AsyncGenerator<string> {
    const producer = await this.producerOf(principal);
    const used = new Set<unknown>();
    const first = [...EXTENSION_OBJECTS, identityOf(producer)].map((object) =>
      JSON.stringify(object),
    );
    yield `{"type":"bundle","id":"bundle--${randomUUID()}","objects":[\n${first.join(',\n')}`;
    for await (const values of this.values(principal, filter)) {
      const objects = groupsOf(values).flatMap((group) => stixObjectsOf(group, producer));
      for (const ref of objects.flatMap(markingsOf)) used.add(ref);
      yield objects.map((object) => `,\n${JSON.stringify(object)}`).join('');
    }
    const markings = TLP_MARKINGS.filter(({ id }) => used.has(id));
    yield `${markings.map((object) => `,\n${JSON.stringify(object)}`).join('')}\n]}\n`;
  }

  private async *values(
    principal: Principal,
    filter: ObservableFilter,
  ): AsyncGenerator<readonly ObservedValue[]> {
    let after: string | null = null;
    do {
      const values: readonly ObservedValue[] = await listValues(
        this.database.sqlFor(principal),
        principal,
        filter,
        { after, limit: BATCH },
      );
      after = values.at(-1)?.hash ?? null;
      yield values;
    } while (after !== null);
  }

  private async producerOf({ organizationId, transaction }: Principal): Promise<Producer> {
    const organization = await this.database
      .prismaFor({ transaction })
      .organization.findUniqueOrThrow({ where: { id: organizationId } });
    const { name, createdAt } = organization;
    return { organizationId, name, createdAt: createdAt.toISOString() };
  }
}

async function* csvOf(batches: AsyncGenerator<readonly Observable[]>): AsyncGenerator<string> {
  yield CSV_HEADER;
  for await (const batch of batches) yield toCsv(batch);
}

async function* jsonOf(batches: AsyncGenerator<readonly Observable[]>): AsyncGenerator<string> {
  let separator = '[';
  for await (const batch of batches) {
    if (batch.length === 0) continue;
    yield separator + batch.map((observable) => JSON.stringify(observable)).join(',\n');
    separator = ',\n';
  }
  yield separator === '[' ? '[]\n' : ']\n';
}

/** Values in groups of equal hashes, in which they come. */
function groupsOf(values: readonly ObservedValue[]): ObservedValue[][] {
  const groups = new Map<string, ObservedValue[]>();
  for (const value of values) {
    const group = groups.get(value.hash);
    if (group) group.push(value);
    else groups.set(value.hash, [value]);
  }
  return [...groups.values()];
}

function markingsOf({ object_marking_refs: refs }: StixObject): readonly unknown[] {
  return Array.isArray(refs) ? (refs as unknown[]) : [];
}
