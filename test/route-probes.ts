import type { ErrorCode } from '../src/common/error-codes.js';
import type { TestApp } from './app.js';
import {
  addCaseTemplate,
  addClient,
  addCustomField,
  addSlaConfig,
  addTag,
  addTeam,
  addTtp,
} from './factories.js';
import type { Tenant } from './factories.js';
import { MISSING_ID } from './outcomes.js';
import type { Form, Probe } from './outcomes.js';
import type { DeclaredRoute } from './route-table.js';

/** A body that each route with one takes, so that only the credential and the id can be wrong. */
export const BODIES: Readonly<Record<string, object>> = {
  'POST /api/alerts': { title: 'x', statusValue: 'new', severity: 1 },
  'PATCH /api/alerts/:id': { title: 'changed' },
  'PUT /api/alerts/:id': { title: 'changed' },
  'POST /api/alerts/:id/observables': { dataType: 'ip', data: '10.0.0.1' },
  'POST /api/alerts/create-case': {
    title: 'x',
    statusValue: 'new',
    severity: 1,
    alertIds: [MISSING_ID],
  },
  'POST /api/alerts/merge/:caseId': { alertIds: [MISSING_ID] },
  'POST /api/alerts/search': {},
  'POST /api/alerts/bulk': { alerts: [{ title: 'x', statusValue: 'new', severity: 1 }] },
  'PATCH /api/alerts/bulk': { ids: [MISSING_ID], fields: { title: 'x' } },
  'PUT /api/alerts/bulk': { ids: [MISSING_ID], fields: { title: 'x' } },
  'POST /api/alerts/_bulk': { ids: [MISSING_ID], fields: { title: 'x' } },
  'POST /api/alerts/bulk/delete': { ids: [MISSING_ID] },
  'POST /api/cases/search': {},
  'PATCH /api/cases/bulk': { ids: [MISSING_ID], fields: { title: 'x' } },
  'PUT /api/cases/bulk': { ids: [MISSING_ID], fields: { title: 'x' } },
  'POST /api/cases/bulk/delete': { ids: [MISSING_ID] },
  'POST /api/alerts/:id/comments': { body: 'from the route table' },
  'POST /api/tasks/:id/comments': { body: 'from the route table' },
  'POST /api/cases/:id/comments': { body: 'from the route table' },
  'PATCH /api/comments/:id': { body: 'changed' },
  'POST /api/cases/:id/merge': { caseIds: [MISSING_ID] },
  'POST /api/cases/:id/links': { caseId: MISSING_ID },
  'POST /api/alerts/:id/ttps': { techniqueId: 'T1566' },
  'PATCH /api/alerts/:id/ttps/:linkId': { note: 'changed' },
  'POST /api/cases/:id/ttps': { techniqueId: 'T1566' },
  'PATCH /api/cases/:id/ttps/:linkId': { note: 'changed' },
  'POST /api/ttps': { techniqueId: 'FROM-THE-ROUTE-TABLE', name: 'From the route table' },
  'PATCH /api/ttps/:id': { name: 'Changed' },
  'POST /api/cases/:id/tasks': { title: 'from the route table' },
  'POST /api/tasks/search': {},
  'POST /api/cases/:id/timeline': { title: 'made', occurredAt: '2026-01-31T12:00:00Z' },
  'PATCH /api/cases/:id/timeline/:eventId': { title: 'changed' },
  'PATCH /api/tasks/:id': { title: 'changed' },
  'PUT /api/tasks/:id': { title: 'changed' },
  'POST /api/tags': { name: 'from the route table' },
  'PATCH /api/tags/:id': { name: 'changed' },
  'POST /api/clients': { name: 'From the route table' },
  'PATCH /api/clients/:id': { name: 'Changed' },
  'POST /api/custom-fields': {
    key: 'from-the-route-table',
    label: 'From the route table',
    type: 'text',
    appliesTo: ['task'],
  },
  'PATCH /api/custom-fields/:id': { label: 'Changed' },
  'POST /api/case-templates': { name: 'From the route table' },
  'PATCH /api/case-templates/:id': { titlePrefix: 'Changed ' },
  'POST /api/sla-configs': {
    name: 'From the route table',
    deadlineHours: 8,
    warningThresholdPercent: 50,
    criticalThresholdPercent: 80,
  },
  'PATCH /api/sla-configs/:id': { name: 'Changed' },
  'PUT /api/sla-configs/:id': { name: 'Changed' },
  'POST /api/alert-statuses': { label: 'From the route table', stage: 'Closed' },
  'PATCH /api/alert-statuses/:id': { label: 'Changed' },
  'POST /api/case-statuses': { label: 'From the route table', stage: 'Closed' },
  'PATCH /api/case-statuses/:id': { label: 'Changed' },
  'POST /api/observable-types': { name: 'from-the-route-table' },
  'PATCH /api/observable-types/:id': { label: 'Changed' },
  'POST /api/cases': { title: 'x', statusValue: 'new', severity: 1 },
  'PATCH /api/cases/:id': { title: 'changed' },
  'PUT /api/cases/:id': { title: 'changed' },
  'POST /api/cases/:id/observables': { dataType: 'ip', data: '10.0.0.1' },
  'POST /api/observables': { alertId: MISSING_ID, dataType: 'ip', data: '10.0.0.1' },
  'PATCH /api/observables/:id': { ioc: true },
  'PUT /api/observables/:id': { ioc: true },
  'POST /api/observables/search': {},
  'POST /api/observables/import': { type: 'bundle', objects: [] },
  'POST /api/observables/bulk': { alertId: MISSING_ID, observables: [{}] },
  'PATCH /api/observables/bulk': { ids: [MISSING_ID], fields: { ioc: true } },
  'POST /api/observables/bulk/delete': { ids: [MISSING_ID] },
  'POST /api/users': {
    email: 'route-table@casebender.test',
    firstName: 'Route',
    lastName: 'Table',
    role: 'analyst',
    organizations: [MISSING_ID],
  },
  'PATCH /api/users/:id': { firstName: 'Changed' },
  'PATCH /api/users/me': { firstName: 'Changed' },
  'POST /api/auth/login': { email: 'nobody@casebender.test', password: 'not a password' },
  'POST /api/auth/password': { current: 'not a password', next: 'four words nobody expects' },
  'PUT /api/users/:id': { firstName: 'Changed' },
  'POST /api/users/:id/password': { mustChange: false },
  'POST /api/organizations': { name: 'From the route table' },
  'PATCH /api/organizations/:id': { description: 'Changed' },
  'PUT /api/organizations/:id/links': { organizationIds: [] },
  'POST /api/teams': { name: 'From the route table' },
  'PATCH /api/teams/:id': { name: 'Changed' },
  'POST /api/api-keys': { name: 'x', tier: 'basic', scopes: ['alerts:read'] },
  'POST /api/api-keys/legacy': { name: 'x', tier: 'basic', scopes: ['alerts:read'] },
  'PATCH /api/api-keys/:id': { name: 'changed' },
  'POST /api/api-keys/:id/rotate': { graceSeconds: 0 },
};

