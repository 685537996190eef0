import { Injectable } from '@nestjs/common';
import { assertCleared, assertOwner } from '../access/access.js';
import type { Marking } from '../access/access.js';
import { recordActivities } from '../activities/activity.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { invalidValue } from '../common/errors.js';
import type { Precondition } from '../common/etag.js';
import { CustomFieldsService } from '../custom-fields/custom-fields.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { chosenSla } from '../sla/sla-choice.js';
import type { SlaConfig } from '../sla/sla.schema.js';
import { mandatoryTasksOpen } from '../tasks/tasks.errors.js';
import { openMandatoryTasks } from '../tasks/tasks.queries.js';
import { StatusesService } from '../statuses/statuses.service.js';
import { changesBetween, mergeCustomFields, strictest, toActivities } from './record-changes.js';
import type { TagInput, Update } from './record.schema.js';
import {
  bumpVersion,
  replaceShares,
  replaceTags,
  replaceTeams,
  resolveClientName,
  writeColumns,
} from './record-writes.js';
import type { RecordKind } from './record-writes.js';
import { ReferencesService } from './references.service.js';

/** What an update of any record may say; the schema of the kind has checked it. */
export interface RecordFields {
  readonly statusValue?: string | undefined;
  readonly tlp?: number | undefined;
  readonly pap?: number | undefined;
  readonly customFields?: Record<string, unknown> | undefined;
  readonly teams?: readonly string[] | undefined;
  readonly tags?: readonly TagInput[] | undefined;
  /** Tags that come and go while the others stay; a bulk update has them. */
  readonly tagsToAdd?: readonly TagInput[] | undefined;
  readonly tagsToRemove?: readonly TagInput[] | undefined;
  readonly organizations?: readonly string[] | undefined;
  readonly assigneeId?: string | null | undefined;
  readonly clientId?: string | null | undefined;
  readonly clientName?: string | null | undefined;
  readonly visibleToAllOrganizations?: boolean | undefined;
  readonly slaConfig?: SlaConfig | null | undefined;
  readonly slaConfigId?: string | null | undefined;
}

interface RecordRow extends Marking {
  readonly id: string;
  readonly version: number;
  readonly ownerOrganizationId: string;
  readonly customFields: Record<string, unknown>;
  readonly status: { readonly stage: string };
  readonly tags: readonly { readonly id: number; readonly name: string }[];
  readonly slaConfigId?: string | null;
}

/** What the updater needs of a kind: hold the row, and read it as answers show it. */
export interface RecordAccess<Row> {
  readonly kind: RecordKind;
  lock(tx: Tx): Promise<boolean>;
  read(tx: Tx): Promise<Row | null>;
  notFound(): Error;
}

/** The one way in which alerts and cases are updated. */
@Injectable()
export class RecordUpdater {
  constructor(
    private readonly statuses: StatusesService,
    private readonly references: ReferencesService,
    private readonly customFields: CustomFieldsService,
    private readonly audit: AuditService,
  ) {}

  /** Holds and reads the record, refusing who may not see it (404), is not cleared (403) or read it too long ago (412). */
  async open<Row extends RecordRow>(
    tx: Tx,
    principal: Principal,
    record: RecordAccess<Row>,
    precondition: Precondition,
  ): Promise<Row> {
    const row = (await record.lock(tx)) ? await record.read(tx) : null;
    if (!row) throw record.notFound();
    assertCleared(principal, row);
    precondition.assertMatches(row.version);
    return row;
  }

  /** Applies the fields; see `change`. */
  update<Row extends RecordRow>(
    tx: Tx,
    principal: Principal,
    record: RecordAccess<Row>,
    update: Update<RecordFields>,
    precondition: Precondition,
  ): Promise<Row> {
    return this.change(tx, principal, record, precondition, async (before) => {
      const { fields, prefix } = update;
      assertCleared(principal, fields);
      if (fields.organizations !== undefined || fields.visibleToAllOrganizations !== undefined) {
        assertOwner(principal, before.ownerOrganizationId, 'change who sees the record');
      }
      if (fields.clientId !== undefined || fields.clientName !== undefined) {
        assertOwner(principal, before.ownerOrganizationId, 'change the client');
      }
      await this.references.assertExist(
        { ...principal, transaction: tx },
        {
          ...fields,
          slaConfigId: fields.slaConfigId === before.slaConfigId ? null : fields.slaConfigId,
        },
        before.ownerOrganizationId,
        prefix,
      );
      return this.write(tx, principal, record.kind, before, update);
    });
  }

