import type { Sql } from '../database/sql.js';
import type { SlaConfig } from './sla.schema.js';

/** What a body says of the SLA of a case. */
interface SlaFields {
  readonly slaConfig?: SlaConfig | null | undefined;
  readonly slaConfigId?: string | null | undefined;
}

/**
 * What a body makes of the SLA of a case; absent keys stay as they are.
 *
 * Values that are given win over those of a configuration that is named, which stays named. Naming the
 * one that the case has already changes nothing, so that a record sent back as it was read moves no
 * clock. `slaConfigId: null` lets go of the configuration and keeps its values.
 */
export async function chosenSla(
  sql: Sql,
  { slaConfig, slaConfigId }: SlaFields,
  currentId: string | null,
): Promise<SlaFields> {
  if (slaConfig) return { slaConfig, slaConfigId: slaConfigId ?? null };
  if (slaConfigId && slaConfigId !== currentId)
    return { slaConfig: await configOf(sql, slaConfigId), slaConfigId };
  if (slaConfig === null) return { slaConfig, slaConfigId: null };
  return slaConfigId === null ? { slaConfigId } : {};
}

/** The values of a reusable configuration, which the body may name. */
async function configOf(sql: Sql, id: string): Promise<SlaConfig> {
  const [row] = await sql<{ config: SlaConfig }>(
    'SELECT config FROM sla_configs WHERE id = $1::uuid',
    [id],
  );
  if (!row) throw new Error('A configuration that was found is gone.');
  return row.config;
}
