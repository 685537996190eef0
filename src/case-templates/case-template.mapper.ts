import type { Prisma } from '../generated/prisma/client.js';
import type { CaseTemplate } from './case-templates.schema.js';

/** The columns of a case template that answers show. */
export const caseTemplateSelect = {
  id: true,
  name: true,
  titlePrefix: true,
  description: true,
  severity: true,
  tlp: true,
  pap: true,
  slaConfig: { select: { id: true, deletedAt: true } },
  customFields: true,
  tasks: true,
  tags: {
    select: { tag: { select: { id: true, name: true, color: true } } },
    orderBy: { tag: { name: 'asc' } },
  },
  teams: {
    select: { team: { select: { id: true, name: true } } },
    where: { team: { deletedAt: null } },
    orderBy: { team: { name: 'asc' } },
  },
  createdAt: true,
  updatedAt: true,
  version: true,
} satisfies Prisma.CaseTemplateSelect;

export type CaseTemplateRow = Prisma.CaseTemplateGetPayload<{ select: typeof caseTemplateSelect }>;

export function toCaseTemplate({ slaConfig, ...row }: CaseTemplateRow): CaseTemplate {
  return {
    ...row,
    slaConfigId: slaConfig?.deletedAt === null ? slaConfig.id : null,
    tags: row.tags.map(({ tag }) => tag),
    teams: row.teams.map(({ team }) => team),
    customFields: row.customFields as CaseTemplate['customFields'],
    tasks: row.tasks as unknown as CaseTemplate['tasks'],
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
