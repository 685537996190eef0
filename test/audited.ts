import pg from 'pg';
import type { TestDatabase } from './database.js';

/** An audit entry that tells of a change: one about this kind of target, whose id the changed row holds. */
interface Telling {
  readonly kind: string;
  /** The column with the id of the target, as it was or as it is. */
  readonly by: string;
  /** Such an entry may also be about a row that changes in the same transaction and has the same id here. */
  readonly among?: string;
  /** Such an entry tells of no other columns. */
  readonly only?: readonly string[];
  /** Such an entry has this action. */
  readonly as?: string;
  /** Such an entry tells of it only in a transaction that writes this action too. */
  readonly during?: string;
}

/** What is proven of a table: of each change, every one of the groups has an entry that tells of it. */
interface Domain {
  readonly told: readonly (readonly Telling[])[];
  /** Columns that change without notice, and why. */
  readonly untold?: Readonly<Record<string, string>>;
  /** Ids that the row does not hold itself, as SQL on the row `x`. */
  readonly reached?: Readonly<Record<string, string>>;
}

const own = (kind: string): Domain => ({ told: [[{ kind, by: 'id' }]] });
const linked = (kind: string, by: string): Domain => ({ told: [[{ kind, by }]] });

/** What is there from the beginning of an alert or a case is told of by its creation. */
const BORN: readonly Telling[] = [
  { kind: 'alert', by: 'alert_id', as: 'alert.created' },
  { kind: 'case', by: 'case_id', as: 'case.created' },
];

/** What promotion unites in a case is told of by the entry of the case, beside those of its alerts. */
const PROMOTED: Telling = { kind: 'case', by: 'case_id', during: 'alert.merged' };

/** What a merge of cases unites or moves is told of by the entries of the cases. */
const MERGED: Telling = { kind: 'case', by: 'case_id', during: 'case.merged' };

const COPIED = 'a copy of what the record holds, for ordered reads';
const SHARE = { created_at: COPIED, severity: COPIED, tiny_id: COPIED, status_id: COPIED };
const PEPPER = 'the same secret, kept under another pepper when it is next used';
const USE = 'counts the use of the key; no change of it';

const DOMAIN: Readonly<Record<string, Domain>> = {
  organizations: own('organization'),
  // Both ends have a trail of their own.
  organization_links: {
    told: [
      [{ kind: 'organization', by: 'organization_id' }],
      [{ kind: 'organization', by: 'linked_id' }],
    ],
  },
  users: { ...own('user'), untold: { last_seen_at: 'when the person was last there' } },
  // The entry of the organization tells who comes and goes, the person's in which order they are.
  organization_members: {
    told: [
      [
        { kind: 'organization', by: 'organization_id' },
        { kind: 'user', by: 'user_id' },
      ],
    ],
  },
  teams: {
    told: [
      [
        { kind: 'team', by: 'id' },
        // Teams go with their organization.
        { kind: 'organization', by: 'organization_id', as: 'organization.deleted' },
      ],
    ],
  },
  team_members: linked('team', 'team_id'),
  credentials: {
    ...own('apiKey'),
    untold: {
      last_used_at: USE,
      last_used_ip: USE,
      usage_count: USE,
      digest: PEPPER,
      pepper_id: PEPPER,
    },
  },
  sessions: { ...linked('user', 'user_id'), untold: { seen_at: 'when the person was last there' } },
  statuses: own('status'),
  tags: own('tag'),
  clients: own('client'),
  custom_fields: own('custom-field'),
  sla_configs: own('sla-config'),
  observable_types: own('observable-type'),
  alerts: own('alert'),
  alert_shares: { ...linked('alert', 'alert_id'), untold: SHARE },
  alert_tags: linked('alert', 'alert_id'),
  alert_teams: linked('alert', 'alert_id'),
  cases: own('case'),
  case_shares: { ...linked('case', 'case_id'), untold: SHARE },
  case_tags: linked('case', 'case_id'),
  case_teams: linked('case', 'case_id'),
  // Both ends have a trail of their own.
  case_links: {
    told: [[{ kind: 'case', by: 'case_id' }], [{ kind: 'case', by: 'other_case_id' }]],
  },
  case_templates: own('case-template'),
  case_template_tags: linked('case-template', 'case_template_id'),
  case_template_teams: linked('case-template', 'case_template_id'),
  observables: {
    told: [[{ kind: 'observable', by: 'id' }, ...BORN, PROMOTED, MERGED]],
  },
  observable_tags: {
    told: [[{ kind: 'observable', by: 'observable_id' }, ...BORN, PROMOTED, MERGED]],
    reached: {
      alert_id: '(SELECT alert_id FROM observables WHERE id = x.observable_id)',
      case_id: '(SELECT case_id FROM observables WHERE id = x.observable_id)',
    },
  },
  tasks: {
    told: [
      [
        { kind: 'task', by: 'id' },
        { ...MERGED, only: ['case_id', 'position'] },
        // The tasks of a case make room for the one that comes, moves or goes.
        { kind: 'task', by: 'id', among: 'case_id', only: ['position'] },
      ],
    ],
  },
  task_teams: linked('task', 'task_id'),
  comments: {
    told: [
      [
        { kind: 'comment', by: 'id' },
        { ...MERGED, only: ['case_id'] },
        // A reply to what is deleted answers what that answered.
        { kind: 'comment', by: 'parent_id', only: ['parent_id'] },
      ],
    ],
  },
  comment_mentions: linked('comment', 'comment_id'),
  timeline_events: own('timelineEvent'),
  ttps: own('ttp'),
  record_ttps: {
    told: [[{ kind: 'record-ttp', by: 'id' }, PROMOTED, MERGED]],
  },
  attachments: {
    told: [[{ kind: 'attachment', by: 'id' }, ...BORN, PROMOTED, MERGED]],
  },
};