  /**
   * Changes a record by `work`, with an activity for each field that really changes and one audit entry.
   *
   * `work` answers what it changed that the two readings of the record do not tell.
   */
  async change<Row extends RecordRow>(
    tx: Tx,
    principal: Principal,
    record: RecordAccess<Row>,
    precondition: Precondition,
    work: (before: Row) => Promise<readonly FieldChange[]>,
  ): Promise<Row> {
    const before = await this.open(tx, principal, record, precondition);
    const untold = await work(before);
    const written = await record.read(tx);
    if (!written) throw record.notFound();
    const changes = [...changesBetween(before, written), ...untold];
    if (changes.length === 0) return written;
    const stamp = await bumpVersion(sqlIn(tx), record.kind, before.id);
    const parent = record.kind === 'alert' ? { alertId: before.id } : { caseId: before.id };
    await recordActivities(
      tx,
      principal,
      toActivities(parent, changes, strictest([before, written])),
    );
    await this.audit.record(tx, principal, {
      action: `${record.kind}.updated`,
      targetKind: record.kind,
      targetId: before.id,
      changes,
      organizationId: before.ownerOrganizationId,
    });
    return { ...written, ...stamp };
  }

  private async write(
    tx: Tx,
    principal: Principal,
    kind: RecordKind,
    before: RecordRow,
    update: Update<RecordFields>,
  ): Promise<readonly FieldChange[]> {
    const { fields, prefix } = update;
    const sql = sqlIn(tx);
    const status =
      fields.statusValue === undefined
        ? null
        : await this.statuses.resolve(
            { transaction: tx },
            kind,
            fields.statusValue,
            `${prefix}statusValue`,
          );
    const columns: Record<string, unknown> = {
      ...fields,
      ...(await chosenSla(sql, fields, before.slaConfigId ?? null)),
    };
    const customFields = await this.customFieldsAfter(tx, kind, before, update);
    if (fields.customFields) columns.customFields = customFields;
    if (kind === 'case' && status?.stage === 'Closed' && before.status.stage !== 'Closed') {
      const { ownerOrganizationId } = before;
      const open = await openMandatoryTasks(sql, principal, before.id);
      if (open.length > 0) throw mandatoryTasksOpen(open);
      await this.customFields.assertClosable(
        { transaction: tx },
        ownerOrganizationId,
        customFields,
      );
    }
    if (fields.clientName !== undefined && !fields.clientId) {
      columns.clientId =
        fields.clientName &&
        (await resolveClientName(sql, principal, before.ownerOrganizationId, fields.clientName));
    }
    const clocks = await writeColumns(sql, principal, kind, before.id, columns, status);
    const tags = tagsAfter(before.tags, fields);
    if (tags) await replaceTags(sql, principal, kind, before.id, before.ownerOrganizationId, tags);
    if (fields.teams) await replaceTeams(sql, kind, before.id, fields.teams);
    if (fields.organizations) await replaceShares(sql, kind, before.id, fields.organizations);
    return clocks.flatMap(({ changes }) => changes);
  }

  /** The custom fields the record has after the update, which must fit in its owner's tenant. */
  private async customFieldsAfter(
    tx: Tx,
    kind: RecordKind,
    before: RecordRow,
    { fields, prefix }: Update<RecordFields>,
  ): Promise<Record<string, unknown>> {
    if (!fields.customFields) return before.customFields;
    const declared = { kind, organizationId: before.ownerOrganizationId };
    const owner = { transaction: tx };
    await this.customFields.assertUpdate(owner, declared, fields.customFields, prefix);
    const after = mergeCustomFields(before.customFields, fields.customFields);
    const bytes = bytesOf(after);
    if (bytes > CUSTOM_FIELDS_BYTES && bytes > bytesOf(before.customFields))
      throw invalidValue(
        `${prefix}customFields`,
        `would hold ${bytes} bytes with those of before; at most ${CUSTOM_FIELDS_BYTES} fit`,
      );
    return after;
  }
}

/** The custom fields of a record grow with each update that adds some, to no more than the largest request brings. */
const CUSTOM_FIELDS_BYTES = 16 * 1024 * 1024;

const bytesOf = (value: object) => Buffer.byteLength(JSON.stringify(value));

/** The tags a record has after an update; null when it says nothing of them. */
function tagsAfter(before: RecordRow['tags'], fields: RecordFields): readonly TagInput[] | null {
  const { tags, tagsToAdd, tagsToRemove = [] } = fields;
  if (!tags && !tagsToAdd && tagsToRemove.length === 0) return null;
  const kept = before.filter((tag) => !tagsToRemove.some((removed) => isTag(tag, removed)));
  return [...(tags ?? kept.map((tag) => tag.id)), ...(tagsToAdd ?? [])];
}

function isTag(tag: RecordRow['tags'][number], input: TagInput): boolean {
  return typeof input === 'number'
    ? tag.id === input
    : tag.name.toLowerCase() === input.name.toLowerCase();
}
