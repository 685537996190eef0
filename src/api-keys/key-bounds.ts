import { hasScope, scopesOfRole } from '../auth/scopes.js';
import type { Role, Scope } from '../auth/scopes.js';
import { isTierAtMost } from '../rate-limit/tiers.js';
import type { Tier } from '../rate-limit/tiers.js';

/** What bounds a key: its creator, and its owner where that is another person. */
export interface Bounds {
  readonly scopes: ReadonlySet<Scope>;
  readonly tierMax: Tier;
  readonly tlpMax: number;
  readonly papMax: number;
}

/** The rights a key asks for. */
export interface Rights {
  readonly scopes: readonly Scope[];
  readonly tier: Tier;
  readonly tlpMax: number;
  readonly papMax: number;
}

/** The bounds that a person's role, tier and clearance set. */
export function boundsOfPerson(person: {
  readonly role: string;
  readonly tierMax: string;
  readonly tlpMax: number;
  readonly papMax: number;
}): Bounds {
  return {
    scopes: new Set(scopesOfRole(person.role as Role)),
    tierMax: person.tierMax as Tier,
    tlpMax: person.tlpMax,
    papMax: person.papMax,
  };
}

/** The first of the rights beyond the bounds, in words; null when all lie within. */
export function excessOf(rights: Rights, bounds: Bounds): string | null {
  const { scopes, tier, tlpMax, papMax } = rights;
  const scope = scopes.find((wanted) => !hasScope(bounds.scopes, wanted));
  if (scope !== undefined) return `scope ${scope}`;
  if (!isTierAtMost(tier, bounds.tierMax)) return `tier ${tier} (at most ${bounds.tierMax})`;
  if (tlpMax > bounds.tlpMax) return `tlpMax ${tlpMax} (at most ${bounds.tlpMax})`;
  if (papMax > bounds.papMax) return `papMax ${papMax} (at most ${bounds.papMax})`;
  return null;
}
