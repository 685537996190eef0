import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { assertCleared } from '../access/access.js';
import { recordActivities, toActivityRow } from '../activities/activity.js';
import { attachmentCreated, toAttachmentRow } from '../attachments/attachment-row.js';
import { insertAttachments, raiseHeld } from '../attachments/attachments.queries.js';
import { toAuditRow } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { defined } from '../common/defined.js';
import { AppError, invalidValue, referencesNotFound, validationFailed } from '../common/errors.js';
import type { FieldError } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { issuesToError } from '../common/issues.js';
import type { JsonText } from '../common/json-text.js';
import { AppConfig } from '../config/config.js';
import { CustomFieldsService } from '../custom-fields/custom-fields.service.js';
import { Batcher } from '../database/batcher.js';
import type { BatchRules } from '../database/batcher.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { distinctRows, observableCreated, toObservableRow } from '../observables/observable-row.js';
import { ObservableTypesService } from '../observables/observable-types.service.js';
import { insertObservables } from '../observables/observables.queries.js';
import { changesBetween, strictest } from '../records/record-changes.js';
import { toNewLinks } from '../records/new-links.js';
import { toRecordText } from '../records/record-text.js';
import type { RecordText } from '../records/record-text.js';
import { ReferencesService } from '../records/references.service.js';
import { StatusesService } from '../statuses/statuses.service.js';
import type { UploadedFile } from '../storage/upload.guard.js';
import { bindFiles } from './alert-files.js';
import { dedupKey } from './alert-dedup.js';
import type { DedupPolicy } from './alert-dedup.js';
import { alertExists } from './alerts.errors.js';
import {
  addCount,
  findAlertTexts,
  findDuplicate,
  insertAlerts,
  insertUnread,
  lockDedupKeys,
} from './alerts.queries.js';
import type { NewAlerts } from './alerts.queries.js';
import { createAlertSchema } from './alerts.schema.js';
import type { Alert, BulkCreateAlerts, BulkCreated, CreateAlert } from './alerts.schema.js';

/** Items and observables prepared before other requests get their turn. */
const ITEMS_A_TURN = 50;
const OBSERVABLES_A_TURN = 500;

/** Alerts of a bulk that go to the database at once; writing out more would keep other requests waiting. */
const ITEMS_A_STATEMENT = 500;

/** Observables one bulk may bring; what is more holds the database for too long. */
const BULK_OBSERVABLES_MAX = 20_000;

/** How much text of an alert counts as one more of them: as long as the longest value. */
const CHARS_A_ROW = 16_384;

/** An alert that waits for a lock, for example on a tag that is being deleted, holds up later ones no longer than this. */
const BATCHES: BatchRules<NewAlerts> = {
  weightOf,
  weightMax: 500,
  patienceMs: 1_000,
  mayLock: true,
};

/** What became of an alert: the record that holds it, and whether it was there before. */
interface Taken {
  readonly id: string;
  readonly isDuplicate: boolean;
}

/** The answer to an intake, and whether the alert was there before. */
interface TakenAlert {
  readonly alert: JsonText<Alert>;
  readonly isDuplicate: boolean;
}

/** An alert ready to store. */
interface Item {
  readonly input: CreateAlert;
  readonly organizationId: string;
  readonly rows: NewAlerts;
}

type ItemResult = BulkCreated['results'][number];

/** Takes alerts in, one or many at a time: nothing of them is lost, equal ones are counted where asked. */
@Injectable()
export class AlertIntakeService {
  /** Alerts that name no tag or client to be created: whose they are is told by their rows alone. */
  private readonly batches = new Batcher<NewAlerts, RecordText>(
    (all) => insertAlerts(this.database.sql, all),
    BATCHES,
  );

  constructor(
    private readonly database: Database,
    private readonly statuses: StatusesService,
    private readonly types: ObservableTypesService,
    private readonly references: ReferencesService,
    private readonly customFields: CustomFieldsService,
    private readonly audit: AuditService,
    private readonly config: AppConfig,
  ) {}

  /** Stores the alert with its observables, tags, activity and audit entry in one statement. */
  async create(
    principal: Principal,
    input: CreateAlert,
    policy: DedupPolicy = this.config.alertDedup,
  ): Promise<TakenAlert> {
    const item = await this.prepare(principal, input);
    await this.references.assertExist(principal, input, item.organizationId);
    if (policy === 'create' || dedupKey(input) === null) {
      const row = await this.insertOne(principal, item.rows);
      return { alert: toRecordText(row), isDuplicate: false };
    }
    return this.takeOne(principal, item, policy);
  }

