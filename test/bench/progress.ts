import type { Progress } from './fill.js';

const startedAtMs = performance.now();

/** Tells a person what is going on, with the seconds since the start. */
export function note(text: string): void {
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`${seconds} s  ${text}\n`);
}

/** Tells of a fill: percent, alerts a second and the time left; a line every few seconds. */
export function showProgress(everyMs = 2_000): (progress: Progress) => void {
  const beganAtMs = performance.now();
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return ({ step, done, alertsPerSecond }) => {
    const nowMs = performance.now();
    if (nowMs - toldAtMs < everyMs) return;
    toldAtMs = nowMs;
    const leftSeconds = ((nowMs - beganAtMs) / 1000) * (1 / done - 1);
    const rate = alertsPerSecond === null ? '' : `, ${alertsPerSecond.toFixed(0)} alerts/s`;
    note(
      `${(100 * done).toFixed(0).padStart(3)} %  ${step}${rate}, about ${leftSeconds.toFixed(0)} s left`,
    );
  };
}
