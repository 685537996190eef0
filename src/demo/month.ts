import { makeTimes, toOfficeTime } from './calendar.js';
import { planIncidents } from './incidents.js';
import type { IncidentPlan } from './incidents.js';
import { detect, repeated } from './detections.js';
import type { Campaign, PlannedAlert } from './detections.js';
import { Random } from './random.js';
import { RECIPES, makeAttacker, makeScene } from './recipes.js';
import type { Recipe } from './recipes.js';
import type { Step } from './steps.js';
import { TENANTS, TRIAGE } from './tenants.js';
import type { Tenant } from './tenants.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface MonthOptions {
  readonly seed: string;
  readonly days: number;
  /** 1 is about 1 500 alerts and 100 cases. */
  readonly scale: number;
  /** The instant at which the month ends. */
  readonly untilMs: number;
}

/** What happens in the month, in order. */
export interface Month {
  readonly fromMs: number;
  readonly alerts: readonly PlannedAlert[];
  readonly steps: readonly Step[];
}

const ALERTS = 1_500;
const CASES = 100;
const CASES_MIN = 12;
/** Alerts for each case: those it is made from, and the noise around them. */
const ALERTS_A_CASE_MIN = 5;

/** Shares of all alerts that come in two bursts: a wave of mails, and a night of password guessing. */
const WAVE_SHARE = 0.05;
const GUESSING_SHARE = 0.03;
/** The share of alerts that come once more, some hours later, and are closed as duplicates. */
const REPEATED_SHARE = 0.08;

/**
 * A month of detections and of the work on them, the same for the same options.
 *
 * What alerts say depends on the seed alone; when they come also on where the weekends lie.
 */
export function planMonth({ seed, days, scale, untilMs }: MonthOptions): Month {
  const random = new Random(seed);
  const fromMs = untilMs - days * DAY_MS;
  const caseCount = Math.max(CASES_MIN, Math.round(CASES * scale));
  const alertCount = Math.max(caseCount * ALERTS_A_CASE_MIN, Math.round(ALERTS * scale));
  const campaigns = ['paper-lantern', 'salt-creek', 'night-heron'].map((name) => {
    return { name, attacker: makeAttacker(random.fork(name)) };
  });
  const times = makeTimes(fromMs, untilMs);
  const plan = planIncidents(random, { caseCount, campaigns, times, untilMs });
  const fresh = planFresh(random, untilMs);
  const noiseCount = alertCount - plan.alerts.length - fresh.alerts.length;
  const noise = planNoise(random, noiseCount, campaigns, { times, fromMs, untilMs });
  return inOrder(fromMs, untilMs, [plan, fresh, noise]);
}