  /** Stores the alert with its observables, of which those of a file type are the uploads they name. */
  async createWithFiles(
    principal: Principal,
    input: CreateAlert,
    files: readonly UploadedFile[],
    policy: DedupPolicy = this.config.alertDedup,
  ): Promise<TakenAlert> {
    const item = await this.prepare(principal, input, files);
    await this.references.assertExist(principal, input, item.organizationId);
    return this.takeOne(principal, item, policy);
  }

  /** Stores up to a thousand alerts in one transaction; each item answers for itself unless `atomic`. */
  async createMany(
    principal: Principal,
    { alerts, atomic }: BulkCreateAlerts,
    policy: DedupPolicy = this.config.alertDedup,
  ): Promise<BulkCreated> {
    const total = alerts.reduce((sum: number, body) => sum + observablesIn(body), 0);
    if (total > BULK_OBSERVABLES_MAX) {
      throw invalidValue(
        'alerts',
        `a bulk may bring at most ${BULK_OBSERVABLES_MAX} observables`,
        'too_big',
      );
    }
    const results: ItemResult[] = [];
    const failures: FieldError[] = [];
    const items = new Map<number, Item>();
    const fail = (index: number, error: AppError) => {
      results[index] = { index, status: error.status, code: error.code, detail: error.detail };
      const errors = error.extras.errors ?? [
        { path: '', code: error.code.toLowerCase(), message: error.detail },
      ];
      failures.push(...errors.map((each) => ({ ...each, path: itemPath(index, each.path) })));
    };
    for (const [index, body] of alerts.entries()) {
      if (index % ITEMS_A_TURN === ITEMS_A_TURN - 1) await yieldToOthers();
      const count = observablesIn(body);
      if (count > OBSERVABLES_A_TURN) await yieldToOthers();
      const item = await this.tryPrepare(principal, body);
      if (item instanceof AppError) fail(index, item);
      else items.set(index, item);
    }
    for (const [index, missing] of await this.missingReferences(principal, items)) {
      items.delete(index);
      fail(index, referencesNotFound(missing));
    }
    if (atomic && failures.length > 0) throw validationFailed(failures.slice(0, FAILURES_MAX));
    const indexes = [...items.keys()];
    const taken = await this.database.transaction(principal, async (tx) => {
      const outcome = await this.takeAll(tx, principal, [...items.values()], policy);
      if (atomic) assertNoneRefused(outcome, indexes);
      return outcome;
    });
    for (const [place, outcome] of taken.entries()) {
      const index = indexes[place] ?? 0;
      if (outcome instanceof AppError) fail(index, outcome);
      else results[index] = { index, status: 200, id: outcome.id };
    }
    await this.audit.refusedItems(principal, 'alert', results);
    const failedCount = results.filter((result) => result.status !== 200).length;
    return { createdCount: results.length - failedCount, failedCount, results };
  }

  private async insertOne(principal: Principal, rows: NewAlerts): Promise<RecordText> {
    const isByItself =
      principal.transaction !== null || rows.tagNames.length > 0 || rows.clients.length > 0;
    if (!isByItself) return this.batches.run(rows);
    const [row] = await insertAlerts(this.database.sqlFor(principal), [rows]);
    if (!row) throw new Error('An alert was inserted without an answer.');
    return row;
  }

  private takeOne(principal: Principal, item: Item, policy: DedupPolicy): Promise<TakenAlert> {
    return this.database.transaction(principal, async (tx) => {
      const [taken] = await this.takeAll(tx, principal, [item], policy);
      if (taken instanceof AppError) throw taken;
      if (!taken) throw new Error('An alert was taken in without an outcome.');
      const [row] = await findAlertTexts(sqlIn(tx), principal, [taken.id]);
      if (!row) throw new Error('A stored alert was not found.');
      return { alert: toRecordText(row), isDuplicate: taken.isDuplicate };
    });
  }

  /** Stores prepared alerts, in one or two statements unless equal ones are looked for. */
  private async takeAll(
    tx: Tx,
    principal: Principal,
    items: readonly Item[],
    policy: DedupPolicy,
  ): Promise<(Taken | AppError)[]> {
    if (items.length === 0) return [];
    const sql = sqlIn(tx);
    if (policy === 'create') {
      for (let at = 0; at < items.length; at += ITEMS_A_STATEMENT) {
        const part = items.slice(at, at + ITEMS_A_STATEMENT);
        await insertUnread(
          sql,
          part.map((item) => item.rows),
        );
      }
      return items.map((item) => ({ id: idOf(item), isDuplicate: false }));
    }
    await lockDedupKeys(
      sql,
      items.map(lockNameOf).filter((name) => name !== null),
    );
    const outcome: (Taken | AppError)[] = [];
    for (const item of items) outcome.push(await this.takeOnce(tx, principal, item, policy));
    return outcome;
  }

