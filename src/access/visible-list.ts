import type { Principal } from '../auth/principal.js';
import type { Position } from '../common/pagination.js';
import type { SqlParams } from '../database/sql.js';
import { clearedFor } from './access.js';
import type { SharedTables } from './access.js';

/** A condition on the record `r`. */
export interface ListCondition {
  readonly text: string;
  /** The same, as it finds the records where few meet it. */
  readonly few?: string;
  /** Where it says that a column has one of some values, and an index holds each value's records by creation. */
  readonly axis?: Axis;
  /** Where it says on which side of a value a column is, so that a list in its order begins or ends there. */
  readonly bound?: Bound;
}

/** A column compared with a value. */
export interface Bound {
  readonly column: string;
  readonly operator: '<' | '>=';
  readonly value: string;
}

/** Values of a column, any one of which a record may have. */
export interface Axis {
  readonly column: string;
  /** The value itself where it is the only one. */
  readonly only?: string;
  /** An SQL array, without equal values. */
  readonly values: string;
  readonly count: number;
}

/** What lies before and after all values of a type that lists are sorted by. */
const ENDS = {
  timestamptz: ['-infinity', 'infinity'],
  smallint: ['-32768', '32767'],
  int: ['-2147483648', '2147483647'],
} as const;

export type SortType = keyof typeof ENDS;

export interface ListShape {
  /** Conditions beyond tenant, clearance and deletion; axes that tell the most apart come first. */
  readonly conditions: readonly ListCondition[];
  readonly sortColumn: string;
  /** What of the record `r` is sorted: never null. */
  readonly sortValue: string;
  readonly descending: boolean;
  readonly after: Position | null;
  /** The SQL type of the sort column, to read the position back. */
  readonly sortType: SortType;
  readonly limit: number;
  /** How far it is looked at in its order before all that match are gathered, where that is not for a full page. */
  readonly near?: Near;
}

/** How many rows are looked at in the order of a list, and how many of them must match for these to do. */
export interface Near {
  readonly rows: number;
  readonly enough: number;
}

/**
 * How many records are looked at in the order of the list before all that match are gathered.
 *
 * What more than one record in a hundred has is found there; the few others are cheap to gather.
 */
const NEAR_RECORDS = 4_000;

/** The same for shares, each of which leads to a record elsewhere. */
const NEAR_SHARES = 2_000;

/** What a share repeats of its record, so that guests read their lists in order; a trigger keeps both the same. */
export const SHARED_COLUMNS: readonly string[] = [
  'created_at',
  'updated_at',
  'severity',
  'tiny_id',
  'status_id',
];

/** Lists of more values than this are filtered like any other condition. */
const AXIS_VALUES_MAX = 10;

/** A set of records `r` that may be shown, and how it can be read in order. */
interface Source {
  readonly from: string;
  readonly where: readonly string[];
  readonly conditions: readonly ListCondition[];
  /** The columns that an index holds in the order of the list, the same as those of `r`. */
  readonly order: readonly [value: string, id: string];
  /** Where an index holds each value's records by creation; null where none does. */
  at(column: string): string | null;
  /** Whether there is such an index. */
  readonly isOrdered: boolean;
  readonly nearMax: number;
  /** What the index holds of it, and perhaps more: where little is left in it, all of it has been looked at. */
  readonly span?: { readonly from: string; readonly where: readonly string[] };
}

/**
 * The ids of the rows a list may show, in order: the caller's tenants, up to its clearance.
 *
 * The database filters, so counts and cursors never reveal what was hidden. What the tenant owns, what
 * is visible to all, and what others share with it are each read from an index in the order of the
 * list, so that the cost follows the page and not the table.
 */
