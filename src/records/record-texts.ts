import { sightKey } from '../access/access.js';
import type { Sight } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import type { Database } from '../database/database.service.js';
import type { Sql } from '../database/sql.js';
import { Together } from '../database/together.js';
import type { TogetherRules } from '../database/together.js';
import type { RecordText } from './record-text.js';

/** Reads the records of these ids that are there for who sees this. */
export type FindTexts = (sql: Sql, sight: Sight, ids: readonly string[]) => Promise<RecordText[]>;

interface Wanted {
  readonly sight: Sight;
  readonly id: string;
}

/** Few at once, as each may be large; one large one keeps the others waiting no longer than a moment. */
const TOGETHER: TogetherRules<Wanted> = {
  kindOf: ({ sight }) => sightKey(sight),
  weightMax: 16,
  patienceMs: 20,
  heldUpWeightMax: 16,
};

/** The records of a kind as the texts of their answers; those that are asked for at once are read at once. */
export class RecordTexts {
  private readonly together: Together<Wanted, RecordText | null>;

  constructor(
    private readonly database: Database,
    private readonly find: FindTexts,
  ) {
    this.together = new Together((wanted) => this.findAll(wanted), TOGETHER);
  }

  /** One record; null when there is none for the caller. */
  async get(principal: Principal, id: string): Promise<RecordText | null> {
    if (principal.transaction === null) return this.together.do({ sight: principal, id });
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