/** The same for routes that take files. */
export const FORMS: Readonly<Record<string, Form>> = {
  'POST /api/alerts-attachments': {
    fields: { alert: JSON.stringify({ title: 'x', statusValue: 'new', severity: 1 }) },
  },
  'POST /api/alerts/:id/attachments': { files: [['x.txt', 'x']] },
  'POST /api/cases/:id/attachments': { files: [['x.txt', 'x']] },
  'POST /api/tasks/:id/attachments': { files: [['x.txt', 'x']] },
};

/** Routes that change something without a body. */
export const BODILESS = new Set([
  'DELETE /api/alerts/:id',
  'DELETE /api/attachments/:id',
  'DELETE /api/comments/:id',
  'DELETE /api/observables/:id',
  'DELETE /api/tasks/:id',
  'DELETE /api/cases/:id/timeline/:eventId',
  'DELETE /api/cases/:id',
  'POST /api/alerts/:alertId/merge/:caseId',
  'DELETE /api/cases/:id/alerts/:alertId',
  'DELETE /api/cases/:id/links/:otherCaseId',
  'DELETE /api/alerts/:id/ttps/:linkId',
  'DELETE /api/cases/:id/ttps/:linkId',
  'DELETE /api/ttps/:id',
  'DELETE /api/tags/:id',
  'DELETE /api/clients/:id',
  'DELETE /api/custom-fields/:id',
  'DELETE /api/case-templates/:id',
  'DELETE /api/sla-configs/:id',
  'POST /api/cases/:id/sla/pause',
  'POST /api/cases/:id/sla/resume',
  'DELETE /api/alert-statuses/:id',
  'DELETE /api/case-statuses/:id',
  'DELETE /api/observable-types/:id',
  'POST /api/auth/logout',
  'DELETE /api/users/:id',
  'DELETE /api/organizations/:id',
  'PUT /api/organizations/:id/members/:userId',
  'DELETE /api/organizations/:id/members/:userId',
  'DELETE /api/teams/:id',
  'PUT /api/teams/:id/members/:userId',
  'DELETE /api/teams/:id/members/:userId',
  'DELETE /api/api-keys/:id',
  'POST /api/api-keys/:id/suspend',
  'POST /api/api-keys/:id/activate',
  'POST /api/api-keys/:id/revoke',
]);