interface Span {
  readonly times: (random: Random) => number;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What brings an alert that needs no case, in place of the usual. */
interface Burst {
  readonly recipe: Recipe;
  readonly tenant?: Tenant;
  readonly campaign?: Campaign;
  readonly fromMs: number;
  readonly lastsMs: number;
}

/** Alerts that need no case, with their triage. */
function planNoise(
  random: Random,
  count: number,
  campaigns: readonly Campaign[],
  span: Span,
): IncidentPlan {
  const { times, fromMs, untilMs } = span;
  const shareOf = (share: number) => fromMs + (untilMs - fromMs) * share;
  const wave: Burst = {
    recipe: recipeOf('credential-phishing'),
    fromMs: toOfficeTime(shareOf(0.35), random.fork('wave')),
    lastsMs: 2 * HOUR_MS,
    ...(campaigns[0] && { campaign: campaigns[0] }),
  };
  const guessing: Burst = {
    recipe: recipeOf('rdp-brute-force'),
    fromMs: shareOf(0.72),
    lastsMs: HOUR_MS,
    ...(TENANTS[0] && { tenant: TENANTS[0] }),
  };
  const waves = Math.round(count * WAVE_SHARE);
  const guesses = Math.round(count * GUESSING_SHARE);
  const alerts: PlannedAlert[] = [];
  const steps: Step[] = [];
  for (let index = 0; index < count; index++) {
    const own = random.fork(`alert ${index}`);
    const time = random.fork(`time ${index}`);
    const burst = index < waves ? wave : index < waves + guesses ? guessing : null;
    const before = alerts.at(-1);
    const isRepeated = !burst && before !== undefined && own.chance(REPEATED_SHARE);
    const alert = isRepeated
      ? repeated(before, before.atMs + time.integer(20, 600) * MINUTE_MS)
      : burst
        ? noise(own, burst.fromMs + time.next() * burst.lastsMs, burst)
        : noise(own, times(time), own.chance(0.05) ? { campaign: own.pick(campaigns) } : {});
    const as = isRepeated ? 'duplicate' : own.chance(0.57) ? 'false-positive' : 'closed';
    alerts.push(alert);
    steps.push(...triage(time, alert, as));
  }
  return { alerts, steps };
}

function noise(
  random: Random,
  atMs: number,
  { recipe, tenant, campaign }: Partial<Burst>,
): PlannedAlert {
  const chosen = recipe ?? random.weighted(RECIPES, ({ weight }) => weight);
  const scene = makeScene(random, tenant ?? random.pick(TENANTS), campaign?.attacker);
  const severity = random.weighted([1, 2, 3, 4], (value) => chosen.severities[value - 1] ?? 0);
  return detect(random, {
    recipe: chosen,
    scene,
    severity,
    atMs: Math.floor(atMs),
    ...(campaign && { campaign }),
  });
}

/** Minutes before the end at which the newest alerts came, with their severities: somebody has one, nobody the others. */
const FRESH = [
  { minutes: 38, severity: 3, isTaken: true },
  { minutes: 21, severity: 4, isTaken: true },
  { minutes: 13, severity: 2, isTaken: false },
  { minutes: 6, severity: 4, isTaken: false },
  { minutes: 2, severity: 3, isTaken: false },
] as const;

/** What has just come in, in each organization. */
function planFresh(random: Random, untilMs: number): IncidentPlan {
  const alerts: PlannedAlert[] = [];
  const steps: Step[] = [];
  for (const tenant of TENANTS)
    for (const [place, { minutes, severity, isTaken }] of FRESH.entries()) {
      const own = random.fork(`fresh ${tenant.key} ${place}`);
      const atMs = Math.floor(untilMs - (minutes + own.next()) * MINUTE_MS);
      const fitting = RECIPES.filter(({ severities }) => (severities[severity - 1] ?? 0) >= 1);
      const recipe = own.pick(fitting);
      const alert = detect(own, { recipe, scene: makeScene(own, tenant), severity, atMs });
      alerts.push(alert);
      const [by = ''] = TRIAGE[tenant.key];
      const fields = { statusValue: 'in-progress', assignee: by };
      if (isTaken)
        steps.push({ do: 'change-alert', atMs: atMs + 4 * MINUTE_MS, by, alert, fields });
    }
  return { alerts, steps };
}

/** Median minutes until somebody looks, by severity 1 to 4. */
const LOOK_MINUTES = [150, 55, 18, 6] as const;

/** Somebody looks at an alert, mostly decides at once, and else takes it for a while. */
function triage(
  random: Random,
  alert: PlannedAlert,
  as: 'duplicate' | 'false-positive' | 'closed',
): Step[] {
  const { tenant, severity } = alert;
  const by = random.weighted(TRIAGE[tenant], (_, place) => 3 - place);
  const minutes = random.around(LOOK_MINUTES[severity - 1] ?? 60);
  const seenMs = alert.atMs + Math.max(1, minutes) * MINUTE_MS;
  const lookMs = severity >= 3 ? seenMs : toOfficeTime(seenMs, random);
  // A few are forgotten.
  if (severity < 3 && random.chance(0.015)) return [];
  const closing = { statusValue: as, assignee: by };
  if (as === 'duplicate' || random.chance(0.5))
    return [{ do: 'change-alert', atMs: lookMs, by, alert, fields: closing }];
  const closedMs = lookMs + Math.max(2, random.around(35)) * MINUTE_MS;
  const steps: Step[] = [
    {
      do: 'change-alert',
      atMs: lookMs,
      by,
      alert,
      fields: { statusValue: 'in-progress', assignee: by },
    },
    { do: 'change-alert', atMs: closedMs, by, alert, fields: closing },
  ];
  if (random.chance(0.2)) {
    const body = random.pick(as === 'closed' ? HANDLED : HARMLESS);
    steps.push({ do: 'comment', atMs: closedMs - 30_000, by, on: { alert }, body });
  }
  return steps;
}

const HARMLESS = [
  'Known scanner of the vulnerability management; on the allow-list from tomorrow.',
  'Asked the user: it was them, on a business trip. Nothing to do.',
  'Software distribution. Same hash on 400 hosts, signed.',
  'Penetration test, announced for this week (see the calendar of the SOC).',
  'Rule too wide: matches the backup account as well. Told detection engineering.',
] as const;

const HANDLED = [
  'Blocked by the gateway before anybody clicked. Sender and domain on the block list.',
  'Password reset as a precaution, sessions revoked; no sign of use.',
  'Host was patched this morning, no code ran. Closed.',
  'One recipient opened the link, no password entered (proxy log). Mail removed.',
] as const;

function recipeOf(key: string): Recipe {
  const found = RECIPES.find((recipe) => recipe.key === key);
  if (!found) throw new Error(`No recipe ${key}.`);
  return found;
}

function inOrder(fromMs: number, untilMs: number, plans: readonly IncidentPlan[]): Month {
  const whole = <T extends { readonly atMs: number }>(items: readonly T[]) =>
    items.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
  return {
    fromMs,
    alerts: whole(plans.flatMap(({ alerts }) => alerts)),
    steps: whole(plans.flatMap(({ steps }) => steps)),
  };
}