export function visibleIds(
  principal: Principal,
  tables: SharedTables,
  params: SqlParams,
  list: ListShape,
): string {
  const limit = params.add(list.limit, 'int');
  const reading = new Reading(list, limit, params);
  const [owned, ...others] = sourcesOf(principal, tables, params, list);
  const own = reading.first([reading.each(owned)]);
  if (others.length === 0) return own;
  const parts = others.map((part) => reading.each(part, reading.withinOwned(part.source)));
  return `WITH owned AS MATERIALIZED (${own})
    ${reading.first(['SELECT * FROM owned', ...parts])}`;
}

/** The ids of the first rows `r` of what hangs on the records of organizations `org`, which an index holds by creation. */
export function hangingIds(
  table: string,
  organizations: string,
  params: SqlParams,
  list: ListShape,
): string {
  const reading = new Reading(list, params.add(list.limit, 'int'), params);
  const source: Source = {
    from: `${table} r`,
    where: ['r.organization_id = org.id', 'r.deleted_at IS NULL'],
    conditions: list.conditions,
    order: [list.sortValue, 'r.id'],
    at: () => null,
    isOrdered: true,
    nearMax: NEAR_RECORDS,
  };
  return reading.first([reading.each({ each: organizations, source })]);
}

/** How many rows a list may show, counting no further than its limit, and in no order. */
export function visibleCount(
  principal: Principal,
  tables: SharedTables,
  params: SqlParams,
  list: ListShape,
): string {
  const limit = params.add(list.limit, 'int');
  const parts = sourcesOf(principal, tables, params, list).map(({ each, source }) => {
    const rows = `SELECT 1 FROM ${source.from} WHERE ${whereOf(source)} LIMIT ${limit}`;
    return each === '' ? `(${rows})` : `SELECT 1 FROM ${each} CROSS JOIN LATERAL (${rows}) part`;
  });
  return `SELECT count(*)::int AS count FROM (SELECT 1 FROM (${parts.join(' UNION ALL ')}) x LIMIT ${limit}) x`;
}

/** What of a list by creation is read as a whole. */
export interface WholeList {
  readonly conditions: readonly ListCondition[];
  /** Leaves out what the caller's tenants own. */
  readonly isOfOthers?: boolean;
}

/** The statements that read columns of every row `r` a list may show: together each row once, in no order. */
export function visibleRows(
  principal: Principal,
  tables: SharedTables,
  params: SqlParams,
  { conditions, isOfOthers = false }: WholeList,
  columns: string,
): string[] {
  const [owned, ...others] = sourcesOf(principal, tables, params, {
    conditions,
    sortColumn: 'created_at',
    sortValue: 'r.created_at',
  });
  return (isOfOthers ? others : [owned, ...others]).map(({ each, source }) => {
    const rows = `SELECT ${columns} FROM ${source.from} WHERE ${whereOf(source)}`;
    // The offset keeps PostgreSQL from reading the records of all tenants to pick the caller's.
    return each === ''
      ? rows
      : `SELECT part.* FROM ${each} CROSS JOIN LATERAL (${rows} OFFSET 0) part`;
  });
}

/** All that a source asks of its records. */
function whereOf({ where, conditions }: Source): string {
  return [...where, ...conditions.map(({ text }) => text)].join(' AND ');
}

interface Part {
  /** What the source is read for one by one; empty when it is read once. */
  readonly each: string;
  readonly source: Source;
}

/** What of a list decides how its records are found. */
type SourceShape = Pick<ListShape, 'conditions' | 'sortColumn' | 'sortValue'>;

