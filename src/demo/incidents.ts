import { calendarOf } from '../sla/sla-calendar.js';
import { toOfficeTime } from './calendar.js';
import { detect, repeated } from './detections.js';
import type { Campaign, PlannedAlert } from './detections.js';
import type { Random } from './random.js';
import { RECIPES, makeScene } from './recipes.js';
import type { Recipe, Scene } from './recipes.js';
import type { PlannedCase, Step } from './steps.js';
import { RESPONSE, ROOT_CAUSES, TEMPLATES, TENANTS, TRIAGE, personOf, slaOf } from './tenants.js';
import type { TemplateKey, TenantKey } from './tenants.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

interface Frame {
  readonly caseCount: number;
  readonly campaigns: readonly Campaign[];
  readonly times: (random: Random) => number;
  readonly untilMs: number;
}

export interface IncidentPlan {
  readonly alerts: readonly PlannedAlert[];
  readonly steps: readonly Step[];
}

/** What makes an incident unlike the others. */
interface Fate {
  /** Hours before the end of the month at which the case is opened, to be open still. */
  readonly openedHoursAgo?: number;
  readonly recipe?: string;
  readonly severity?: number;
  readonly tenant?: TenantKey;
  readonly campaign?: number;
  /** The incident before once more, into whose case this one is merged. */
  readonly isTwin?: boolean;
  readonly isPaused?: boolean;
  /** Takes more time than the SLA gives. */
  readonly isLate?: boolean;
  readonly isShared?: boolean;
  readonly hasFile?: boolean;
}

const LANTERN = { recipe: 'credential-phishing', campaign: 0, severity: 3 } as const;

/**
 * Those that every demo has, whatever the scale: clocks in each of their states, a case that was opened
 * twice, two that both organizations see, and two that are linked.
 */
const FATES: readonly Fate[] = [
  { openedHoursAgo: 1.52, severity: 4, tenant: 'bank' },
  { openedHoursAgo: 5.07, severity: 4, tenant: 'hospitals' },
  { openedHoursAgo: 7.13, severity: 4, tenant: 'bank', hasFile: true },
  { openedHoursAgo: 14.21, severity: 4, tenant: 'hospitals', campaign: 1 },
  { openedHoursAgo: 30.38, severity: 3, tenant: 'bank', isPaused: true },
  { ...LANTERN, tenant: 'bank', isShared: true, hasFile: true },
  { ...LANTERN, tenant: 'bank', isTwin: true },
  { ...LANTERN, tenant: 'hospitals', isShared: true },
  { campaign: 2, severity: 4, tenant: 'hospitals', isLate: true, hasFile: true },
  { campaign: 2, severity: 3, tenant: 'hospitals' },
];

/** What every demo has is over by then, unless it is to be open. */
const SETTLED_MS = 48 * HOUR_MS;

/** Incidents with the alerts that told of them and the work on their cases. */
export function planIncidents(random: Random, frame: Frame): IncidentPlan {
  const alerts: PlannedAlert[] = [];
  const steps: Step[] = [];
  let before: Incident | null = null;
  const ofCampaigns = new Map<string, Incident>();
  for (let serial = 0; serial < frame.caseCount; serial++) {
    const own = random.fork(`incident ${serial}`);
    const incident: Incident = planIncident(own, serial, FATES[serial] ?? {}, frame, before);
    alerts.push(...incident.alerts);
    steps.push(...incident.steps);
    const { campaign, planned } = incident;
    const key = `${campaign?.name} ${planned.tenant}`;
    const earlier = ofCampaigns.get(key);
    if (campaign && earlier && !incident.isTwin) {
      const atMs = Math.max(earlier.openedMs, incident.openedMs) + 40 * MINUTE_MS;
      steps.push({
        do: 'link',
        atMs,
        by: 'kenji',
        case: planned,
        other: earlier.planned,
        kind: 'same campaign',
      });
    }
    if (campaign && !incident.isTwin) ofCampaigns.set(key, incident);
    before = incident;
  }
  return { alerts, steps };
}

interface Incident extends IncidentPlan {
  readonly planned: PlannedCase;
  readonly scene: Scene;
  readonly campaign: Campaign | undefined;
  readonly openedMs: number;
  readonly isTwin: boolean;
}

