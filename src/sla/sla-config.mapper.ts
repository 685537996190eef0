import type { Prisma } from '../generated/prisma/client.js';
import type { ReusableSlaConfig, SlaConfig } from './sla.schema.js';

/** The columns of a configuration that answers show. */
export const slaConfigSelect = {
  id: true,
  name: true,
  config: true,
  createdAt: true,
  updatedAt: true,
  version: true,
} satisfies Prisma.SlaConfigSelect;

export type SlaConfigRow = Prisma.SlaConfigGetPayload<{ select: typeof slaConfigSelect }>;

export function toReusableSlaConfig(row: SlaConfigRow): ReusableSlaConfig {
  const config = row.config as unknown as SlaConfig;
  return {
    id: row.id,
    name: row.name,
    deadlineHours: config.deadlineHours,
    warningThresholdPercent: config.warningThresholdPercent,
    criticalThresholdPercent: config.criticalThresholdPercent,
    businessHours: config.businessHours ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    version: row.version,
  };
}
