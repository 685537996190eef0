import type { Prisma } from '../generated/prisma/client.js';
import { TACTICS, attackUrl } from './technique.js';
import type { Ttp } from './ttps.schema.js';

/** The columns of a technique that answers show. */
export const ttpSelect = {
  id: true,
  organizationId: true,
  techniqueId: true,
  name: true,
  tactics: true,
  parentTechniqueId: true,
  formerIds: true,
  url: true,
  createdAt: true,
  updatedAt: true,
  version: true,
} satisfies Prisma.TtpSelect;

export type TtpRow = Prisma.TtpGetPayload<{ select: typeof ttpSelect }>;

export function toTtp({ organizationId, ...row }: TtpRow): Ttp {
  const isCustom = organizationId !== null;
  return {
    ...row,
    tactics: TACTICS.filter(({ value }) => row.tactics.includes(value)),
    source: isCustom ? 'custom' : 'mitre-attack',
    url: isCustom ? row.url : attackUrl(row.techniqueId),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
