import { z } from 'zod';

/** The closed list of scopes (spec/keys-and-limits.md §4) with what each allows. */
export const SCOPES = {
  'alerts:read': 'Read alerts and everything below them.',
  'alerts:write': 'Create, change and delete alerts and everything below them.',
  'cases:read': 'Read cases with their tasks, comments, evidence and timeline.',
  'cases:write': 'Create, change, merge and delete cases and everything below them.',
  'observables:read': 'Read, look up and export observables wherever they hang.',
  'observables:write': 'Create, change and delete observables wherever they hang.',
  'users:read': 'Read users, organizations and teams.',
  'admin:*': 'Everything, including keys, users and settings.',
} as const;

export type Scope = keyof typeof SCOPES;

export const SCOPE_NAMES = Object.keys(SCOPES) as [Scope, ...Scope[]];

export const scopeSchema = z
  .enum(SCOPE_NAMES)
  .meta({ id: 'Scope', description: 'What a key allows.' });

/** Whether the held scopes include the needed one; only `admin:*` implies others. */
export function hasScope(held: ReadonlySet<Scope>, needed: Scope): boolean {
  return held.has('admin:*') || held.has(needed);
}

/** Roles of people from least to most (spec/behaviour.md §3). */
export const ROLES = [
  'read-only',
  'integration',
  'analyst',
  'team-lead',
  'org-admin',
  'super-admin',
] as const;

export type Role = (typeof ROLES)[number];

/** Whether a role ranks no higher than another. */
export function isRoleAtMost(role: Role, roleMax: Role): boolean {
  return ROLES.indexOf(role) <= ROLES.indexOf(roleMax);
}

export const roleSchema = z.enum(ROLES).meta({ id: 'Role' });

const READ_SCOPES = SCOPE_NAMES.filter((scope) => scope.endsWith(':read'));
const WORK_SCOPES = SCOPE_NAMES.filter((scope) => scope !== 'admin:*');

/** The scopes a key of a person with this role may hold. */
export function scopesOfRole(role: Role): readonly Scope[] {
  if (role === 'read-only') return READ_SCOPES;
  return role === 'org-admin' || role === 'super-admin' ? SCOPE_NAMES : WORK_SCOPES;
}