function planIncident(
  random: Random,
  serial: number,
  fate: Fate,
  frame: Frame,
  before: Incident | null,
): Incident {
  const { campaigns, times, untilMs } = frame;
  const twinOf = fate.isTwin ? before : null;
  const tenant =
    twinOf?.scene.tenant ??
    TENANTS.find(({ key }) => key === fate.tenant) ??
    random.weighted(TENANTS, (_, place) => 6 - place);
  const campaign =
    fate.campaign === undefined
      ? random.chance(0.12)
        ? random.pick(campaigns)
        : undefined
      : campaigns[fate.campaign];
  const recipe =
    RECIPES.find(({ key }) => key === fate.recipe) ??
    random.weighted(RECIPES, ({ weight }) => weight + 3);
  const severity =
    fate.severity ??
    random.weighted([1, 2, 3, 4], (value) => (recipe.severities[value - 1] ?? 0) * value);
  const scene = twinOf?.scene ?? makeScene(random, tenant, campaign?.attacker);
  const time = random.fork('time');
  const openedMs =
    fate.openedHoursAgo !== undefined
      ? untilMs - fate.openedHoursAgo * HOUR_MS
      : twinOf
        ? twinOf.openedMs + 25 * MINUTE_MS
        : fitting(
            Math.min(times(time), untilMs - (serial < FATES.length ? SETTLED_MS : 0)),
            severity,
            time,
          );
  const planned: PlannedCase = {
    serial,
    tenant: tenant.key,
    title: recipe.incident(scene),
    severity,
    template: recipe.template,
    recipe: recipe.key,
  };
  const found = planAlerts(random, time, { recipe, scene, severity, openedMs, campaign });
  const work = twinOf
    ? mergeSteps(planned, twinOf.planned, found, openedMs)
    : caseSteps(random.fork('work'), planned, fate, { scene, alerts: found, openedMs, untilMs });
  const alerts = work.late ? [...found, work.late] : found;
  return {
    planned,
    scene,
    campaign,
    openedMs,
    isTwin: twinOf !== null,
    alerts,
    steps: work.steps,
  };
}

/** Urgent cases are opened at any hour. */
function fitting(atMs: number, severity: number, random: Random): number {
  return severity >= 3 ? atMs : toOfficeTime(atMs, random);
}

/** What told of the incident before its case was opened: the same scene seen by up to four tools. */
function planAlerts(
  random: Random,
  time: Random,
  {
    recipe,
    scene,
    severity,
    openedMs,
    campaign,
  }: {
    readonly recipe: Recipe;
    readonly scene: Scene;
    readonly severity: number;
    readonly openedMs: number;
    readonly campaign: Campaign | undefined;
  },
): PlannedAlert[] {
  const kin = RECIPES.filter((other) => other.template === recipe.template && other !== recipe);
  const others = Array.from(
    { length: random.weighted([0, 1, 2, 3], (n) => [35, 35, 20, 10][n] ?? 0) },
    () => random.pick(kin),
  );
  return [recipe, ...others].map((each, place) =>
    detect(random.fork(place), {
      recipe: each,
      scene,
      severity: place === 0 ? severity : Math.max(1, severity - random.integer(0, 1)),
      atMs: Math.floor(openedMs - time.around(22) * MINUTE_MS - place * 90_000 - 60_000),
      ...(campaign && { campaign }),
    }),
  );
}

function opening(
  planned: PlannedCase,
  alerts: readonly PlannedAlert[],
  atMs: number,
  by: string,
  assignee: string,
): Step {
  const first = alerts[0]?.description.split('\n')[0] ?? '';
  return {
    do: 'open-case',
    atMs,
    by,
    case: planned,
    alerts,
    assignee,
    description: `${first}\n\nOpened from ${alerts.length === 1 ? 'one alert' : `${alerts.length} alerts`}.`,
  };
}

/** A case that turns out to be another one: opened, and merged into it. */
function mergeSteps(
  planned: PlannedCase,
  primary: PlannedCase,
  alerts: readonly PlannedAlert[],
  openedMs: number,
): { readonly steps: readonly Step[]; readonly late: null } {
  const [by = ''] = TRIAGE[planned.tenant];
  return {
    late: null,
    steps: [
      opening(planned, alerts, openedMs, by, by),
      {
        do: 'comment',
        atMs: openedMs + 14 * MINUTE_MS,
        by: 'kenji',
        on: { case: planned },
        body: `Same sender and same link as in the other case, let us keep one. @${personOf(by).email} I merge them.`,
      },
      ...TEMPLATES[planned.template].tasks.map((_, task): Step => {
        const atMs = openedMs + 14 * MINUTE_MS + (task + 1) * 9_000;
        return {
          do: 'change-task',
          atMs,
          by: 'kenji',
          of: { case: planned, task },
          status: 'cancelled',
        };
      }),
      {
        do: 'merge-case',
        atMs: openedMs + 15 * MINUTE_MS,
        by: 'kenji',
        case: primary,
        other: planned,
      },
    ],
  };
}