/** The disjoint sets of records that the caller sees: what it owns, then the rest. */
function sourcesOf(
  principal: Principal,
  tables: SharedTables,
  params: SqlParams,
  list: SourceShape,
): [owned: Part, ...others: Part[]] {
  const records = `${tables.records} r`;
  const order = [list.sortValue, 'r.id'] as const;
  const isByCreation = list.sortColumn === 'created_at';
  const bounds = list.conditions.flatMap(({ bound }) =>
    bound?.column === list.sortColumn ? [bound] : [],
  );
  const within = (column: string) =>
    bounds.map(({ operator, value }) => `${column} ${operator} ${value}`);
  const base = ['r.deleted_at IS NULL', clearedFor(principal, 'r', params)];
  const conditions = list.conditions.filter(({ bound }) => bound?.column !== list.sortColumn);
  const owned = (each: string, where: readonly string[]): Part =>
    alongAxis(
      each,
      {
        from: records,
        where: [...where, ...within(order[0])],
        conditions,
        order,
        at: (column) => `r.${column}`,
        isOrdered: true,
        nearMax: NEAR_RECORDS,
      },
      list,
    );
  if (principal.everyOrganization) {
    if (isByCreation) return [owned('', base)];
    return [owned('organizations org', ['r.organization_id = org.id', ...base])];
  }
  const own = params.add(principal.organizationIds, 'uuid[]');
  const ofOthers = `r.organization_id <> ALL(${own})`;
  const tenants = `unnest(${own}) org(id)`;
  const shares = `${tables.shares} share JOIN ${records} ON r.id = share.${tables.shareKey}`;
  const isCopied = SHARED_COLUMNS.includes(list.sortColumn);
  const sharedOrder = isCopied
    ? ([`share.${list.sortColumn}`, `share.${tables.shareKey}`] as const)
    : order;
  const once =
    principal.organizationIds.length < 2
      ? []
      : [
          `NOT EXISTS (SELECT 1 FROM ${tables.shares} other WHERE other.${tables.shareKey} = r.id
            AND other.organization_id = ANY(${own}) AND other.organization_id < org.id)`,
        ];
  return [
    owned(tenants, ['r.organization_id = org.id', ...base]),
    {
      each: '',
      source: {
        from: records,
        where: ['r.visible_to_all_organizations', ofOthers, ...base, ...within(order[0])],
        conditions,
        order,
        at: () => null,
        isOrdered: isByCreation,
        nearMax: NEAR_RECORDS,
      },
    },
    alongAxis(
      tenants,
      {
        from: shares,
        where: [
          'share.organization_id = org.id',
          'NOT r.visible_to_all_organizations',
          ofOthers,
          ...base,
          ...within(sharedOrder[0]),
          ...once,
        ],
        conditions,
        order: sharedOrder,
        at: (column) => (column === 'status_id' ? 'share.status_id' : null),
        isOrdered: isCopied,
        nearMax: NEAR_SHARES,
        ...(isCopied && {
          span: {
            from: `${tables.shares} share`,
            where: ['share.organization_id = org.id', ...within(sharedOrder[0])],
          },
        }),
      },
      list,
    ),
  ];
}

/** The same records, read value by value of the first axis when each value's records are in the order of the list. */
function alongAxis(each: string, source: Source, list: SourceShape): Part {
  const condition =
    list.sortColumn === 'created_at' &&
    list.conditions.find(({ axis }) => axis && axis.count <= AXIS_VALUES_MAX);
  if (!condition || !condition.axis || each === '') return { each, source };
  const { axis } = condition;
  const column = source.at(axis.column);
  if (column === null) return { each, source };
  const { span } = source;
  const along = `${column} = ${axis.only ?? 'axis.value'}`;
  return {
    each: axis.only === undefined ? `${each} CROSS JOIN unnest(${axis.values}) axis(value)` : each,
    source: {
      ...source,
      conditions: source.conditions.filter((other) => other !== condition),
      where: [...source.where, along],
      ...(span && { span: { ...span, where: [...span.where, along] } }),
    },
  };
}

/** Writes the statements that read the first rows of a source. */
class Reading {
  private readonly direction: 'ASC' | 'DESC';
  private readonly columns: string;

  constructor(
    private readonly list: ListShape,
    private readonly limit: string,
    private readonly params: SqlParams,
  ) {
    this.direction = list.descending ? 'DESC' : 'ASC';
    this.columns = `r.id, ${list.sortValue} AS sort_value`;
  }

  orderBy([value, id]: readonly [value: string, id: string]): string {
    return `ORDER BY ${value} ${this.direction}, ${id} ${this.direction}`;
  }

