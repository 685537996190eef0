/**
 * Counts requests over a sliding window of whole buckets, O(1) per request.
 *
 * The requests of a bucket leave together, when the last of them is a window old. So the count is never below
 * that of the exact window (t - windowMs, t], and a request leaves at most one bucket late.
 */
export class SlidingWindow {
  private readonly counts: Uint32Array;
  /** When the last request of each bucket came, in milliseconds after the bucket's start, rounded up. */
  private readonly lastOffsetsMs: Uint16Array;
  private readonly slots: number;
  /** Buckets are numbered from the clock's zero; none before this one has requests. */
  private oldest = 0;
  private counted = 0;
  private nowMs = 0;
  private emptyAtMs = 0;

  /** Takes a windowMs that is a multiple of bucketMs, and a bucketMs up to 65 535. */
  constructor(
    private readonly windowMs: number,
    private readonly bucketMs: number,
  ) {
    // The running bucket stands beside the full window before it.
    this.slots = windowMs / bucketMs + 1;
    this.counts = new Uint32Array(this.slots);
    this.lastOffsetsMs = new Uint16Array(this.slots);
  }

  /** The requests counted at the latest advance. */
  get total(): number {
    return this.counted;
  }

  /** Moves on to nowMs of a monotonic clock, dropping what has left; an earlier time counts as the latest seen. */
  advance(nowMs: number): void {
    if (nowMs > this.nowMs) this.nowMs = nowMs;
    while (this.counted > 0) {
      const slot = this.oldest % this.slots;
      const count = this.counts[slot] ?? 0;
      if (count > 0) {
        if (this.leavesAtMs(this.oldest) > this.nowMs) return;
        this.counts[slot] = 0;
        this.counted -= count;
      }
      this.oldest++;
    }
    this.oldest = this.bucket();
  }

  /** Counts one request at the time of the latest advance. */
  add(): void {
    const bucket = this.bucket();
    const slot = bucket % this.slots;
    this.counts[slot] = (this.counts[slot] ?? 0) + 1;
    this.lastOffsetsMs[slot] = Math.ceil(this.nowMs - bucket * this.bucketMs);
    this.counted++;
    this.emptyAtMs = this.leavesAtMs(bucket);
  }

  /** Milliseconds from the latest advance until the oldest counted request leaves; 0 when nothing is counted. */
  untilOldestLeavesMs(): number {
    // After an advance the oldest bucket has requests, if any has.
    return this.counted === 0 ? 0 : this.leavesAtMs(this.oldest) - this.nowMs;
  }

  /** Milliseconds from the latest advance until at most max requests are counted, if none is added; 0 when that is so. */
  untilAtMostMs(max: number): number {
    let left = this.counted;
    let bucket = this.oldest;
    while (left > Math.max(0, max)) {
      left -= this.counts[bucket % this.slots] ?? 0;
      bucket++;
    }
    return bucket === this.oldest ? 0 : this.leavesAtMs(bucket - 1) - this.nowMs;
  }

  /** Whether nothing will be counted at nowMs, if none is added. */
  isEmptyAt(nowMs: number): boolean {
    return this.emptyAtMs <= nowMs;
  }

  private bucket(): number {
    return Math.floor(this.nowMs / this.bucketMs);
  }

  private leavesAtMs(bucket: number): number {
    const offsetMs = this.lastOffsetsMs[bucket % this.slots] ?? 0;
    return bucket * this.bucketMs + offsetMs + this.windowMs;
  }
}
