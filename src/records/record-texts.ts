import { sightKey } from '../access/access.js';
import type { Sight } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { Batcher } from '../database/batcher.js';
import type { BatchRules } from '../database/batcher.js';
import type { Database } from '../database/database.service.js';
import type { Sql } from '../database/sql.js';
import type { RecordText } from './record-text.js';

/** Reads the records of these ids that are there for who sees this. */
export type FindTexts = (sql: Sql, sight: Sight, ids: readonly string[]) => Promise<RecordText[]>;

interface Wanted {
  readonly sight: Sight;
  readonly id: string;
}

/** Few in a statement, as each may be large; who comes later does not wait long for a large one. */
const BATCHES: BatchRules<Wanted> = {
  keyOf: ({ sight }) => sightKey(sight),
  weightMax: 16,
  patienceMs: 20,
};

/** The records of a kind as the texts of their answers; those that are asked for at once are read at once. */
export class RecordTexts {
  private readonly batches: Batcher<Wanted, RecordText | null>;

  constructor(
    private readonly database: Database,
    private readonly find: FindTexts,
  ) {
    this.batches = new Batcher((wanted) => this.findAll(wanted), BATCHES);
  }

  /** One record; null when there is none for the caller. */
  async get(principal: Principal, id: string): Promise<RecordText | null> {
    if (principal.transaction === null) return this.batches.run({ sight: principal, id });
    const [row] = await this.find(this.database.sqlFor(principal), principal, [id]);
    return row ?? null;
  }

  private async findAll(wanted: readonly Wanted[]): Promise<(RecordText | null)[]> {
    const [first] = wanted;
    if (!first) return [];
    const ids = wanted.map(({ id }) => id);
    const rows = await this.find(this.database.sql, first.sight, ids);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id) ?? null);
  }
}