  /** Stores the alert unless its key is taken; its lock is held, so nobody else can be about to. */
  private async takeOnce(
    tx: Tx,
    principal: Principal,
    item: Item,
    policy: DedupPolicy,
  ): Promise<Taken | AppError> {
    const sql = sqlIn(tx);
    const key = dedupKey(item.input);
    const duplicate = key && (await findDuplicate(sql, principal, item.organizationId, key));
    if (duplicate && policy === 'reject') return alertExists(duplicate.id);
    if (duplicate?.isOpen) {
      const isCounted = await this.count(tx, principal, duplicate.id, item);
      if (isCounted) return { id: duplicate.id, isDuplicate: true };
      return this.takeOnce(tx, principal, item, policy);
    }
    await insertUnread(sql, [withPrimary(item.rows, duplicate?.id ?? null)]);
    return { id: idOf(item), isDuplicate: false };
  }

  /** Adds the alert's count and observables to the open one that has its key; false when it is open no more. */
  private async count(tx: Tx, principal: Principal, alertId: string, item: Item): Promise<boolean> {
    const sql = sqlIn(tx);
    const { input, organizationId, rows } = item;
    const counts = await addCount(sql, alertId, input.count);
    if (!counts) return false;
    const raised = await raiseHeld(sql, alertId, rows.attachments);
    const held = new Map(raised.map(({ newId, id }) => [newId, id]));
    const lacking = rows.attachments.filter(({ id }) => !held.has(id));
    await insertAttachments(
      sql,
      lacking.map((row) => ({ ...row, alertId })),
    );
    const wanted = rows.observables.map((row) => ({
      ...row,
      alertId,
      attachmentId: row.attachmentId && (held.get(row.attachmentId) ?? row.attachmentId),
    }));
    const inserted = await insertObservables(sql, wanted);
    const added = wanted.filter(({ id }) => inserted.has(id));
    await recordActivities(tx, principal, [
      {
        alertId,
        action: 'updated',
        fieldName: 'count',
        oldValue: counts.before,
        newValue: counts.after,
      },
      ...added.map((row) => ({
        alertId,
        action: 'added' as const,
        fieldName: 'observables',
        newValue: { id: row.id, data: row.data },
        tlp: row.tlp,
        pap: row.pap,
      })),
    ]);
    await this.audit.record(
      tx,
      principal,
      {
        action: 'alert.counted',
        targetKind: 'alert',
        targetId: alertId,
        organizationId,
        changes: [{ field: 'count', old: counts.before, new: counts.after }],
      },
      ...lacking.map(attachmentCreated),
      ...raised
        .map(({ id, before, after }) => ({
          action: 'attachment.updated',
          targetKind: 'attachment',
          targetId: id,
          organizationId,
          changes: changesBetween(before, after),
        }))
        .filter(({ changes }) => changes.length > 0),
      ...added.map(observableCreated),
    );
    return true;
  }

