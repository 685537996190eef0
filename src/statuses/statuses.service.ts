import { Injectable } from '@nestjs/common';
import { invalidValue } from '../common/errors.js';
import { SettingsCache } from '../common/settings-cache.js';
import { ChangeFeed } from '../database/change-feed.js';
import { Database } from '../database/database.service.js';
import type { TransactionOwner } from '../database/database.service.js';

export type StatusKind = 'alert' | 'case';
export type Stage = 'New' | 'InProgress' | 'Closed';

export interface Status {
  readonly id: string;
  readonly kind: StatusKind;
  readonly value: string;
  readonly label: string;
  readonly stage: Stage;
  readonly color: string;
  readonly canDelete: boolean;
  readonly position: number;
  readonly version: number;
}

/** `In progress`, `in_progress` and `in-progress` name the same status (spec/behaviour.md §2). */
export function toStatusValue(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/[\s_]+/g, '-');
}

/** The statuses of alerts and cases, kept in memory until they change. */
@Injectable()
export class StatusesService {
  private readonly cache: SettingsCache<ReadonlyMap<string, Status>>;

  constructor(
    private readonly database: Database,
    changes: ChangeFeed,
  ) {
    this.cache = new SettingsCache(changes, 2);
  }

  /** All statuses of a kind by their value, in the order people see them. */
  list(owner: TransactionOwner, kind: StatusKind): Promise<ReadonlyMap<string, Status>> {
    return this.cache.get(owner, kind, async () => {
      const rows = await this.database.prismaFor(owner).status.findMany({
        where: { kind },
        orderBy: [{ position: 'asc' }, { value: 'asc' }],
      });
      return new Map(rows.map((row) => [row.value, row as Status]));
    });
  }

  /** The status that a `statusValue` in a body names; an unknown one is 400 at `path`, listing the known. */
  async resolve(
    owner: TransactionOwner,
    kind: StatusKind,
    statusValue: string,
    path: string,
  ): Promise<Status> {
    const statuses = await this.list(owner, kind);
    const status = statuses.get(toStatusValue(statusValue));
    if (status) return status;
    throw invalidValue(
      path,
      `unknown status; known are ${[...statuses.keys()].join(', ')}`,
      'unknown_status',
    );
  }
}