/** Tables that hold nothing an audit trail tells of, and why. */
const BOOKKEEPING: Readonly<Record<string, string>> = {
  activities: 'the history that people read; written beside the entry',
  audit_entries: 'the trail itself',
  audit_chains: 'the trail itself',
  credential_usage: 'counts requests',
  idempotency_records: 'answers that are given again',
  jobs: 'deferred work; what it does is audited when it is done',
  blobs: 'contents of files, which attachments name',
  blob_holds: 'contents of files, which attachments name',
  blob_removals: 'contents of files, which attachments name',
  _prisma_migrations: 'the migrations of the database',
};

/** What every change moves. */
const MOVED_ALONG = new Set(['version', 'updated_at']);

/** Lets a migrated database note every change of the application, and every audit entry of a change, with its transaction. */
export async function noteChanges(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<Table>(TABLES);
    const known = new Set([...Object.keys(DOMAIN), ...Object.keys(BOOKKEEPING)]);
    const unknown = rows.flatMap(({ name }) => (known.has(name) ? [] : [name]));
    if (unknown.length > 0)
      throw new Error(`Say in test/audited.ts who audits changes of: ${unknown.join(', ')}.`);
    const noted = rows.flatMap((table) => {
      const domain = DOMAIN[table.name];
      return domain ? [noteSql(table, domain)] : [];
    });
    await client.query([SCHEMA, ...noted].join('\n'));
  } finally {
    await client.end();
  }
}

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

const TABLES = `
  SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns,
    array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attnum = ANY(i.indkey)) AS key
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.relname`;

const SCHEMA = `
  CREATE SCHEMA proof;
  CREATE UNLOGGED TABLE proof.changes (tx xid8 DEFAULT pg_current_xact_id(), "table" text, operation text, id text, content text, columns text[], named jsonb);
  CREATE UNLOGGED TABLE proof.entries (tx xid8 DEFAULT pg_current_xact_id(), action text, kind text, id text);
  CREATE FUNCTION proof.note_entries() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO proof.entries (action, kind, id) SELECT action, target_kind, target_id FROM after_rows
      WHERE action !~ '[.](refused|exported|downloaded)$';
    RETURN NULL; END $$;
  CREATE TRIGGER note_entries AFTER INSERT ON audit_entries REFERENCING NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION proof.note_entries();`;

/** Notes what each statement inserts, updates and deletes, but for those that arrange a test. */
function noteSql({ name, columns, key }: Table, { told, untold = {}, reached = {} }: Domain) {
  const idOf = (x: string) => `concat_ws(' ', ${key.map((column) => `${x}.${column}`).join(', ')})`;
  const heldBy = (x: string, column: string) =>
    (reached[column] ?? `x.${column}`).replaceAll(/\bx\./g, `${x}.`);
  const named = (...rows: readonly string[]) =>
    `jsonb_build_object(${[...new Set(told.flat().map(({ by }) => by))]
      .map((by) => `'${by}', jsonb_build_array(${rows.map((x) => heldBy(x, by)).join(', ')})`)
      .join(', ')})`;
  const noted = columns.filter(
    (column) => !MOVED_ALONG.has(column) && untold[column] === undefined,
  );
  // Links are replaced by taking out all and putting back those that stay.
  const contentOf = (x: string) =>
    key.length === 1
      ? 'NULL'
      : `concat_ws(' ', ${noted.map((column) => `${x}.${column}`).join(', ')})`;
  const changed = noted.map(
    (column) => `CASE WHEN n.${column} IS DISTINCT FROM o.${column} THEN '${column}' END`,
  );
  // What is deleted is read by nobody.
  const isThere = columns.includes('deleted_at')
    ? '(o.deleted_at IS NULL OR n.deleted_at IS NULL)'
    : 'true';
  const sources = {
    INSERT: `SELECT ${idOf('n')}, ${contentOf('n')}, NULL::text[], ${named('n')} FROM after_rows n`,
    UPDATE: `SELECT ${idOf('n')}, NULL, c.columns, ${named('o', 'n')} FROM after_rows n LEFT JOIN before_rows o USING (${key.join(', ')})
      CROSS JOIN LATERAL (SELECT array_remove(ARRAY[${changed.join(', ')}], NULL) AS columns) c WHERE c.columns <> '{}' AND ${isThere}`,
    DELETE: `SELECT ${idOf('o')}, ${contentOf('o')}, NULL::text[], ${named('o')} FROM before_rows o`,
  };
  return Object.entries(sources)
    .map(([operation, source]) => {
      const note = `note_${name}_${operation.toLowerCase()}`;
      const rows = [
        ...(operation === 'INSERT' ? [] : ['OLD TABLE AS before_rows']),
        ...(operation === 'DELETE' ? [] : ['NEW TABLE AS after_rows']),
      ];
      return `
  CREATE FUNCTION proof.${note}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO proof.changes ("table", operation, id, content, columns, named)
    SELECT '${name}', '${operation}', s.* FROM (${source}) s;
    RETURN NULL; END $$;
  CREATE TRIGGER ${note} AFTER ${operation} ON ${name} REFERENCING ${rows.join(' ')}
    FOR EACH STATEMENT WHEN (current_setting('application_name') <> 'test') EXECUTE FUNCTION proof.${note}();`;
    })
    .join('\n');
}