  /** Checks the body against clearance, statuses and types and turns it into rows. */
  private async prepare(
    principal: Principal,
    input: CreateAlert,
    files: readonly UploadedFile[] | null = null,
  ): Promise<Item> {
    const status = await this.statuses.resolve(
      principal,
      'alert',
      input.statusValue,
      'statusValue',
    );
    const types = await this.types.list(principal);
    assertCleared(principal, input);
    for (const observable of input.observables) assertCleared(principal, observable);
    const organizationId = this.references.ownerOf(principal, input.organizations);
    const declared = { kind: 'alert', organizationId } as const;
    const customFields = await this.customFields.complete(principal, declared, input.customFields);
    const id = newId();
    const parent = { alertId: id, caseId: null, organizationId, tlp: input.tlp, pap: input.pap };
    const bound = files ? bindFiles(input.observables, files, types) : new Map<number, number>();
    const attachments = (files ?? []).map((file, place) => {
      // A file is as restricted as whatever names it.
      const naming = input.observables.filter((_, index) => bound.get(index) === place);
      const marking = strictest([input, ...naming.map((each) => ({ ...input, ...defined(each) }))]);
      return toAttachmentRow(file, { ...parent, ...marking, taskId: null }, principal.userId);
    });
    const fileOf = (index: number) => {
      const attachment = attachments[bound.get(index) ?? -1];
      return attachment ? { ...attachment, attachmentId: attachment.id } : null;
    };
    const rows: NewAlerts = {
      ...toNewLinks(id, organizationId, input),
      attachments,
      records: [
        {
          id,
          organizationId,
          title: input.title,
          description: input.description,
          statusId: status.id,
          stage: status.stage,
          severity: input.severity,
          tlp: input.tlp,
          pap: input.pap,
          count: input.count,
          type: input.type ?? null,
          source: input.source ?? null,
          sourceRef: input.sourceRef ?? null,
          externalLink: input.externalLink ?? null,
          customFields,
          visibleToAll: input.visibleToAllOrganizations,
          assigneeId: input.assigneeId ?? null,
          createdById: principal.userId,
          clientId: input.clientId ?? null,
          clientName: input.clientName ?? null,
          primaryAlertId: null,
        },
      ],
      observables: distinctRows(
        input.observables.map((observable, index) =>
          toObservableRow(observable, types, parent, principal.userId, fileOf(index)),
        ),
      ),
      activities: [
        toActivityRow(principal, {
          alertId: id,
          action: 'created',
          body: input.title,
          tlp: input.tlp,
          pap: input.pap,
        }),
      ],
      audit: [
        toAuditRow(principal, {
          action: 'alert.created',
          targetKind: 'alert',
          targetId: id,
          organizationId,
        }),
      ],
    };
    return { input, organizationId, rows };
  }

  /** An item of a bulk, or why it cannot be taken. */
  private async tryPrepare(principal: Principal, body: unknown): Promise<Item | AppError> {
    const parsed = createAlertSchema.safeParse(body);
    if (!parsed.success) return issuesToError(parsed.error.issues);
    try {
      return await this.prepare(principal, parsed.data);
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }

  /** The items whose references mean nothing to the caller; one question for each owning tenant. */
  private async missingReferences(
    principal: Principal,
    items: ReadonlyMap<number, Item>,
  ): Promise<[index: number, paths: string[]][]> {
    const missing: [number, string[]][] = [];
    for (const owner of new Set([...items.values()].map((item) => item.organizationId))) {
      const owned = [...items].filter(([, item]) => item.organizationId === owner);
      const inputs = owned.map(([, item]) => item.input);
      const paths = await this.references.missing(principal, inputs, owner);
      for (const [place, [index]] of owned.entries()) {
        const of = paths[place] ?? [];
        if (of.length > 0) missing.push([index, of]);
      }
    }
    return missing;
  }
}

/** How many observables an unchecked body brings. */
function observablesIn(body: unknown): number {
  const { observables } = (body ?? {}) as { observables?: unknown };
  return Array.isArray(observables) ? observables.length : 0;
}

/** What an alert adds to a statement; its text counts too, for what is too long no statement takes. */
function weightOf({ records, observables }: NewAlerts): number {
  const chars = records.reduce(
    (sum, { description, customFields }) =>
      sum + description.length + JSON.stringify(customFields).length,
    0,
  );
  return 1 + observables.length + Math.floor(chars / CHARS_A_ROW);
}

function idOf(item: Item): string {
  return item.rows.records[0]?.id ?? '';
}

/** The name under which takers of an alert with the same key exclude each other. */
function lockNameOf({ input, organizationId }: Item): string | null {
  const key = dedupKey(input);
  return key && JSON.stringify(['alert', organizationId, key.type, key.source, key.sourceRef]);
}

function withPrimary(rows: NewAlerts, primaryAlertId: string | null): NewAlerts {
  return { ...rows, records: rows.records.map((record) => ({ ...record, primaryAlertId })) };
}

function itemPath(index: number, path: string): string {
  return path === '' ? `alerts[${index}]` : `alerts[${index}].${path}`;
}

const FAILURES_MAX = 50;

/** @throws AppError `VALIDATION_FAILED` naming the items that were refused when all or none were to be stored. */
function assertNoneRefused(
  outcome: readonly (Taken | AppError)[],
  indexes: readonly number[],
): void {
  const failures = outcome.flatMap((each, place) =>
    each instanceof AppError
      ? [
          {
            path: itemPath(indexes[place] ?? 0, ''),
            code: each.code.toLowerCase(),
            message: each.detail,
          },
        ]
      : [],
  );
  if (failures.length > 0) throw validationFailed(failures.slice(0, FAILURES_MAX));
}