  /** The first rows of what the statements find together. */
  first(statements: readonly string[]): string {
    return `SELECT page.id, page.sort_value FROM (${statements.join(' UNION ALL ')}) page
      ${this.orderBy(['page.sort_value', 'page.id'])} LIMIT ${this.limit}`;
  }

  /** What comes before the end of a full page of owned records; the rest of others could not be on it. */
  withinOwned({ order: [value], isOrdered }: Source): string[] {
    if (!isOrdered) return [];
    const { descending } = this.list;
    const last = `SELECT owned.sort_value FROM owned ${this.orderBy(['owned.sort_value', 'owned.id'])} OFFSET ${this.limit} - 1`;
    return [
      `${value} ${descending ? '>=' : '<='} coalesce((${last}), '${ENDS[this.list.sortType][descending ? 0 : 1]}')`,
    ];
  }

  /** The first rows of each value of a part. */
  each({ each, source }: Part, where: readonly string[] = []): string {
    const { span } = source;
    const rows = this.of({
      ...source,
      where: [...source.where, ...where],
      ...(span && { span: { ...span, where: [...span.where, ...where] } }),
    });
    return each === ''
      ? `SELECT part.* FROM (${rows}) part`
      : `SELECT part.* FROM ${each} CROSS JOIN LATERAL (${rows}) part`;
  }

  /**
   * In order where nothing is asked beyond what the index holds. Else the next records are looked at
   * first; only when too few of them match, all that match are gathered by whatever finds them best.
   */
  private of(source: Source): string {
    const { from, where, conditions, order, span = source } = source;
    const { rows: nearMax, enough } = this.list.near ?? {
      rows: source.nearMax,
      enough: this.limit,
    };
    const position = this.after(order);
    const within = [...where, ...position].join(' AND ');
    const matching = [within, ...conditions.map(({ text, few = text }) => few)].join(' AND ');
    if (!source.isOrdered) return this.gathered(from, matching);
    if (conditions.length === 0) {
      return `SELECT ${this.columns} FROM ${from} WHERE ${within} ${this.orderBy(order)} LIMIT ${this.limit}`;
    }
    const isFarther = `EXISTS (SELECT 1 FROM ${span.from} WHERE ${[...span.where, ...position].join(' AND ')}
      ${this.orderBy(order)} OFFSET ${nearMax})`;
    return `WITH near AS MATERIALIZED (
        SELECT ${this.columns} FROM (SELECT r.* FROM ${from} WHERE ${within} ${this.orderBy(order)} LIMIT ${nearMax}) r
        WHERE ${conditions.map(({ text }) => text).join(' AND ')} ${this.orderBy([this.list.sortValue, 'r.id'])} LIMIT ${this.limit}),
      verdict AS MATERIALIZED (SELECT count(*) < ${enough} AND ${isFarther} AS is_short FROM near)
      SELECT near.* FROM near WHERE NOT (SELECT is_short FROM verdict)
      UNION ALL
      (${this.gathered(from, `(SELECT is_short FROM verdict) AND ${matching}`)})`;
  }

  /** Everything that matches, then sorted: an index in the order of the list is not what finds it. */
  private gathered(from: string, where: string): string {
    return `WITH matching AS MATERIALIZED (SELECT ${this.columns} FROM ${from} WHERE ${where})
      SELECT matching.* FROM matching ${this.orderBy(['matching.sort_value', 'matching.id'])} LIMIT ${this.limit}`;
  }

  /** The condition that rows come after the position, if there is one. */
  private after([value, id]: readonly [value: string, id: string]): string[] {
    if (!this.list.after) return [];
    const [at, last] = this.list.after;
    const position = `(${this.params.add(at)}::${this.list.sortType}, ${this.params.add(last, 'uuid')})`;
    return [`(${value}, ${id}) ${this.list.descending ? '<' : '>'} ${position}`];
  }
}
