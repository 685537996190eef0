import { Injectable } from '@nestjs/common';
import { SettingsCache } from '../common/settings-cache.js';
import { ChangeFeed } from '../database/change-feed.js';
import { Database } from '../database/database.service.js';
import type { TransactionOwner } from '../database/database.service.js';
import { compilePattern } from './value-pattern.js';
import type { ValuePattern } from './value-pattern.js';

/** What an unknown type becomes at intake, which never loses an alert over a type. */
const FALLBACK_TYPE = 'other';

export interface ObservableType {
  readonly id: number;
  readonly name: string;
  readonly isAttachment: boolean;
  readonly label: string;
  readonly category: string;
  /** The pattern that normalised values have, beyond the format of the type. */
  readonly validation: string | null;
  readonly canDelete: boolean;
  readonly version: number;
  readonly fits: ValuePattern;
}

/** The observable types by their lower-case name. */
export type ObservableTypes = ReadonlyMap<string, ObservableType>;

/** The types of observables, kept in memory until they change. */
@Injectable()
export class ObservableTypesService {
  private readonly cache: SettingsCache<ObservableTypes>;

  constructor(
    private readonly database: Database,
    changes: ChangeFeed,
  ) {
    this.cache = new SettingsCache(changes, 1);
  }

  list(owner: TransactionOwner): Promise<ObservableTypes> {
    return this.cache.get(owner, 'all', async () => {
      const rows = await this.database
        .prismaFor(owner)
        .observableType.findMany({ orderBy: { id: 'asc' } });
      return new Map(
        rows.map((row) => [row.name.toLowerCase(), { ...row, fits: patternOf(row.validation) }]),
      );
    });
  }
}

function patternOf(validation: string | null): ValuePattern {
  const pattern = validation === null ? null : compilePattern(validation);
  return typeof pattern === 'function' ? pattern : () => true;
}

/** The type of that name without regard to case, else `null`. */
export function typeNamed(types: ObservableTypes, name: string): ObservableType | null {
  return types.get(name.trim().toLowerCase()) ?? null;
}

/** The type that takes what has none of its own. */
export function fallbackType(types: ObservableTypes): ObservableType {
  const type = types.get(FALLBACK_TYPE);
  if (!type) throw new Error('The observable type "other" is missing; it is seeded at start.');
  return type;
}
