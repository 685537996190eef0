import { Injectable } from '@nestjs/common';
import { validationFailed } from '../common/errors.js';
import { SettingsCache } from '../common/settings-cache.js';
import { ChangeFeed } from '../database/change-feed.js';
import { Database } from '../database/database.service.js';
import type { TransactionOwner } from '../database/database.service.js';
import { toFieldRule } from './custom-field.mapper.js';
import { emptyRequired, faultsOf, withDefaults } from './custom-field-values.js';
import type { FieldCheck, FieldRule } from './custom-field-values.js';
import { requiredFieldsEmpty } from './custom-fields.errors.js';
import type { FieldKind } from './custom-fields.schema.js';

const TENANTS_MAX = 1_000;
const FAULTS_MAX = 50;

type Values = Readonly<Record<string, unknown>>;

/** Whose fields of which kind of record are meant: those of the tenant that owns the record. */
interface Declared {
  readonly kind: FieldKind;
  readonly organizationId: string;
}

/** Holds `customFields` of records against what the owning tenant declares, which is kept in memory until it changes. */
@Injectable()
export class CustomFieldsService {
  private readonly cache: SettingsCache<ReadonlyMap<FieldKind, readonly FieldRule[]>>;

  constructor(
    private readonly database: Database,
    changes: ChangeFeed,
  ) {
    this.cache = new SettingsCache(changes, TENANTS_MAX);
  }

  /**
   * The values of a new record: those of the body, then `inherited` ones, then defaults.
   *
   * Only the body's must fit, else 400; alerts must have all that is required, cases have until they close.
   */
  async complete(
    owner: TransactionOwner,
    declared: Declared,
    values: Values,
    inherited: Values = {},
  ): Promise<Values> {
    const fields = await this.list(owner, declared);
    assertFit(fields, values, declared.kind === 'alert' ? 'complete' : 'draft', '');
    return withDefaults(fields, { ...inherited, ...values });
  }

  /** @throws AppError `VALIDATION_FAILED` naming, after `prefix`, the keys of an update that do not fit. */
  async assertUpdate(
    owner: TransactionOwner,
    declared: Declared,
    values: Values,
    prefix: string,
  ): Promise<void> {
    assertFit(await this.list(owner, declared), values, 'update', prefix);
  }

  /** @throws AppError `REQUIRED_FIELDS_EMPTY` when a case with these values cannot be closed. */
  async assertClosable(
    owner: TransactionOwner,
    organizationId: string,
    values: Values,
  ): Promise<void> {
    const keys = emptyRequired(await this.list(owner, { kind: 'case', organizationId }), values);
    if (keys.length > 0) throw requiredFieldsEmpty(keys);
  }

  private async list(
    owner: TransactionOwner,
    { kind, organizationId }: Declared,
  ): Promise<readonly FieldRule[]> {
    const fields = await this.cache.get(owner, organizationId, () =>
      this.load(owner, organizationId),
    );
    return fields.get(kind) ?? [];
  }

  private async load(owner: TransactionOwner, organizationId: string) {
    const rows = await this.database.prismaFor(owner).customField.findMany({
      where: { organizationId, deletedAt: null },
      orderBy: [{ position: 'asc' }, { id: 'asc' }],
    });
    const fields = new Map<FieldKind, FieldRule[]>();
    for (const row of rows) {
      for (const kind of row.appliesTo as FieldKind[])
        fields.set(kind, [...(fields.get(kind) ?? []), toFieldRule(row)]);
    }
    return fields;
  }
}

function assertFit(
  fields: readonly FieldRule[],
  values: Values,
  check: FieldCheck,
  prefix: string,
): void {
  const faults = faultsOf(fields, values, check).slice(0, FAULTS_MAX);
  if (faults.length === 0) return;
  throw validationFailed(
    faults.map(({ key, ...fault }) => ({ path: `${prefix}customFields.${key}`, ...fault })),
  );
}
