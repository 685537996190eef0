import { ALERT_TABLES, CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { SharedTables } from '../access/access.js';
import type { Near } from '../access/visible-list.js';
import type { Principal } from '../auth/principal.js';
import type { Position } from '../common/pagination.js';
import type { SqlParams } from '../database/sql.js';
import { RarestParts, hasOne, mayHaveOne } from './value-text.js';

/** Which observables a list holds; each filter is a list of what may be. */
export interface ObservableFilter {
  readonly alertIds?: readonly string[] | undefined;
  readonly caseIds?: readonly string[] | undefined;
  readonly typeIds?: readonly number[] | undefined;
  /** Hashes (hex) of the normalised values. */
  readonly valueHashes?: readonly string[] | undefined;
  /** Texts of three characters or more that the value has somewhere. */
  readonly contains?: readonly string[] | undefined;
  /** Of each of these lists of such texts, the value has one. */
  readonly words?: readonly (readonly string[])[] | undefined;
  readonly ioc?: boolean | undefined;
  readonly sighted?: boolean | undefined;
  readonly tlp?: readonly number[] | undefined;
  /** Ids or names. */
  readonly tags?: readonly (number | string)[] | undefined;
  readonly createdAfter?: string | undefined;
  /** Whether of one record that holds a value under several types only the oldest is listed. */
  readonly oncePerRecord?: boolean | undefined;
}

/** Which rows of a list a page holds. */
export interface PageShape {
  readonly limit: number;
  readonly descending: boolean;
  readonly after: Position | null;
  /** How far it is looked at in its order before all that match are gathered, where that is not for a full page. */
  readonly near?: Near;
}

/** How many observables are looked at in the order of the list before all that match are gathered. */
interface Reach {
  readonly first: number;
  /** Looked at where as many matches as are asked for may be expected among them. */
  readonly most: number;
}

/** Where gathering takes as long as reading everything, where an index finds what matches, and where its finds are checked. */
const REACH: Reach = { first: 20_000, most: 20_000 };
const REACH_INDEXED: Reach = { first: 4_000, most: 4_000 };
const REACH_TEXT: Reach = { first: 2_000, most: 20_000 };
const OF_ORGANIZATION = 'o.organization_id = org.id';
/** The creation, where another index than that by creation finds the rows. */
const GATHERED_AT = `(o.created_at + '0'::interval)`;
/** What share of these matches, at most, when an index gathers all sooner than the records that hold them. */
const RARE_SHARE = 0.005;
/** How many values are few enough for each to be looked at, whoever may see it. */
const FEW_VALUES = 2_000;
/** Of how few records an organization is a guest for theirs to be read at once. */
const FEW_RECORDS = 1_000;

/** Writes the statements that find the observables of a list. */
export class ListSql {
  private readonly limit: string;
  private readonly direction: 'ASC' | 'DESC';
  private ownParameter: string | null = null;
  private baseConditions: readonly string[] | null = null;
  /** What an index holds in the order of the list; that of values speaks of the table `wanted`. */
  private readonly axis: readonly string[];
  /** The rest of what the filter asks for. */
  private readonly filters: readonly string[];
  /** Lists of texts of each of which the value has one. */
  private readonly texts: readonly (readonly string[])[];
  private rarestParts: RarestParts | null = null;
  /** On which side of the cursor, and of a moment. */
  private readonly span: readonly string[];
  /** The same for what is gathered: where another index finds it, so that this one is not read as well. */
  private readonly spanGathered: readonly string[];
  private readonly wanted: string | null;

  constructor(
    private readonly principal: Principal,
    private readonly filter: ObservableFilter,
    private readonly page: PageShape,
    private readonly params: SqlParams,
  ) {
    this.limit = params.add(page.limit + 1, 'int');
    this.direction = page.descending ? 'DESC' : 'ASC';
    this.wanted = filter.valueHashes
      ? `(SELECT decode(hex, 'hex') AS hash FROM unnest(${params.add(filter.valueHashes, 'text[]')}) hex) wanted`
      : null;
    const axis = axisOf(filter);
    this.axis = this.axisConditions(axis);
    this.texts = [...(filter.words ?? []), ...(filter.contains ? [filter.contains] : [])];
    this.filters = this.filterConditions(axis);
    const spanOf = this.spanConditions();
    this.span = spanOf('o.created_at');
    this.spanGathered = this.isByText() || filter.tags ? spanOf(GATHERED_AT) : this.span;
  }

  /** The caller's organizations; no statement may have a parameter that it does not use. */
  private get own(): string {
    this.ownParameter ??= this.params.add(this.principal.organizationIds, 'uuid[]');
    return this.ownParameter;
  }

  /** What is there and within clearance, whoever owns it. */
  private get base(): readonly string[] {
    this.baseConditions ??= this.shown(false);
    return this.baseConditions;
  }

  orderBy(rows: string): string {
    return `ORDER BY ${rows}.created_at ${this.direction}, ${rows}.id ${this.direction}`;
  }

  /** The ids of a page with their creation, in order. */
  ids(): string {
    if (this.isOfRecords()) return this.ofRecords();
    const rows = this.principal.everyOrganization ? this.ofEverybody() : this.ofOrganizations();
    if (!this.rarest) return this.firstOf(rows);
    // What few have is found in all of the index sooner than by tenant. No more of them are read than tell that they are few.
    const { table, isRare, mayHaveThem } = this.rarest;
    const found = [isRare, ...mayHaveThem, 'o.deleted_at IS NULL'].join(' AND ');
    const isFew = '(SELECT is_few FROM few)';
    const wanted = [
      isFew,
      ...this.axis,
      ...this.spanGathered,
      ...this.filters,
      ...this.shown(true),
    ];
    return `WITH ${table},
      rare AS MATERIALIZED (SELECT o.* FROM observables o WHERE ${found}),
      few AS MATERIALIZED (SELECT ${isRare} AND count(*) <= ${FEW_VALUES} AS is_few FROM (SELECT FROM rare LIMIT ${FEW_VALUES + 1}) x)
      ${this.firstOf(`SELECT o.id, o.created_at FROM rare o WHERE ${wanted.join(' AND ')}
        UNION ALL SELECT * FROM (${rows}) x WHERE NOT ${isFew}`)}`;
  }

  /** Up to a page of rows in no order. */
  some(): string {
    if (this.isOfRecords()) return this.ofRecords();
    const where = [
      OF_ORGANIZATION,
      ...this.base,
      ...this.axis,
      ...this.span,
      ...this.filters,
      ...this.textsIndexed(),
    ];
    const owned = (organizations: string) =>
      `SELECT part.* FROM ${this.eachOf(organizations)} CROSS JOIN LATERAL (
        SELECT 1 FROM observables o WHERE ${where.join(' AND ')} LIMIT ${this.limit}) part`;
    const parts = this.principal.everyOrganization
      ? [owned('organizations org')]
      : [owned(`unnest(${this.own}) org(id)`), `SELECT 1 FROM (${this.gatheredOfOthers([])}) o`];
    return `SELECT 1 FROM (${parts.join(' UNION ALL ')}) x LIMIT ${this.limit}`;
  }

  /** The next hashes of values beyond one, in their order. */
  hashes(after: string): string {
    const beyond = `o.value_hash > decode(${after}, 'hex')`;
    const next = (from: string, where: readonly string[]) =>
      `SELECT DISTINCT o.value_hash AS hash FROM ${from} WHERE ${[beyond, ...where].join(' AND ')} ORDER BY hash LIMIT ${this.limit}`;
    const sets = this.valueSets((conditions) => next(`observables o`, conditions));
    const shared =
      this.isOfRecords() || this.principal.everyOrganization
        ? []
        : [
            `SELECT DISTINCT x.hash FROM (${this.ofSharedRecords('o.value_hash AS hash', [beyond])}) x ORDER BY hash LIMIT ${this.limit}`,
          ];
    const all = [...sets, ...shared].map((set) => `SELECT hash FROM (${set}) x`).join(' UNION ');
    return `SELECT hash FROM (${all}) x ORDER BY hash LIMIT ${this.limit}`;
  }

  /** The ids of what the list holds of the values in a table `hashes`. */
  ofHashes(): string {
    const isNext = 'o.value_hash IN (SELECT hash FROM hashes)';
    const sets = this.valueSets(
      (conditions) =>
        `SELECT o.id FROM hashes JOIN observables o ON o.value_hash = hashes.hash WHERE ${conditions.join(' AND ')}`,
    );
    const shared =
      this.isOfRecords() || this.principal.everyOrganization
        ? []
        : [this.ofSharedRecords('o.id', [isNext])];
    return [...sets, ...shared].join(' UNION ALL ');
  }

  /** Of given records, or of each organization by itself: an index holds its values in the order of their hashes. */
  private valueSets(set: (conditions: readonly string[]) => string): string[] {
    if (this.isOfRecords()) return [set([this.isOfThese(), ...this.shown(true), ...this.sought()])];
    const wanted = [...this.base, ...this.sought(), ...this.textsIndexed()];
    const organizations = this.principal.everyOrganization
      ? 'organizations org'
      : `unnest(${this.own}) org(id)`;
    return [
      `SELECT part.* FROM ${organizations} CROSS JOIN LATERAL (${set([OF_ORGANIZATION, ...wanted])}) part`,
    ];
  }

  private isOfRecords(): boolean {
    return (this.filter.alertIds ?? this.filter.caseIds) !== undefined;
  }

  /** Of given records, which hold few. */
  private ofRecords(): string {
    return this.inOrder([this.isOfThese(), ...this.shown(true), ...this.sought()]);
  }

  private isOfThese(): string {
    const { alertIds, caseIds } = this.filter;
    const among = (column: string, ids: readonly string[] | undefined) =>
      ids ? [`o.${column} = ANY(${this.params.add(ids, 'uuid[]')})`] : [];
    return `(${[...among('alert_id', alertIds), ...among('case_id', caseIds)].join(' OR ')})`;
  }

  private ofOrganizations(): string {
    return `WITH owned AS MATERIALIZED (${this.firstOf(this.owned(`unnest(${this.own}) org(id)`))})
      SELECT * FROM owned UNION ALL ${this.ofOthers()}`;
  }

  private ofEverybody(): string {
    return this.axis.length > 0 ? this.owned('organizations org') : this.nearest(['true']);
  }

  /** What organizations own, read for each in the order of its index. */
  private owned(organizations: string): string {
    const scope = [OF_ORGANIZATION, ...this.axis];
    return `SELECT part.* FROM ${this.eachOf(organizations)} CROSS JOIN LATERAL (${this.nearest(scope)}) part`;
  }

  private eachOf(organizations: string): string {
    return this.wanted ? `${organizations} CROSS JOIN ${this.wanted}` : organizations;
  }

  /** In order, as far as nothing is asked beyond the index; else what is near before all that match. */
  private nearest(scope: readonly string[]): string {
    const index = [...scope, ...this.span];
    if (this.filters.length === 0) return this.inOrder([...index, ...this.base]);
    const { tables, rows, isShort } = this.near(index, null, this.filters, this.base);
    const matching = this.allOf([isShort, ...this.gatheredBy(scope), ...this.base]);
    return `WITH ${tables} ${rows} UNION ALL (${this.gathered([matching])})`;
  }

  /**
   * What others share with the caller or show to all, no farther than to the end of a full page of its own.
   *
   * A guest of few records reads theirs. One of many finds its page, as a rule, among what is newest anywhere;
   * where it does not, all that match are gathered by what asks for less: an index that holds the rare ones,
   * or the records.
   */
  private ofOthers(): string {
    const within = this.withinOwned();
    const guest = `guest AS MATERIALIZED (SELECT count(*) <= ${FEW_RECORDS} AS is_few FROM (${this.someRecords()}) x)`;
    const isFew = '(SELECT is_few FROM guest)';
    const rest = this.shown(true);
    if (this.wanted) {
      return `SELECT * FROM (WITH ${guest}
        SELECT x.* FROM (${this.gatheredOfOthers([isFew, within])}) x
        UNION ALL SELECT x.* FROM (${this.alongAxis([`NOT ${isFew}`, within], rest)}) x) others`;
    }
    const isIndexed = this.reach() !== REACH;
    const ofOthers = `o.organization_id <> ALL(${this.own})`;
    const { tables, rows, isShort, isRare } = this.near(
      [`NOT ${isFew}`, ofOthers, ...this.span, within],
      this.endOfOwned(),
      [...this.axis, ...this.filters],
      rest,
    );
    const byRecords = isIndexed ? `${isShort} AND NOT ${isRare}` : isShort;
    const byIndex = [isShort, isRare];
    const rare =
      this.axis.length > 0
        ? this.alongAxis([...byIndex, within], rest)
        : this.gathered([
            this.allOf([
              ...byIndex,
              ...this.gatheredBy([ofOthers]),
              this.withinOwned(GATHERED_AT),
              ...rest,
            ]),
          ]);
    return `SELECT * FROM (WITH ${guest}, ${tables} ${rows}
      ${isIndexed ? `UNION ALL SELECT x.* FROM (${rare}) x` : ''}
      UNION ALL SELECT x.* FROM (${this.gatheredOfOthers([`(${isFew} OR (${byRecords}))`, within])}) x) others`;
  }

  /** What is asked for of a scope, where another index than that by creation finds it. */
  private gatheredBy(scope: readonly string[]): string[] {
    return [...scope, ...(this.rarest?.mayHaveThem ?? []), ...this.spanGathered, ...this.filters];
  }

  private isByText(): boolean {
    return this.texts.length > 0;
  }

  /** What an index can tell of the texts, as far as is known before the statement runs. */
  private textsIndexed(): string[] {
    return this.texts.map((texts) => mayHaveOne(texts, this.params));
  }

  /** What finds the texts, unless whole values are asked for; a statement that asks for it has its table. */
  private get rarest(): RarestParts | null {
    if (this.isByText() && !this.wanted)
      this.rarestParts ??= new RarestParts(this.texts, this.params);
    return this.rarestParts;
  }

  private reach(): Reach {
    if (this.isByText()) return REACH_TEXT;
    return this.axis.length > 0 || this.filter.tags ? REACH_INDEXED : REACH;
  }

  /** What other organizations own, read for each in the order of the axis. */
  private alongAxis(where: readonly string[], rest: readonly string[]): string {
    const others = `(SELECT id FROM organizations WHERE id <> ALL(${this.own})) org`;
    const index = [...where, OF_ORGANIZATION, ...this.axis, ...this.span];
    return `SELECT part.* FROM ${this.eachOf(others)} CROSS JOIN LATERAL (
      ${this.inOrder([...index, ...rest, ...this.filters])}) part`;
  }

  /**
   * The next rows of an index: which of them match and may be shown, whether these are too few although there
   * are more rows, and whether rows that match are rare.
   *
   * @param end where the rows end, when it is not where the index ends
   */
  private near(
    index: readonly string[],
    end: string | null,
    matching: readonly string[],
    shown: readonly string[],
  ) {
    const { page } = this;
    const reach = this.reach();
    const { rows: max, enough } = page.near ?? { rows: reach.most, enough: this.limit };
    const first = Math.min(reach.first, max);
    const most = Math.min(reach.most, max);
    const next = `FROM observables o WHERE ${index.join(' AND ')} ${this.orderBy('o')}`;
    const some = (rows: number) => `(SELECT o.* ${next} LIMIT ${rows}) o`;
    const found = (rows: number, where: readonly string[]) =>
      `SELECT o.id, o.created_at FROM ${some(rows)} WHERE ${[...where, ...matching, ...shown].join(' AND ')} ${this.orderBy('o')} LIMIT ${this.limit}`;
    const isMore = (rows: number) => `EXISTS (SELECT 1 ${next} OFFSET ${rows})`;
    const hopes = [
      `count(*) * ${most / first} >= ${enough}`,
      ...(end === null ? [] : [this.isWithin(end, next, first, most)]),
    ];
    const isHopeful = first < most ? '(SELECT is_hopeful FROM hope)' : 'false';
    const isShort = '(SELECT is_short FROM verdict)';
    const tables = [
      `first AS MATERIALIZED (${found(first, [])})`,
      `hope AS MATERIALIZED (SELECT count(*) < ${enough} AND (${hopes.join(' OR ')}) AS is_hopeful FROM first)`,
      `near AS MATERIALIZED (SELECT * FROM first WHERE NOT ${isHopeful} UNION ALL (${found(most, [isHopeful])}))`,
      `verdict AS MATERIALIZED (
        SELECT count(*) < ${enough} AND CASE WHEN ${isHopeful} THEN ${isMore(most)} ELSE ${isMore(first)} END AS is_short FROM near)`,
      `rarity AS MATERIALIZED (
        SELECT count(*) <= ${first * RARE_SHARE} AS is_rare FROM ${some(first)} WHERE ${[isShort, ...matching].join(' AND ')})`,
    ];
    return {
      tables: tables.join(', '),
      rows: `SELECT near.* FROM near WHERE NOT ${isShort}`,
      isShort,
      isRare: '(SELECT is_rare FROM rarity)',
    };
  }

  /** Whether what the first rows span says that the end is reached by `most` of them. */
  private isWithin(end: string, next: string, first: number, most: number): string {
    const nth = (place: number) => `(SELECT o.created_at ${next} OFFSET ${place} LIMIT 1)`;
    const reached = `(SELECT to_nth + (to_nth - from_first) * ${most / first - 1}
      FROM (SELECT ${nth(0)} AS from_first, ${nth(first - 1)} AS to_nth OFFSET 0) x)`;
    return `coalesce(${reached} ${this.page.descending ? '<=' : '>='} ${end}, false)`;
  }

  private allOf(where: readonly string[]): string {
    return `SELECT o.id, o.created_at FROM observables o WHERE ${where.join(' AND ')}`;
  }

  private inOrder(where: readonly string[]): string {
    return `${this.allOf(where)} ${this.orderBy('o')} LIMIT ${this.limit}`;
  }

  /** Everything that matches, then sorted: an index in the order of the list is not what finds it. */
  private gathered(sets: readonly string[]): string {
    return `WITH matching AS MATERIALIZED (${sets.join(' UNION ALL ')}) ${this.firstOf('SELECT * FROM matching')}`;
  }

  private firstOf(rows: string): string {
    return `SELECT page.* FROM (${rows}) page ${this.orderBy('page')} LIMIT ${this.limit}`;
  }

  /** The observables of all records that others share with the caller or show to all. */
  private gatheredOfOthers(where: readonly string[]): string {
    return this.gathered([this.ofSharedRecords('o.id, o.created_at', where)]);
  }

  private ofSharedRecords(columns: string, where: readonly string[]): string {
    const { principal, params } = this;
    const matching = [
      ...where,
      'o.deleted_at IS NULL',
      clearedFor(principal, 'o', params),
      ...this.oldestOfRecord(),
      ...this.sought(),
    ];
    const of = (tables: SharedTables) =>
      `SELECT ${columns} FROM (${this.recordsOf(tables)}) shown
       JOIN ${tables.records} r ON r.id = shown.id AND r.deleted_at IS NULL AND r.organization_id <> ALL(${this.own})
         AND ${clearedFor(principal, 'r', params)}
       ${this.onRecord(tables)} WHERE ${matching.join(' AND ')}`;
    return `${of(ALERT_TABLES)} UNION ALL ${of(CASE_TABLES)}`;
  }

  /** Joins the observables of the record `r`; the offset keeps PostgreSQL from reading those of all records that have the text. */
  private onRecord({ shareKey }: SharedTables): string {
    if (!this.isByText()) return `JOIN observables o ON o.${shareKey} = r.id`;
    return `CROSS JOIN LATERAL (
      SELECT o.* FROM observables o WHERE o.${shareKey} = r.id AND o.deleted_at IS NULL OFFSET 0) o`;
  }

  /** The records that are shared with the caller or shown to all, each once. */
  private recordsOf({ records, shares, shareKey }: SharedTables): string {
    return `SELECT share.${shareKey} AS id FROM ${shares} share WHERE share.organization_id = ANY(${this.own})
      UNION SELECT r.id FROM ${records} r WHERE r.visible_to_all_organizations AND r.deleted_at IS NULL`;
  }

  /** A row for each such record, perhaps twice; one more than few at most. */
  private someRecords(): string {
    const max = `LIMIT ${FEW_RECORDS + 1}`;
    const of = ({ records, shares }: SharedTables) => [
      `(SELECT 1 FROM ${shares} share WHERE share.organization_id = ANY(${this.own}) ${max})`,
      `(SELECT 1 FROM ${records} r WHERE r.visible_to_all_organizations AND r.deleted_at IS NULL ${max})`,
    ];
    return `${[...of(ALERT_TABLES), ...of(CASE_TABLES)].join(' UNION ALL ')} ${max}`;
  }

  private withinOwned(createdAt = 'o.created_at'): string {
    return `${createdAt} ${this.page.descending ? '>=' : '<='} ${this.endOfOwned()}`;
  }

  /** Where a full page of the caller's own ends. */
  private endOfOwned(): string {
    const never = this.page.descending ? '-infinity' : 'infinity';
    return `coalesce((SELECT owned.created_at FROM owned ${this.orderBy('owned')} OFFSET ${this.limit} - 1), '${never}'::timestamptz)`;
  }

  /**
   * What is there and within clearance, as is the record that holds it; the records of others must be visible too.
   *
   * As subselects on the record: joined, they would seem to leave few rows, and be sorted instead of read in order.
   */
  private shown(ofOthers: boolean): string[] {
    const { principal, params } = this;
    const holds = (tables: SharedTables) => {
      const conditions = [
        'r.deleted_at IS NULL',
        clearedFor(principal, 'r', params),
        ...(ofOthers ? [visibleTo(principal, tables, 'r', params)] : []),
      ];
      return `coalesce((SELECT ${conditions.join(' AND ')} FROM ${tables.records} r WHERE r.id = o.${tables.shareKey}), true)`;
    };
    return [
      'o.deleted_at IS NULL',
      clearedFor(principal, 'o', params),
      holds(ALERT_TABLES),
      holds(CASE_TABLES),
      ...this.oldestOfRecord(),
    ];
  }

  /** All that the query asks for, where no index is followed. */
  private sought(): string[] {
    const axis = this.wanted ? [`o.value_hash IN (SELECT hash FROM ${this.wanted})`] : this.axis;
    return [...axis, ...this.filters, ...this.span];
  }

  /** The conditions on the creation, which the given expression tells. */
  private spanConditions(): (createdAt: string) => string[] {
    const { params, page } = this;
    const { createdAfter } = this.filter;
    const from = createdAfter === undefined ? null : params.add(createdAfter, 'timestamptz');
    const [value, id] = page.after ?? [];
    const position = page.after && `(${params.add(value)}::timestamptz, ${params.add(id, 'uuid')})`;
    const beyond = page.descending ? '<' : '>';
    return (createdAt) => [
      ...(from === null ? [] : [`${createdAt} >= ${from}`]),
      ...(position === null ? [] : [`(${createdAt}, o.id) ${beyond} ${position}`]),
    ];
  }

  private axisConditions(axis: Axis): string[] {
    switch (axis) {
      case 'value':
        return ['o.value_hash = wanted.hash'];
      case 'type':
        return [`o.type_id = ${this.params.add(this.filter.typeIds?.[0], 'int')}`];
      case null:
        return [];
      default:
        return [`o.${axis}`];
    }
  }

  /** Where each record is to be named once: that it holds the value by no older observable that the caller sees. */
  private oldestOfRecord(): string[] {
    if (!this.filter.oncePerRecord) return [];
    return ['alert_id', 'case_id'].map(
      (parent) =>
        `coalesce((SELECT false FROM observables twin WHERE twin.${parent} = o.${parent} AND twin.value_hash = o.value_hash
          AND twin.id < o.id AND twin.deleted_at IS NULL AND ${clearedFor(this.principal, 'twin', this.params)} LIMIT 1), true)`,
    );
  }

  private filterConditions(axis: Axis): string[] {
    const { params, filter } = this;
    const conditions: string[] = [];
    const { typeIds, tlp, tags } = filter;
    if (typeIds && axis !== 'type')
      conditions.push(`o.type_id = ANY(${params.add(typeIds, 'int[]')})`);
    for (const mark of ['ioc', 'sighted'] as const) {
      const wanted = filter[mark];
      if (wanted !== undefined && axis !== mark)
        conditions.push(wanted ? `o.${mark}` : `NOT o.${mark}`);
    }
    if (tlp) conditions.push(`o.tlp = ANY(${params.add(tlp, 'smallint[]')})`);
    if (tags) conditions.push(tagCondition(tags, params));
    conditions.push(...this.texts.map((texts) => hasOne(texts, params)));
    return conditions;
  }
}

function tagCondition(wanted: readonly (number | string)[], params: SqlParams): string {
  const ids = wanted.filter((tag) => typeof tag === 'number');
  const names = wanted.map((tag) => String(tag).toLowerCase());
  return `o.id IN (SELECT link.observable_id FROM observable_tags link WHERE link.tag_id = ANY(ARRAY(SELECT tag.id FROM tags tag
    WHERE tag.id = ANY(${params.add(ids, 'int[]')}) OR lower(tag.name) = ANY(${params.add(names, 'text[]')}))))`;
}

type Axis = 'value' | 'sighted' | 'type' | 'ioc' | null;

/** What tells the observables apart the best of what an index holds in the order of the list. */
function axisOf(filter: ObservableFilter): Axis {
  if (filter.alertIds ?? filter.caseIds) return null;
  if (filter.valueHashes) return 'value';
  if (filter.sighted) return 'sighted';
  // Parts of values and tags have indexes of their own.
  if (filter.contains ?? filter.words ?? filter.tags) return null;
  if (filter.typeIds?.length === 1) return 'type';
  return filter.ioc ? 'ioc' : null;
}
