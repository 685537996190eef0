import { Injectable } from '@nestjs/common';
import { ownedBy } from '../access/access.js';
import type { FieldChange } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { defined } from '../common/defined.js';
import type { Precondition } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { beginningWith, pageByCreation } from '../common/keyset.js';
import { Cursors } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { findByName, orAlreadyTaken } from '../common/unique.js';
import { CustomFieldsService } from '../custom-fields/custom-fields.service.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import type { Prisma } from '../generated/prisma/client.js';
import { changesBetween } from '../records/record-changes.js';
import { replaceTags, replaceTeams } from '../records/record-writes.js';
import { ReferencesService } from '../records/references.service.js';
import { caseTemplateSelect, toCaseTemplate } from './case-template.mapper.js';
import { caseTemplateNotFound } from './case-templates.errors.js';
import type {
  CaseTemplate,
  CaseTemplateListQuery,
  CreateCaseTemplate,
  UpdateCaseTemplate,
} from './case-templates.schema.js';

/** The case templates of a tenant. */
@Injectable()
export class CaseTemplatesService {
  constructor(
    private readonly database: Database,
    private readonly references: ReferencesService,
    private readonly customFields: CustomFieldsService,
    private readonly audit: AuditService,
    private readonly cursors: Cursors,
  ) {}

  async list(principal: Principal, query: CaseTemplateListQuery): Promise<Page<CaseTemplate>> {
    const { caseTemplate } = this.database.prismaFor(principal);
    const where = {
      ...ownedBy(principal),
      ...(query.q !== undefined && { name: beginningWith(query.q) }),
    };
    const page = await pageByCreation(
      'case-templates',
      query,
      this.cursors,
      ({ after, ...order }) =>
        caseTemplate.findMany({
          where: { AND: [where, after] },
          ...order,
          select: caseTemplateSelect,
        }),
      (take) => caseTemplate.count({ where, take }),
    );
    return page.map(toCaseTemplate);
  }

  async get(principal: Principal, id: string): Promise<CaseTemplate> {
    const row = await this.database
      .prismaFor(principal)
      .caseTemplate.findFirst({ where: { id, ...ownedBy(principal) }, select: caseTemplateSelect });
    if (!row) throw caseTemplateNotFound();
    return toCaseTemplate(row);
  }

  /** The template that cases of this owner may be made from; null when the caller has no such one. */
  async find(
    principal: Principal,
    id: string,
    organizationId: string,
  ): Promise<CaseTemplate | null> {
    const row = await this.database.prismaFor(principal).caseTemplate.findFirst({
      where: { AND: [{ id, organizationId }, ownedBy(principal)] },
      select: caseTemplateSelect,
    });
    return row && toCaseTemplate(row);
  }

  create(principal: Principal, input: CreateCaseTemplate): Promise<CaseTemplate> {
    const { organizationId } = principal;
    const id = newId();
    const work = async (tx: Tx) => {
      await tx.caseTemplate.create({
        data: { id, organizationId, name: input.name, customFields: {}, tasks: [] },
        select: { id: true },
      });
      await this.write(tx, principal, { id, organizationId }, input);
      const created = await this.read(tx, id);
      await this.record(tx, principal, 'case-template.created', { id, organizationId }, [
        { field: 'name', old: null, new: input.name },
      ]);
      return created;
    };
    return this.orTaken(principal, () => organizationId, input.name, work);
  }

  update(
    principal: Principal,
    id: string,
    input: UpdateCaseTemplate,
    precondition: Precondition,
  ): Promise<CaseTemplate> {
    let { organizationId } = principal;
    const work = async (tx: Tx) => {
      const before = await this.lock(tx, principal, id);
      ({ organizationId } = before);
      precondition.assertMatches(before.template.version);
      await this.write(tx, principal, { id, organizationId }, input);
      const changes = changesBetween(before.template, await this.read(tx, id));
      if (changes.length === 0) return before.template;
      await tx.caseTemplate.update({
        where: { id },
        data: { version: { increment: 1 }, updatedAt: new Date() },
      });
      await this.record(tx, principal, 'case-template.updated', { id, organizationId }, changes);
      return this.read(tx, id);
    };
    return this.orTaken(principal, () => organizationId, input.name ?? '', work);
  }

  /** Deletes a template; cases that were made from it stay as they are. */
  async remove(principal: Principal, id: string, precondition: Precondition): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      const { template, organizationId } = await this.lock(tx, principal, id);
      precondition.assertMatches(template.version);
      await tx.caseTemplate.delete({ where: { id } });
      await this.record(tx, principal, 'case-template.deleted', { id, organizationId }, [
        { field: 'name', old: template.name, new: null },
      ]);
    });
  }

  /** Writes what the input says of a locked template, once all it refers to is there. */
  private async write(
    tx: Tx,
    principal: Principal,
    { id, organizationId }: Target,
    { tags, teams, ...input }: UpdateCaseTemplate,
  ): Promise<void> {
    const caller = { ...principal, transaction: tx };
    const { slaConfigId } = input;
    await this.references.assertExist(caller, { tags, teams, slaConfigId }, organizationId);
    if (input.customFields) {
      const declared = { kind: 'case', organizationId } as const;
      await this.customFields.assertUpdate(caller, declared, input.customFields, '');
    }
    await tx.caseTemplate.update({ where: { id }, data: toColumns(input), select: { id: true } });
    if (tags) await replaceTags(sqlIn(tx), principal, 'case_template', id, organizationId, tags);
    if (teams) await replaceTeams(sqlIn(tx), 'case_template', id, teams);
  }

  private async read(tx: Tx, id: string): Promise<CaseTemplate> {
    const row = await tx.caseTemplate.findUniqueOrThrow({
      where: { id },
      select: caseTemplateSelect,
    });
    return toCaseTemplate(row);
  }

  private async lock(tx: Tx, principal: Principal, id: string) {
    await tx.$queryRaw`SELECT id FROM case_templates WHERE id = ${id}::uuid FOR UPDATE`;
    const row = await tx.caseTemplate.findFirst({
      where: { id, ...ownedBy(principal) },
      select: { ...caseTemplateSelect, organizationId: true },
    });
    if (!row) throw caseTemplateNotFound();
    const { organizationId, ...template } = row;
    return { organizationId, template: toCaseTemplate(template) };
  }

  /** Does the work, or says which template of the tenant has the name. */
  private orTaken<T>(
    principal: Principal,
    organizationId: () => string,
    name: string,
    work: (tx: Tx) => Promise<T>,
  ): Promise<T> {
    return orAlreadyTaken(
      () => this.database.transaction(principal, work),
      `A case template named ${name} is there already.`,
      () => findByName(this.database.sqlFor(principal), 'case_templates', organizationId(), name),
    );
  }

  private record(
    tx: Tx,
    principal: Principal,
    action: string,
    { id, organizationId }: Target,
    changes: readonly FieldChange[],
  ): Promise<void> {
    return this.audit.record(tx, principal, {
      action,
      targetKind: 'case-template',
      targetId: id,
      organizationId,
      changes,
    });
  }
}

interface Target {
  readonly id: string;
  readonly organizationId: string;
}

function toColumns({
  customFields,
  tasks,
  ...input
}: Omit<UpdateCaseTemplate, 'tags' | 'teams'>): Prisma.CaseTemplateUncheckedUpdateInput {
  return {
    ...defined(input),
    ...(customFields && { customFields: customFields as Prisma.InputJsonObject }),
    ...(tasks && { tasks }),
  };
}