interface Course {
  readonly scene: Scene;
  readonly alerts: readonly PlannedAlert[];
  readonly openedMs: number;
  readonly untilMs: number;
}

/** A case with what its steps have in common. */
interface Plot {
  readonly planned: PlannedCase;
  readonly scene: Scene;
  /** Who opened it. */
  readonly by: string;
  /** Whom it is assigned to. */
  readonly lead: string;
  readonly staysOpen: boolean;
  /** The instant at which a share of the working time between the opening and the end has passed. */
  readonly at: (share: number) => number;
}

/** Shares of the SLA's time that cases take: the median, and what is too much. */
const NEEDED_SHARE = 0.48;
const LATE_SHARE = 1.6;
/** Of open cases we see so much, and the rest is to come. */
const SEEN_SHARE = 0.85;

/** The work on a case from its opening to its end, which may lie beyond the month. */
function caseSteps(
  random: Random,
  planned: PlannedCase,
  fate: Fate,
  { scene, alerts, openedMs, untilMs }: Course,
): { readonly steps: readonly Step[]; readonly late: PlannedAlert | null } {
  const { severity, tenant } = planned;
  const { deadlineHours, businessHours } = slaOf(severity);
  const calendar = calendarOf(businessHours);
  const beganMs = Math.floor(openedMs);
  const staysOpen = fate.openedHoursAgo !== undefined;
  const share = fate.isLate ? LATE_SHARE : fate.isShared ? 0.8 : random.around(NEEDED_SHARE);
  const spanMs = staysOpen
    ? (untilMs - beganMs) / SEEN_SHARE
    : Math.max(25 * MINUTE_MS, share * deadlineHours * HOUR_MS);
  const plot: Plot = {
    planned,
    scene,
    by: random.pick(TRIAGE[tenant]),
    lead: random.weighted(RESPONSE[tenant], (_, place) => 4 - place),
    staysOpen,
    at: (part) => calendar.after(beganMs, Math.floor(spanMs * part)),
  };
  const { by, lead, at } = plot;
  const late =
    alerts[0] && !staysOpen && random.chance(0.25) ? repeated(alerts[0], at(0.45)) : null;
  const steps: Step[] = [
    opening(planned, alerts, beganMs, by, lead),
    begin(random, plot),
    ...taskSteps(random, plot),
    ...talk(random, plot),
    ...told(random, plot, beganMs),
    ...(late
      ? [{ do: 'merge-alert', atMs: at(0.5), by, case: planned, alert: late } as const]
      : []),
    ...(fate.isPaused || (!staysOpen && !fate.isShared && random.chance(0.1))
      ? pause(random, plot)
      : []),
    ...(fate.isShared ? shareWithOther(plot, alerts) : []),
    ...(fate.hasFile
      ? [
          {
            do: 'attach',
            atMs: at(0.25),
            by: lead,
            case: planned,
            ...evidence(scene, beganMs),
          } as const,
        ]
      : []),
    ...(staysOpen ? [] : [closing(random, plot)]),
  ];
  return { steps, late };
}

function begin(random: Random, { planned, lead, at }: Plot): Step {
  const fields = { statusValue: 'in-progress', ...(planned.severity === 4 && { flag: true }) };
  return {
    do: 'change-case',
    atMs: at(0.02 + random.next() * 0.04),
    by: lead,
    case: planned,
    fields,
  };
}