export interface Kind {
  readonly code: ErrorCode;
  /** One of the tenant's; the others have no tenant. */
  readonly make?: (api: TestApp, owner: Tenant) => Promise<string>;
  /** An id that none has. */
  readonly missing: string;
}

const MISSING_TAG = '2000000000';

/** What the id of a path names, by the segment before it or by its own name. */
export const KINDS: Readonly<Record<string, Kind>> = {
  alerts: { code: 'ALERT_NOT_FOUND', make: makeRecord('alerts'), missing: MISSING_ID },
  ':alertId': { code: 'ALERT_NOT_FOUND', make: makeRecord('alerts'), missing: MISSING_ID },
  cases: { code: 'CASE_NOT_FOUND', make: makeRecord('cases'), missing: MISSING_ID },
  ':otherCaseId': { code: 'CASE_NOT_FOUND', make: makeRecord('cases'), missing: MISSING_ID },
  ':caseId': { code: 'CASE_NOT_FOUND', make: makeRecord('cases'), missing: MISSING_ID },
  observables: { code: 'OBSERVABLE_NOT_FOUND', make: makeObservable, missing: MISSING_ID },
  tasks: { code: 'TASK_NOT_FOUND', make: makeTask, missing: MISSING_ID },
  comments: { code: 'COMMENT_NOT_FOUND', make: makeComment, missing: MISSING_ID },
  timeline: { code: 'TIMELINE_EVENT_NOT_FOUND', make: makeTimelineEvent, missing: MISSING_ID },
  attachments: { code: 'ATTACHMENT_NOT_FOUND', make: makeAttachment, missing: MISSING_ID },
  ':linkId': { code: 'TTP_NOT_FOUND', make: makeRecordTtp, missing: MISSING_ID },
  ttps: {
    code: 'TTP_NOT_FOUND',
    make: async (api, { organizationId }) => (await addTtp(api.db, organizationId)).id,
    missing: MISSING_ID,
  },
  users: {
    code: 'USER_NOT_FOUND',
    make: (_api, { userId }) => Promise.resolve(userId),
    missing: MISSING_ID,
  },
  ':userId': {
    code: 'USER_NOT_FOUND',
    make: (_api, { userId }) => Promise.resolve(userId),
    missing: MISSING_ID,
  },
  organizations: {
    code: 'ORGANIZATION_NOT_FOUND',
    make: (_api, { organizationId }) => Promise.resolve(organizationId),
    missing: MISSING_ID,
  },
  teams: {
    code: 'TEAM_NOT_FOUND',
    make: async (api, { organizationId }) => (await addTeam(api.db, organizationId)).id,
    missing: MISSING_ID,
  },
  'api-keys': {
    code: 'API_KEY_NOT_FOUND',
    make: (_api, { keyId }) => Promise.resolve(keyId),
    missing: MISSING_ID,
  },
  tags: {
    code: 'TAG_NOT_FOUND',
    make: async (api, { organizationId }) => String((await addTag(api.db, organizationId)).id),
    missing: MISSING_TAG,
  },
  clients: {
    code: 'CLIENT_NOT_FOUND',
    make: async (api, { organizationId }) => (await addClient(api.db, organizationId)).id,
    missing: MISSING_ID,
  },
  'custom-fields': {
    code: 'CUSTOM_FIELD_NOT_FOUND',
    make: (api, { organizationId }) => addCustomField(api.db, organizationId),
    missing: MISSING_ID,
  },
  'case-templates': {
    code: 'CASE_TEMPLATE_NOT_FOUND',
    make: (api, { organizationId }) => addCaseTemplate(api.db, organizationId),
    missing: MISSING_ID,
  },
  'sla-configs': {
    code: 'SLA_CONFIG_NOT_FOUND',
    make: (api, { organizationId }) => addSlaConfig(api.db, organizationId),
    missing: MISSING_ID,
  },
  'observable-types': { code: 'OBSERVABLE_TYPE_NOT_FOUND', missing: MISSING_TAG },
  'alert-statuses': { code: 'STATUS_NOT_FOUND', missing: MISSING_ID },
  'case-statuses': { code: 'STATUS_NOT_FOUND', missing: MISSING_ID },
};

