import { LRUCache } from 'lru-cache';

interface Entry<V> {
  readonly value: V;
  readonly storedAtMs: number;
}

export interface TrustedCacheOptions {
  readonly entriesMax: number;
  readonly positiveMs: number;
  /** How long "there is none" is believed; such entries have a bounded store of their own. */
  readonly negativeMs: number;
  /** Whether changes are being heard; without that nothing older than a second is trusted. */
  readonly isFeedConnected: () => boolean;
}

const UNTOLD_MS = 1_000;

/**
 * A bounded cache that asks once per key at a time and never serves what a change has outdated.
 *
 * `clear()` also outdates the loads under way: what they bring is used once and not kept.
 */
export class TrustedCache<V extends object> {
  private readonly present: LRUCache<string, Entry<V>>;
  private readonly absent: LRUCache<string, Entry<null>>;
  private readonly loading = new Map<string, Promise<V | null>>();
  private generation = 0;

  constructor(private readonly options: TrustedCacheOptions) {
    this.present = new LRUCache({ max: options.entriesMax });
    this.absent = new LRUCache({ max: options.entriesMax });
  }

  /** The kept value, or undefined when it has to be loaded. */
  peek(key: string): V | null | undefined {
    const told = this.options.isFeedConnected();
    const now = performance.now();
    const { positiveMs, negativeMs } = this.options;
    const entry = this.present.get(key);
    if (entry && now - entry.storedAtMs < (told ? positiveMs : Math.min(positiveMs, UNTOLD_MS))) {
      return entry.value;
    }
    const none = this.absent.get(key);
    if (none && now - none.storedAtMs < (told ? negativeMs : Math.min(negativeMs, UNTOLD_MS))) {
      return null;
    }
    return undefined;
  }

  /** The kept value, else what `load` brings; equal keys share one load. */
  async get(key: string, load: () => Promise<V | null>): Promise<V | null> {
    const kept = this.peek(key);
    if (kept !== undefined) return kept;
    const running = this.loading.get(key);
    if (running) return running;
    const promise = this.loadAndKeep(key, load);
    this.loading.set(key, promise);
    try {
      return await promise;
    } finally {
      if (this.loading.get(key) === promise) this.loading.delete(key);
    }
  }

  /** What `load` brings, for which nobody else waits. */
  getApart(key: string, load: () => Promise<V>): Promise<V> {
    return this.loadAndKeep(key, load);
  }

  clear(): void {
    this.generation++;
    this.present.clear();
    this.absent.clear();
    this.loading.clear();
  }

  private async loadAndKeep<L extends V | null>(key: string, load: () => Promise<L>): Promise<L> {
    const { generation } = this;
    const storedAtMs = performance.now();
    const value = await load();
    if (generation !== this.generation) return value;
    if (value === null) this.absent.set(key, { value, storedAtMs });
    else {
      this.absent.delete(key);
      this.present.set(key, { value, storedAtMs });
    }
    return value;
  }
}
