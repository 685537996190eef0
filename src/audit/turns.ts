import { setImmediate as yieldToOthers } from 'node:timers/promises';

/** How long entries are worked on before others have their turn. */
const TURN_MS = 5;

/** The items one by one; others have their turn whenever these have taken a while, whether many or large. */
export async function* inTurns<T>(items: Iterable<T>): AsyncGenerator<T> {
  let beganMs = performance.now();
  for (const item of items) {
    if (performance.now() - beganMs > TURN_MS) {
      await yieldToOthers();
      beganMs = performance.now();
    }
    yield item;
  }
}