interface Change {
  readonly tx: string;
  readonly table: string;
  readonly operation: 'INSERT' | 'UPDATE' | 'DELETE';
  readonly id: string;
  /** What a link that came or went says. */
  readonly content: string | null;
  /** Those that an update changed. */
  readonly columns: readonly string[] | null;
  readonly named: Readonly<Record<string, readonly unknown[]>>;
}

interface Entry {
  readonly tx: string;
  readonly action: string;
  readonly kind: string;
  readonly id: string | null;
}

/** Fails unless each change that the application committed since the last time is told of in its transaction. */
export async function assertAudited(db: TestDatabase): Promise<void> {
  const { changes, entries } = await db.row<{
    changes: readonly Change[];
    entries: readonly Entry[];
  }>(
    `WITH c AS (DELETE FROM proof.changes RETURNING *), e AS (DELETE FROM proof.entries RETURNING *)
     SELECT (SELECT coalesce(json_agg(c), '[]') FROM c) AS changes, (SELECT coalesce(json_agg(e), '[]') FROM e) AS entries`,
  );
  const told = groupBy(entries, ({ tx }) => tx);
  const untold = [...groupBy(changes, ({ tx }) => tx)].flatMap(([tx, together]) =>
    untoldOf(together, told.get(tx) ?? []),
  );
  const shapes = [...groupBy(untold, ({ shape }) => shape).values()];
  if (shapes.length > 0)
    throw new Error(
      `Changes without an audit entry:\n${shapes.map((each) => `${each.length} × ${each[0]?.example ?? ''}`).join('\n')}`,
    );
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** What none of the entries of a transaction tells of, with what such changes have in common. */
function untoldOf(changes: readonly Change[], entries: readonly Entry[]) {
  return [...groupBy(changes, ({ table, id }) => `${table} ${id}`).values()]
    .flatMap((ofRow) => (isUndone(ofRow) ? [] : ofRow))
    .filter((change) => !isTold(change, changes, entries))
    .map(({ table, id, operation, columns }) => {
      const what = `${operation} of ${table}(${columns?.join(', ') ?? ''})`;
      const actions = new Set(entries.map(({ action }) => action));
      const written = entries.slice(0, 9).map((each) => `${each.action} ${each.id ?? ''}`);
      return {
        shape: `${what} ${[...actions].join(' ')}`,
        example: `${what} ${id} beside ${written.join(', ') || 'no entry'}`,
      };
    });
}

/** Whether a link was taken out and put back as it was. */
function isUndone(ofRow: readonly Change[]): boolean {
  const [first, second, ...more] = ofRow;
  return (
    more.length === 0 &&
    first !== undefined &&
    second !== undefined &&
    first.operation !== second.operation &&
    first.content !== null &&
    first.content === second.content
  );
}

function isTold(change: Change, together: readonly Change[], entries: readonly Entry[]): boolean {
  const tells = ({ kind, by, among, only, as, during }: Telling) => {
    if (only && !change.columns?.every((column) => only.includes(column))) return false;
    if (during && !entries.some(({ action }) => action === during)) return false;
    const share = (other: Change) =>
      other.table === change.table &&
      change.named[among ?? '']?.some((id) => other.named[among ?? '']?.includes(id));
    const rows = among === undefined ? [change] : together.filter(share);
    const ids = new Set(rows.flatMap(({ named }) => named[by]?.map(String)));
    return entries.some(
      ({ kind: about, id, action }) =>
        about === kind && ids.has(id ?? '') && (as === undefined || action === as),
    );
  };
  return (DOMAIN[change.table]?.told ?? []).every((group) => group.some(tells));
}
