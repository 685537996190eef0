import type { INestApplicationContext } from '@nestjs/common';
import { createApiKeySchema } from '../api-keys/api-keys.schema.js';
import { ApiKeysService } from '../api-keys/api-keys.service.js';
import type { Principal } from '../auth/principal.js';
import { scopesOfRole } from '../auth/scopes.js';
import type { Scope } from '../auth/scopes.js';
import { createCaseTemplateSchema } from '../case-templates/case-templates.schema.js';
import { CaseTemplatesService } from '../case-templates/case-templates.service.js';
import { ClientsService } from '../clients/clients.service.js';
import { newId } from '../common/ids.js';
import { CustomFieldAdminService } from '../custom-fields/custom-field-admin.service.js';
import { createCustomFieldSchema } from '../custom-fields/custom-fields.schema.js';
import type { Sql } from '../database/sql.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { createReusableSlaConfigSchema } from '../sla/sla.schema.js';
import { SlaConfigsService } from '../sla/sla-configs.service.js';
import { TagsService } from '../tags/tags.service.js';
import { TeamsService } from '../teams/teams.service.js';
import { createUserSchema } from '../users/users.schema.js';
import { UsersService } from '../users/users.service.js';
import {
  ADMINISTRATORS,
  GUESTS,
  PEOPLE,
  ROOT_CAUSES,
  SLAS,
  TEMPLATES,
  TENANTS,
  intakeOf,
  personOf,
} from './tenants.js';
import type { Person, TemplateKey, Tenant, TenantKey } from './tenants.js';

/** How a newcomer gets into an organization; shown once. */
export interface Entrance {
  readonly organization: string;
  readonly email: string;
  readonly temporaryPassword: string;
  readonly apiKey: string;
}

/** The ids of what the month refers to by name, and who does things in it. */
export interface Settled {
  readonly entrances: readonly Entrance[];
  readonly organizationIds: Readonly<Record<TenantKey, string>>;
  userOf(person: string): string;
  templateOf(tenant: TenantKey, template: TemplateKey): string;
  slaOf(tenant: TenantKey, severity: number): string;
  teamOf(tenant: TenantKey, place: number): string;
  /** The person at work in a tenant. */
  principalOf(person: string, tenant: TenantKey): Principal;
}

const INTAKE_SCOPES = ['alerts:read', 'alerts:write'] as const;

/** Makes the two organizations of the demo with people, keys and settings, as their administrators would. */
export async function settle(app: INestApplicationContext, admin: Principal): Promise<Settled> {
  const ids = new Map<string, string>();
  const idOf = (name: string): string => {
    const id = ids.get(name);
    if (id === undefined) throw new Error(`The demo has no ${name}.`);
    return id;
  };
  /** The keys of those who do not work by hand. */
  const keyIds = new Map<string, string>();
  const organizationOf = (key: TenantKey) => idOf(`organization ${key}`);
  const principalOf = (key: string, tenant: TenantKey): Principal =>
    toPrincipal(admin, personOf(key), idOf(`user ${key}`), organizationOf(tenant), {
      organizationIds: personOf(key).tenants.map(organizationOf),
      keyId: keyIds.get(key),
    });

  for (const { key, name, description, teams } of TENANTS) {
    const { id } = await app.get(OrganizationsService).create(admin, { name, description });
    ids.set(`organization ${key}`, id);
    for (const [place, team] of teams.entries()) {
      const created = await app.get(TeamsService).create(admin, { name: team, organizationId: id });
      ids.set(`team ${key} ${place}`, created.id);
    }
  }
  await app.get(OrganizationsService).replaceLinks(admin, organizationOf('bank'), {
    organizationIds: [organizationOf('hospitals')],
  });

  const passwords = new Map<string, string>();
  for (const { key, team, tenants, ...person } of PEOPLE) {
    const { firstName, lastName, email, role } = person;
    const created = await app.get(UsersService).create(
      admin,
      createUserSchema.parse({
        firstName,
        lastName,
        email,
        role,
        organizations: tenants.map(organizationOf),
        teams: team === undefined ? [] : tenants.map((tenant) => idOf(`team ${tenant} ${team}`)),
      }),
    );
    ids.set(`user ${key}`, created.id);
    passwords.set(key, created.temporaryPassword ?? '');
  }

  const makeKey = (person: string, name: string, tenant: TenantKey, scopes: readonly Scope[]) =>
    app.get(ApiKeysService).create(
      admin,
      createApiKeySchema.parse({
        name,
        tier: 'professional',
        scopes,
        ownerId: idOf(`user ${person}`),
        organizationId: organizationOf(tenant),
      }),
    );
  const entrances: Entrance[] = [];
  for (const tenant of TENANTS) {
    const { key } = tenant;
    const intake = await makeKey(intakeOf(key), 'Detection intake', key, INTAKE_SCOPES);
    keyIds.set(intakeOf(key), intake.id);
    const { key: guest, email, role } = personOf(GUESTS[key]);
    const { key: apiKey } = await makeKey(guest, 'Demo', key, scopesOfRole(role));
    const temporaryPassword = passwords.get(guest) ?? '';
    entrances.push({ organization: tenant.name, email, temporaryPassword, apiKey });
    await settleTenant(app, principalOf(ADMINISTRATORS[key], key), tenant, ids);
  }

  return {
    entrances,
    organizationIds: { bank: organizationOf('bank'), hospitals: organizationOf('hospitals') },
    userOf: (person) => idOf(`user ${person}`),
    templateOf: (tenant, template) => idOf(`template ${tenant} ${template}`),
    slaOf: (tenant, severity) => idOf(`sla ${tenant} ${severity}`),
    teamOf: (tenant, place) => idOf(`team ${tenant} ${place}`),
    principalOf,
  };
}

