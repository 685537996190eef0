import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** Random bytes are fetched for many ids at once: a fetch costs more than an id. */
const BYTES = 16;
const IDS_A_FETCH = 256;

const fetched = new Uint8Array(BYTES * IDS_A_FETCH);
let used = fetched.length;
let msecs = 0;
let seq = 0;

/** A new UUID of version 7 (RFC 9562 §5.7), which sorts after those made before it in this process. */
export function newId(): string {
  if (used === fetched.length) {
    randomFillSync(fetched);
    used = 0;
  }
  const random = fetched.subarray(used, (used += BYTES));
  const now = Date.now();
  if (now > msecs) {
    msecs = now;
    // The highest bit stays free, so that counting on within the millisecond has room.
    seq = new DataView(random.buffer, random.byteOffset).getUint32(6) & 0x7fffffff;
  } else {
    seq++;
  }
  return v7({ random, msecs, seq });
}
