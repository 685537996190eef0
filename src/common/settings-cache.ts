import type { ChangeFeed } from '../database/change-feed.js';
import type { TransactionOwner } from '../database/database.service.js';
import { TrustedCache } from './trusted-cache.js';

/**
 * Settings kept in memory until they change, here or elsewhere.
 *
 * Inside a transaction only its own connection loads: waiting for a second one while holding locks
 * would starve the pool. What a transaction reads after changing settings itself is not kept.
 */
export class SettingsCache<V extends object> {
  private readonly cache: TrustedCache<V>;

  constructor(
    private readonly changes: ChangeFeed,
    entriesMax: number,
  ) {
    this.cache = new TrustedCache({
      entriesMax,
      positiveMs: 10_000,
      negativeMs: 0,
      isFeedConnected: () => changes.isConnected(),
    });
    changes.onChange('settings', () => {
      this.cache.clear();
    });
  }

  /** The kept value, else what `load` brings. */
  async get({ transaction }: TransactionOwner, key: string, load: () => Promise<V>): Promise<V> {
    const kept = this.cache.peek(key);
    if (kept) return kept;
    if (!transaction) return (await this.cache.get(key, load)) ?? load();
    return this.changes.hasAnnounced(transaction, 'settings')
      ? load()
      : this.cache.getApart(key, load);
  }
}