/** The parameter in the path, and what it names. */
export function kindsIn(
  route: DeclaredRoute,
): { readonly parameter: string; readonly kind: Kind }[] {
  const segments = route.path.split('/');
  return segments.flatMap((parameter, index) => {
    if (!parameter.startsWith(':')) return [];
    const kind = KINDS[parameter] ?? KINDS[segments[index - 1] ?? ''];
    if (!kind) throw new Error(`${route.name}: say in KINDS what ${parameter} names.`);
    return [{ parameter, kind }];
  });
}

function makeRecord(kind: string): (api: TestApp, owner: Tenant) => Promise<string> {
  return async (api, owner) => {
    const response = await api
      .http(owner.key)
      .post(`/api/${kind}`)
      .send({ title: 'made', statusValue: 'new', severity: 1 });
    expect(response.status).toBe(200);
    return (response.body as { id: string }).id;
  };
}

async function makeObservable(api: TestApp, owner: Tenant): Promise<string> {
  const response = await api
    .http(owner.key)
    .post('/api/observables')
    .send({ alertId: await makeRecord('alerts')(api, owner), dataType: 'ip', data: '10.0.0.1' });
  expect(response.status).toBe(201);
  return (response.body as { id: string }).id;
}

async function makeTask(api: TestApp, owner: Tenant): Promise<string> {
  const response = await api
    .http(owner.key)
    .post(`/api/cases/${await makeRecord('cases')(api, owner)}/tasks`)
    .send({ title: 'made' });
  expect(response.status).toBe(201);
  return (response.body as { id: string }).id;
}

async function makeComment(api: TestApp, owner: Tenant): Promise<string> {
  const response = await api
    .http(owner.key)
    .post(`/api/cases/${await makeRecord('cases')(api, owner)}/comments`)
    .send({ body: 'made' });
  expect(response.status).toBe(201);
  return (response.body as { id: string }).id;
}

async function makeTimelineEvent(api: TestApp, owner: Tenant): Promise<string> {
  const response = await api
    .http(owner.key)
    .post(`/api/cases/${await makeRecord('cases')(api, owner)}/timeline`)
    .send({ title: 'made', occurredAt: '2026-01-31T12:00:00Z' });
  expect(response.status).toBe(201);
  return (response.body as { id: string }).id;
}

async function makeRecordTtp(api: TestApp, owner: Tenant): Promise<string> {
  const response = await api
    .http(owner.key)
    .post(`/api/alerts/${await makeRecord('alerts')(api, owner)}/ttps`)
    .send({ techniqueId: 'T1566' });
  expect(response.status).toBe(201);
  return (response.body as { id: string }).id;
}

async function makeAttachment(api: TestApp, owner: Tenant): Promise<string> {
  const response = await api
    .http(owner.key)
    .post(`/api/alerts/${await makeRecord('alerts')(api, owner)}/attachments`)
    .attach('file', Buffer.from('content'), 'made.txt');
  expect(response.status).toBe(201);
  return (response.body as { id: string }[])[0]?.id ?? '';
}

/** The request of a route, with the given ids in its path and else such as none has. */
export function probeOf(route: DeclaredRoute, ids: Readonly<Record<string, string>> = {}): Probe {
  const body = BODIES[route.name];
  const form = FORMS[route.name];
  const path = kindsIn(route).reduce(
    (text, { parameter, kind }) => text.replace(parameter, ids[parameter] ?? kind.missing),
    route.path,
  );
  return { method: route.method, path: () => path, ...(body && { body }), ...(form && { form }) };
}
