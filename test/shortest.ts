const RUNS_MIN = 3;
const RUNS_MAX = 60;
const WAITING_RUNS_MAX = 5;

/**
 * The CPU time of the shortest run, ms: what other processes take from this one does not count.
 *
 * What takes longer than the bound is tried again and again, for a machine that is slow for a while, a compiler
 * or a collection beside it is not what is asked about.
 */
export function shortestCpuMs(boundMs: number, work: () => unknown): number {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let run = 0; bestMs > boundMs / 5 && isWorthwhile(run, bestMs, boundMs); run++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    bestMs = Math.min(bestMs, (user + system) / 1_000);
  }
  return bestMs;
}

function isWorthwhile(run: number, bestMs: number, boundMs: number): boolean {
  return run < RUNS_MIN || (bestMs >= boundMs && run < RUNS_MAX);
}

/** The time of the shortest run of something that waits, ms; what takes longer than the bound is tried again as well. */
export async function shortestMs(boundMs: number, work: () => Promise<unknown>): Promise<number> {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run === 0 || (bestMs >= boundMs && run < WAITING_RUNS_MAX); run++) {
    const startedAt = performance.now();
    await work();
    bestMs = Math.min(bestMs, performance.now() - startedAt);
  }
  return bestMs;
}
