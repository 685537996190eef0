import type { Role } from '../auth/scopes.js';
import type { BusinessHours } from '../sla/sla.schema.js';

export type TenantKey = 'bank' | 'hospitals';

/** An organization of the demo with all that is settled before the month begins. */
export interface Tenant {
  readonly key: TenantKey;
  readonly name: string;
  readonly description: string;
  /** Ends in `.example` (RFC 2606), as no mail may ever go there. */
  readonly domain: string;
  /** What host names begin with. */
  readonly hosts: string;
  /** The second octet of its internal addresses. */
  readonly network: number;
  readonly clients: readonly string[];
  readonly teams: readonly string[];
  readonly field: {
    readonly key: string;
    readonly label: string;
    readonly options: readonly string[];
  };
}

export const TENANTS: readonly Tenant[] = [
  {
    key: 'bank',
    name: 'Tidewater Bank',
    description: 'Demo: retail and corporate banking, 1 200 workplaces.',
    domain: 'tidewater-bank.example',
    hosts: 'TWB',
    network: 20,
    clients: ['Retail Banking', 'Corporate Banking', 'Payments', 'Treasury'],
    teams: ['Tier 1', 'Incident response'],
    field: {
      key: 'business-unit',
      label: 'Business unit',
      options: ['Branches', 'Trading', 'Payments', 'Headquarters'],
    },
  },
  {
    key: 'hospitals',
    name: 'Larkspur Hospitals',
    description: 'Demo: four hospitals and a laboratory, 3 500 workplaces.',
    domain: 'larkspur-hospitals.example',
    hosts: 'LSH',
    network: 40,
    clients: ['Hospital North', 'Hospital Riverside', 'Laboratory', 'Administration'],
    teams: ['Tier 1', 'Incident response'],
    field: {
      key: 'site',
      label: 'Site',
      options: ['North', 'Riverside', 'Children', 'Laboratory'],
    },
  },
];

/** Somebody of the demo; `tenants` are those the person belongs to, the first is home. */
export interface Person {
  readonly key: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  readonly role: Role;
  readonly tenants: readonly TenantKey[];
  /** The place of the person's team among those of each tenant; absent for who is in none. */
  readonly team?: number;
}

const SOC = 'soc.example';

export const PEOPLE: readonly Person[] = [
  person('Amina', 'Diallo', 'org-admin', ['bank']),
  person('Tomas', 'Novak', 'analyst', ['bank'], 0),
  person('Grace', 'Lindqvist', 'analyst', ['bank'], 0),
  person('Priya', 'Raman', 'org-admin', ['hospitals']),
  person('Luca', 'Moretti', 'analyst', ['hospitals'], 0),
  person('Sofia', 'Almeida', 'analyst', ['hospitals'], 0),
  person('Kenji', 'Sato', 'team-lead', ['bank', 'hospitals'], 1),
  person('Nadia', 'Haddad', 'analyst', ['hospitals', 'bank'], 1),
  person('Ruth', 'Okafor', 'read-only', ['bank', 'hospitals']),
  intake('bank'),
  intake('hospitals'),
];

function person(
  firstName: string,
  lastName: string,
  role: Role,
  tenants: readonly TenantKey[],
  team?: number,
): Person {
  const key = firstName.toLowerCase();
  const email = `${key}.${lastName.toLowerCase()}@${SOC}`;
  return { key, firstName, lastName, email, role, tenants, ...(team !== undefined && { team }) };
}

/** Whom the detection tools of a tenant act for. */
function intake(tenant: TenantKey): Person {
  const key = intakeOf(tenant);
  return {
    key,
    firstName: 'Detection',
    lastName: 'Intake',
    email: `intake.${tenant}@${SOC}`,
    role: 'integration',
    tenants: [tenant],
  };
}

export function intakeOf(tenant: TenantKey): string {
  return `intake-${tenant}`;
}

/** Who settles what a tenant works with. */
export const ADMINISTRATORS: Readonly<Record<TenantKey, string>> = {
  bank: 'amina',
  hospitals: 'priya',
};

/** The analyst of a tenant whom the demo lets sign in. */
export const GUESTS: Readonly<Record<TenantKey, string>> = { bank: 'tomas', hospitals: 'luca' };

/** Who triages the alerts of a tenant, the most alerts first. */
export const TRIAGE: Readonly<Record<TenantKey, readonly string[]>> = {
  bank: ['tomas', 'grace', 'nadia'],
  hospitals: ['luca', 'sofia', 'nadia'],
};

/** Who leads the cases of a tenant. */
export const RESPONSE: Readonly<Record<TenantKey, readonly string[]>> = {
  bank: ['grace', 'nadia', 'kenji', 'tomas'],
  hospitals: ['sofia', 'nadia', 'kenji', 'luca'],
};

export function personOf(key: string): Person {
  const found = PEOPLE.find((each) => each.key === key);
  if (!found) throw new Error(`The demo knows nobody named ${key}.`);
  return found;
}