/** Colours of the tags that the demo wants to stand out. */
const TAG_COLORS = {
  phishing: '#f97316',
  ransomware: '#dc2626',
  malware: '#ef4444',
  'campaign:paper-lantern': '#7c3aed',
};

async function settleTenant(
  app: INestApplicationContext,
  principal: Principal,
  { key, clients, field }: Tenant,
  ids: Map<string, string>,
): Promise<void> {
  for (const name of clients) await app.get(ClientsService).create(principal, { name });
  for (const [name, color] of Object.entries(TAG_COLORS))
    await app.get(TagsService).create(principal, { name, color });
  const fields = [
    { ...field, type: 'select', appliesTo: ['alert', 'case'] },
    {
      key: 'root-cause',
      label: 'Root cause',
      type: 'select',
      appliesTo: ['case'],
      options: [...ROOT_CAUSES],
      required: true,
      description: 'A case cannot be closed without it.',
    },
  ];
  for (const each of fields)
    await app.get(CustomFieldAdminService).create(principal, createCustomFieldSchema.parse(each));
  for (const [place, sla] of SLAS.entries()) {
    const created = await app.get(SlaConfigsService).create(
      principal,
      createReusableSlaConfigSchema.parse({
        ...sla,
        warningThresholdPercent: 50,
        criticalThresholdPercent: 80,
      }),
    );
    ids.set(`sla ${key} ${place + 1}`, created.id);
  }
  for (const [template, body] of Object.entries(TEMPLATES)) {
    const created = await app
      .get(CaseTemplatesService)
      .create(principal, createCaseTemplateSchema.parse(body));
    ids.set(`template ${key} ${template}`, created.id);
  }
}

/** What carries the time at which it was settled: before the month. */
const SETTLED: Readonly<Record<string, string>> = {
  organizations: 'id = ANY($1::uuid[])',
  users: 'id IN (SELECT user_id FROM organization_members WHERE organization_id = ANY($1::uuid[]))',
  ...Object.fromEntries(
    ['teams', 'tags', 'clients', 'custom_fields', 'sla_configs', 'case_templates'].map((table) => [
      table,
      'organization_id = ANY($1::uuid[])',
    ]),
  ),
};

/** Makes what the demo settled as old as the month, but what others had before. */
export async function settledAt(
  sql: Sql,
  organizationIds: readonly string[],
  atMs: number,
  untilMs: number,
): Promise<void> {
  for (const [table, condition] of Object.entries(SETTLED))
    await sql(
      `UPDATE ${table} SET created_at = $2::timestamptz, updated_at = $2::timestamptz WHERE ${condition} AND created_at > $3::timestamptz`,
      [organizationIds, new Date(atMs).toISOString(), new Date(untilMs).toISOString()],
    );
}

interface Whereabouts {
  readonly organizationIds: readonly string[];
  /** The key that acts for the person; absent for people who work by hand. */
  readonly keyId: string | undefined;
}

function toPrincipal(
  admin: Principal,
  { firstName, lastName, email, role }: Person,
  userId: string,
  organizationId: string,
  { organizationIds, keyId }: Whereabouts,
): Principal {
  return {
    ...admin,
    credentialId: keyId ?? newId(),
    credentialKind: keyId === undefined ? 'session' : 'key',
    credentialName: keyId === undefined ? 'session' : 'Detection intake',
    userId,
    userEmail: email,
    userName: `${firstName} ${lastName}`,
    role,
    scopes: new Set(scopesOfRole(role)),
    tier: 'professional',
    tierMax: 'professional',
    organizationId,
    organizationIds,
    everyOrganization: false,
    requestId: 'demo',
  };
}
