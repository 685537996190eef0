import type { Random } from './random.js';
import type { Attacker, DemoObservable, Recipe, Scene } from './recipes.js';
import type { TenantKey } from './tenants.js';

/** An alert as a detection tool sends it at its moment. */
export interface PlannedAlert {
  readonly atMs: number;
  readonly tenant: TenantKey;
  readonly title: string;
  readonly description: string;
  readonly severity: number;
  readonly type: string;
  readonly source: string;
  readonly sourceRef: string;
  readonly externalLink: string;
  readonly count: number;
  readonly tlp: number;
  readonly pap: number;
  readonly tags: readonly string[];
  readonly clientName: string;
  readonly customFields: Readonly<Record<string, string>>;
  readonly observables: readonly DemoObservable[];
  readonly technique: string;
  readonly tactic: string;
}

/** A group that uses the same means again and again, in both organizations. */
export interface Campaign {
  readonly name: string;
  readonly attacker: Attacker;
}

interface Detection {
  readonly recipe: Recipe;
  readonly scene: Scene;
  readonly severity: number;
  readonly atMs: number;
  readonly campaign?: Campaign;
}

const TLP_WEIGHTS = [5, 25, 55, 12, 3];
const PAP_WEIGHTS = [5, 30, 60, 5];

/** What the recipe finds in the scene, as an alert. */
export function detect(
  random: Random,
  { recipe, scene, severity, atMs, campaign }: Detection,
): PlannedAlert {
  const { tenant } = scene;
  const { key, source, type, tags, technique, tactic } = recipe;
  const serial = random.hex(10);
  return {
    ...recipe.find(random, scene),
    atMs,
    tenant: tenant.key,
    severity,
    type,
    source,
    sourceRef: `${key}-${serial}`,
    externalLink: `https://${source.toLowerCase().replaceAll(' ', '-')}.soc.example/events/${serial}`,
    count: random.chance(0.12) ? random.integer(2, 30) : 1,
    tlp: random.weighted([0, 1, 2, 3, 4], (tlp) => TLP_WEIGHTS[tlp] ?? 0),
    pap: random.weighted([0, 1, 2, 3], (pap) => PAP_WEIGHTS[pap] ?? 0),
    tags: campaign ? [...tags, `campaign:${campaign.name}`] : tags,
    clientName: random.pick(tenant.clients),
    customFields: { [tenant.field.key]: random.pick(tenant.field.options) },
    technique,
    tactic,
  };
}

/** The same detection once more. */
export function repeated(alert: PlannedAlert, atMs: number): PlannedAlert {
  const severity = Math.max(1, alert.severity - 1);
  return { ...alert, atMs, severity, sourceRef: `${alert.sourceRef}-2` };
}
