import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { invalidValue } from '../common/errors.js';
import { TextBody } from '../common/input.guard.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import {
  ObservableIntakeService,
  parentOf,
  parseItem,
  summaryOf,
} from '../observables/observable-intake.service.js';
import { ObservableTypesService } from '../observables/observable-types.service.js';
import { openParent } from '../records/parent.js';
import { parseCsv } from './observable-csv.js';
import type {
  ImportObservablesQuery,
  ImportedObservables,
  StixBundle,
} from './observable-exchange.schema.js';
import { readBundle } from './stix-reading.js';

/** Observables that one import may bring. */
const ITEMS_MAX = 10_000;

/** What an import brings: bodies of creations, each with the place that its result names. */
interface Brought {
  readonly format: 'csv' | 'stix';
  readonly items: readonly { readonly place: object; readonly body: unknown }[];
  readonly ignored: Readonly<Record<string, number>>;
}

/** What a dry run throws, so that all it did is undone. */
class Undone extends Error {
  constructor(readonly answer: ImportedObservables) {
    super('dry run');
  }
}

/** Takes in observables that an export, or anybody's STIX, tells of; each answers for itself, and none is half done. */
@Injectable()
export class ObservableImportService {
  constructor(
    private readonly database: Database,
    private readonly types: ObservableTypesService,
    private readonly intake: ObservableIntakeService,
    private readonly audit: AuditService,
  ) {}

  async import(
    principal: Principal,
    { dryRun, ...target }: ImportObservablesQuery,
    body: StixBundle | TextBody,
  ): Promise<ImportedObservables> {
    const brought = body instanceof TextBody ? await fromCsv(body.content) : fromStix(body);
    if (brought.items.length > ITEMS_MAX) {
      throw invalidValue('', `an import takes at most ${ITEMS_MAX} observables`, 'too_big');
    }
    const types = await this.types.list(principal);
    const items = brought.items.map((item) => parseItem(principal, types, item.body));
    const answer = await this.take(principal, parentOf(target), brought, items, dryRun);
    await this.audit.refusedItems(principal, 'observable', answer.results);
    return answer;
  }

  private async take(
    principal: Principal,
    parent: ReturnType<typeof parentOf>,
    { format, items: places, ignored }: Brought,
    items: Parameters<ObservableIntakeService['takeEach']>[4],
    dryRun: boolean,
  ): Promise<ImportedObservables> {
    try {
      return await this.database.transaction(principal, async (tx) => {
        const held = await openParent(sqlIn(tx), principal, parent, 'FOR UPDATE');
        const taken = await this.intake.takeEach(tx, principal, parent, held, items);
        const { results, ...counts } = summaryOf(taken);
        // What a dry run makes has no id that lasts.
        const passing = new Set(
          dryRun ? results.flatMap(({ id, duplicate }) => (duplicate ? [] : id)) : [],
        );
        const answer = {
          dryRun,
          ...counts,
          ignored,
          results: results.map(({ index, id, ...result }) => ({
            ...places[index]?.place,
            ...result,
            ...(id !== undefined && !passing.has(id) && { id }),
          })),
        };
        if (dryRun) throw new Undone(answer);
        await this.audit.record(tx, principal, {
          action: 'observables.imported',
          targetKind: parent.kind,
          targetId: parent.id,
          organizationId: held.organizationId,
          changes: Object.entries({ format, ...counts }).map(([field, value]) => ({
            field,
            old: null,
            new: value,
          })),
        });
        return answer;
      });
    } catch (error) {
      if (error instanceof Undone) return error.answer;
      throw error;
    }
  }
}

async function fromCsv(text: string): Promise<Brought> {
  const lines = await parseCsv(text, ITEMS_MAX);
  const items = lines.map(({ line, body }) => ({ place: { line }, body }));
  return { format: 'csv', items, ignored: {} };
}

function fromStix({ objects }: StixBundle): Brought {
  const { items, ignored } = readBundle(objects);
  return {
    format: 'stix',
    items: items.map(({ objectId, body }) => ({ place: { objectId }, body })),
    ignored,
  };
}