/** Tasks are begun one after the other and done before the case is, now and then not needed. */
function taskSteps(random: Random, { planned, lead, at, staysOpen }: Plot): Step[] {
  const { tasks } = TEMPLATES[planned.template];
  return tasks.flatMap(({ mandatory }, task): Step[] => {
    const of = { case: planned, task };
    const by = random.chance(0.6) ? lead : random.pick(RESPONSE[planned.tenant]);
    const from = 0.07 + 0.7 * (task / tasks.length) ** 1.5;
    const beganMs = at(from + random.next() * 0.04);
    const doneMs = at(from + 0.07 + random.next() * 0.1);
    if (!mandatory && random.chance(0.2))
      return [{ do: 'change-task', atMs: doneMs, by, of, status: 'cancelled' }];
    if (staysOpen && task % 2 === 1) return [];
    const steps: Step[] = [
      { do: 'change-task', atMs: beganMs, by, of, status: 'in-progress' },
      { do: 'change-task', atMs: doneMs, by, of, status: 'completed' },
    ];
    if (random.chance(0.12))
      steps.push({
        do: 'comment',
        atMs: beganMs + 1_000,
        by,
        on: of,
        body: random.pick(TASK_NOTES),
      });
    return steps;
  });
}

const TASK_NOTES = [
  'Two mailboxes are on hold for legal; asked the owner.',
  'Done for the clients, servers follow tonight.',
  'Waiting for an answer of the owner until tomorrow.',
] as const;

/** What colleagues say to each other about a case. */
function talk(random: Random, { planned, scene, by, lead, at }: Plot): Step[] {
  const { victim, attacker } = scene;
  const on = { case: planned };
  const other = by === lead ? 'kenji' : by;
  const asked = `@${personOf(other).email}`;
  const opener = random.pick([
    `Took it. ${asked} can you check whether \`${attacker.domain}\` was visited by anybody else?`,
    `${victim.name} is reachable until 16:00. ${asked} please call.`,
    `First look: matches what we had last week. ${asked} do you agree?`,
  ]);
  const answer = random.pick([
    'Checked the proxy: two more hosts, both blocked.',
    `Called. ${victim.name} says it was not them.`,
    'Agreed. Same infrastructure, other sender.',
  ]);
  const swept = `Indicators swept over all hosts:\n\n- \`${attacker.sha256.slice(0, 16)}…\`: none\n- \`${attacker.address}\`: only \`${victim.host}\``;
  const steps: Step[] = [{ do: 'comment', atMs: at(0.1), by: lead, on, body: opener }];
  if (random.chance(0.75))
    steps.push({ do: 'comment', atMs: at(0.2), by: other, on, body: answer, isReply: true });
  if (random.chance(0.5)) steps.push({ do: 'comment', atMs: at(0.72), by: lead, on, body: swept });
  return steps;
}

const EVENTS: readonly ((scene: Scene) => string)[] = [
  ({ attacker }) => `First mail from ${attacker.sender} delivered`,
  ({ victim }) => `${victim.name} noticed nothing unusual, says the interview`,
  ({ attacker }) => `Domain ${attacker.domain} registered`,
  ({ victim }) => `First contact of ${victim.host} with the attacker`,
];

/** What happened before anybody noticed, entered by hand. */
function told(random: Random, { planned, scene, lead, at }: Plot, openedMs: number): Step[] {
  if (random.chance(0.3)) return [];
  const occurredAtMs = openedMs - random.integer(20, 400) * MINUTE_MS;
  const title = random.pick(EVENTS)(scene);
  return [{ do: 'tell', atMs: at(0.3), by: lead, case: planned, title, occurredAtMs }];
}

/** Waits for others; a case that stays open goes on waiting. */
function pause(random: Random, { planned, lead: by, at, staysOpen }: Plot): Step[] {
  const body = random.pick([
    'Waiting for the image from the data centre; clock paused.',
    'The user is on leave until tomorrow; clock paused.',
  ]);
  const [fromMs, toMs] = [at(0.34), at(0.55)];
  const changed = (atMs: number, statusValue: string): Step => {
    return { do: 'change-case', atMs, by, case: planned, fields: { statusValue } };
  };
  const steps: Step[] = [
    { do: 'comment', atMs: fromMs, by, on: { case: planned }, body },
    changed(fromMs + 20_000, 'on-hold'),
    { do: 'pause', atMs: fromMs + 25_000, by, case: planned },
  ];
  if (staysOpen) return steps;
  return [
    ...steps,
    { do: 'resume', atMs: toMs, by, case: planned },
    changed(toMs + 9_000, 'in-progress'),
  ];
}