/** The names of the staff whose accounts and machines detections speak of; none is of the SOC. */
export const STAFF: readonly (readonly [firstName: string, lastName: string])[] = [
  ['Anna', 'Keller'],
  ['Ben', 'Okoro'],
  ['Carla', 'Jensen'],
  ['David', 'Murphy'],
  ['Elif', 'Yilmaz'],
  ['Farid', 'Rahimi'],
  ['Greta', 'Olsen'],
  ['Hugo', 'Martin'],
  ['Ines', 'Costa'],
  ['Jakub', 'Kowal'],
  ['Kira', 'Volkova'],
  ['Liam', 'Byrne'],
  ['Mei', 'Tanaka'],
  ['Noor', 'Bakker'],
  ['Oscar', 'Lund'],
  ['Paula', 'Reyes'],
  ['Quentin', 'Leroy'],
  ['Rosa', 'Marino'],
  ['Samir', 'Patel'],
  ['Tess', 'Vermeer'],
  ['Umar', 'Siddiq'],
  ['Vera', 'Horvat'],
  ['Wen', 'Zhang'],
  ['Ximena', 'Vargas'],
  ['Yusuf', 'Demir'],
  ['Zoe', 'Papas'],
  ['Arno', 'Fischer'],
  ['Bea', 'Nilsson'],
  ['Cyril', 'Dubois'],
  ['Dana', 'Levi'],
];

export interface SlaOfDemo {
  readonly name: string;
  readonly deadlineHours: number;
  /** When its clock runs; always where there is none. */
  readonly businessHours: BusinessHours | null;
}

/** When people are at work. */
export const OFFICE_HOURS: BusinessHours = {
  enabled: true,
  start: '08:00',
  end: '18:00',
  timezone: 'Europe/Berlin',
  workDays: [1, 2, 3, 4, 5],
};

const LOW: SlaOfDemo = {
  name: 'Low: five working days',
  deadlineHours: 50,
  businessHours: OFFICE_HOURS,
};

/** The SLAs by the severity of the case, from 1 to 4. */
export const SLAS: readonly SlaOfDemo[] = [
  LOW,
  { name: 'Medium: two working days', deadlineHours: 20, businessHours: OFFICE_HOURS },
  { name: 'High: one day', deadlineHours: 24, businessHours: null },
  { name: 'Critical: eight hours', deadlineHours: 8, businessHours: null },
];

export function slaOf(severity: number): SlaOfDemo {
  return SLAS[severity - 1] ?? LOW;
}

export type TemplateKey = 'phishing' | 'malware' | 'account' | 'data';

interface TemplateTask {
  readonly title: string;
  readonly mandatory: boolean;
  readonly dueInHours: number;
}

export interface TemplateOfDemo {
  readonly name: string;
  readonly titlePrefix: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly tasks: readonly TemplateTask[];
}

const task = (title: string, dueInHours: number, mandatory = false): TemplateTask => {
  return { title, dueInHours, mandatory };
};

/** What cases begin with, by the kind of incident. */
export const TEMPLATES: Readonly<Record<TemplateKey, TemplateOfDemo>> = {
  phishing: {
    name: 'Phishing',
    titlePrefix: '[Phishing] ',
    description: 'A mail that wants credentials or brings a file, and what came of it.',
    tags: ['phishing'],
    tasks: [
      task('Find and remove the mail in all mailboxes', 4, true),
      task('Block sender and links at the gateway', 4),
      task('Find out who clicked or entered a password', 8, true),
      task('Tell those concerned', 48),
    ],
  },
  malware: {
    name: 'Malware on a host',
    titlePrefix: '[Malware] ',
    description: 'Code on a workplace or server that does not belong there.',
    tags: ['malware'],
    tasks: [
      task('Isolate the host', 2, true),
      task('Collect memory and triage image', 8),
      task('Look for the indicators on other hosts', 24, true),
      task('Reinstall and hand back the host', 96),
    ],
  },
  account: {
    name: 'Compromised account',
    titlePrefix: '[Account] ',
    description: 'Somebody else may be using an account.',
    tags: ['account'],
    tasks: [
      task('Revoke sessions and reset the password', 2, true),
      task('Ask the account holder on a second channel', 8),
      task('Review sign-ins and mailbox rules of the last 30 days', 24, true),
    ],
  },
  data: {
    name: 'Data exposure',
    titlePrefix: '[Data] ',
    description: 'Data that others can, could or did take away.',
    tags: ['data-exposure'],
    tasks: [
      task('Close the exposure', 4, true),
      task('Find out what was accessed and by whom', 24, true),
      task('Decide on the report to the authority (72 hours)', 60),
      task('Write to the data owner', 72),
    ],
  },
};

export const ROOT_CAUSES = [
  'User action',
  'Missing patch',
  'Misconfiguration',
  'Stolen credentials',
  'No incident',
] as const;
