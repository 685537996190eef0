import { open } from 'node:fs/promises';
import { z } from 'zod';
import { ChainWalk } from './audit-chain.js';
import type { AuditVerdict } from './audit.schema.js';

/** What a line needs to be checked; all else in it is sealed as well, whatever it is. */
const lineSchema = z.looseObject({
  id: z.string(),
  organizationId: z.string().nullable(),
  seq: z.int().positive(),
  hash: z.string(),
  previousHash: z.string(),
});

/**
 * Checks an export as JSON lines against its seals, without a database.
 *
 * A chain may begin anywhere in it, and end anywhere: what lies between is complete.
 */
export async function verifyExport(path: string): Promise<AuditVerdict> {
  const file = await open(path);
  try {
    return await verifyLines(file.readLines());
  } finally {
    await file.close();
  }
}

async function verifyLines(lines: AsyncIterable<string>): Promise<AuditVerdict> {
  const walks = new Map<string | null, ChainWalk>();
  let entries = 0;
  for await (const text of lines) {
    if (text === '') continue;
    const line = readLine(text);
    if (!line) {
      const reason = `Line ${entries + 1} is no entry of an export as JSON lines.`;
      return { valid: false, entries, firstBreak: { id: null, seq: null, reason } };
    }
    const { organizationId } = line;
    const walk = walks.get(organizationId) ?? new ChainWalk(line);
    walks.set(organizationId, walk);
    const firstBreak = walk.take(line);
    if (firstBreak) return { valid: false, entries, firstBreak };
    entries++;
  }
  return { valid: true, entries, firstBreak: null };
}

function readLine(text: string): z.output<typeof lineSchema> | null {
  try {
    return lineSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
