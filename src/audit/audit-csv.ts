import { stringify } from 'csv-stringify/sync';
import { neutralised } from '../common/csv.js';
import type { SealedEntry } from './audit.schema.js';

const COLUMNS: Readonly<Record<string, (entry: SealedEntry) => string | number | null>> = {
  organizationId: (entry) => entry.organizationId,
  seq: (entry) => entry.seq,
  at: (entry) => entry.at,
  actorKind: (entry) => entry.actor.kind,
  actorId: (entry) => entry.actor.id,
  credentialId: (entry) => entry.credential?.id ?? null,
  action: (entry) => entry.action,
  targetKind: (entry) => entry.target.kind,
  targetId: (entry) => entry.target.id,
  changes: (entry) => JSON.stringify(entry.changes),
  requestId: (entry) => entry.requestId,
  ip: (entry) => entry.ip,
  id: (entry) => entry.id,
  hash: (entry) => entry.hash,
  previousHash: (entry) => entry.previousHash,
};

/** The first line of an export. */
export const CSV_HEADER = `${Object.keys(COLUMNS).join(',')}\n`;

/** Entries as lines of CSV, which no spreadsheet runs. */
export function toCsv(entries: readonly SealedEntry[]): string {
  return stringify(
    entries.map((entry) =>
      Object.values(COLUMNS).map((cell) => neutralised(String(cell(entry) ?? ''))),
    ),
  );
}