/** Lets the other organization see the case and what it began with, and say what it knows. */
function shareWithOther({ planned, lead, at }: Plot, [first]: readonly PlannedAlert[]): Step[] {
  const sharedWith = planned.tenant === 'bank' ? 'hospitals' : 'bank';
  const fields = { sharedWith } as const;
  const body = 'We see the same sender here. Adding what our gateway has.';
  const steps: Step[] = [
    { do: 'change-case', atMs: at(0.4), by: 'kenji', case: planned, fields },
    {
      do: 'comment',
      atMs: at(0.46),
      by: RESPONSE[sharedWith][0] ?? lead,
      on: { case: planned },
      body,
    },
  ];
  if (first) steps.push({ do: 'change-alert', atMs: at(0.42), by: 'kenji', alert: first, fields });
  return steps;
}

function closing(random: Random, { planned, lead, at, scene }: Plot): Step {
  const statusValue = random.weighted(['resolved', 'false-positive', 'other'], (value) =>
    value === 'resolved' ? 80 : 10,
  );
  const end = ENDS[planned.recipe] ?? ENDS_OF[planned.template];
  const isNothing = statusValue === 'false-positive';
  const rootCause = isNothing ? 'No incident' : end.rootCause;
  const resolutionSummary = isNothing
    ? `No incident: ${NOTHING[planned.template](scene)}`
    : `**Cause:** ${rootCause.toLowerCase()}.\n\n**Measures:** ${end.measures(scene)}\n\n**Reach:** the indicators were looked for in all of ${scene.tenant.name}; no further findings.`;
  const fields = { statusValue, rootCause, resolutionSummary };
  return { do: 'change-case', atMs: at(1), by: lead, case: planned, fields };
}

/** How an incident came about, and what was done. */
interface End {
  readonly rootCause: (typeof ROOT_CAUSES)[number];
  readonly measures: (scene: Scene) => string;
}

const ENDS_OF: Readonly<Record<TemplateKey, End>> = {
  phishing: {
    rootCause: 'User action',
    measures: ({ attacker }) =>
      `The mails were removed from all mailboxes; ${attacker.sender} and ${attacker.domain} are blocked at the gateway.`,
  },
  malware: {
    rootCause: 'User action',
    measures: ({ victim, attacker }) =>
      `${victim.host} was isolated and reinstalled, the account reset; ${attacker.domain} and ${attacker.address} are blocked.`,
  },
  account: {
    rootCause: 'Stolen credentials',
    measures: () => 'Sessions revoked, password and second factor renewed, mailbox rules removed.',
  },
  data: {
    rootCause: 'Misconfiguration',
    measures: () => 'The exposure was closed, and the access logs read: nobody else had come.',
  },
};

/** Where the template alone does not tell. */
const ENDS: Readonly<Partial<Record<string, End>>> = {
  'web-shell': {
    rootCause: 'Missing patch',
    measures: ({ server, attacker }) =>
      `${server} was taken off the network, rebuilt from a clean image and patched; ${attacker.address} is blocked.`,
  },
  'ransomware-canary': {
    rootCause: 'Stolen credentials',
    measures: ({ server, victim }) =>
      `${server} was isolated and restored from the backup of the night; the account of ${victim.name} was reset.`,
  },
  'cloud-exfiltration': {
    rootCause: 'User action',
    measures: ({ victim }) =>
      `The service deleted the upload; ${victim.name} was spoken to, and the service is blocked at the proxy.`,
  },
};

const NOTHING: Readonly<Record<TemplateKey, (scene: Scene) => string>> = {
  phishing: () => 'the mails were an exercise of the awareness team.',
  malware: ({ victim }) =>
    `${victim.name} ran a script of the administrators, and it fits the change calendar. The rule was narrowed.`,
  account: ({ victim }) => `${victim.name} confirmed the sign-ins, made on a business trip.`,
  data: () => 'the data is meant to be public, as its owner confirmed.',
};

/** A log as an analyst attaches it. */
function evidence(
  { victim, attacker }: Scene,
  openedMs: number,
): { readonly name: string; readonly content: string } {
  const lines = Array.from({ length: 40 }, (_, minute) => {
    const at = new Date(openedMs - (60 - minute) * MINUTE_MS).toISOString();
    return `${at} ALLOW ${victim.address} -> ${attacker.address}:443 host=${attacker.domain} bytes=${512 + minute * 37}`;
  });
  return { name: `proxy-${victim.host.toLowerCase()}.log`, content: `${lines.join('\n')}\n` };
}
