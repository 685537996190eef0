import { alertBody } from './bodies.js';
import { RARE, RARE_PLACE, clientId, organizationId, teamId, userId } from './fill-sql.js';

/** Who asks: an analyst of the organization that owns most, one of a guest, and the platform's administrator. */
export type Caller = 'owner' | 'guest' | 'platform';

/** What the requests need to know of the database they are sent to. */
export interface Facts {
  /** An alert with its observables that the owner has. */
  readonly alertId: string;
  readonly sharedAlertId: string;
  readonly caseId: string;
  readonly observable: string;
  /** An observable whose value is everywhere. */
  readonly commonId: string;
  /** Of the middle of the list, newest first, for each caller. */
  readonly deepCursors: Readonly<Record<Caller, string>>;
  /** Instants that leave out most alerts: the last day, the first day, a day in the middle. */
  readonly lastDay: string;
  readonly firstDay: string;
  readonly middle: readonly [from: string, to: string];
  readonly tagIds: readonly number[];
}

export interface Target {
  /** Times the median at the small size. */
  readonly ratioMax?: number;
  readonly medianMsMax?: number;
  readonly p95MsMax?: number;
}

/** A request that is measured at both sizes. */
export interface MeasuredRequest {
  readonly name: string;
  readonly caller: Caller;
  readonly method: 'GET' | 'POST';
  path(facts: Facts): string;
  body?(facts: Facts, serial: number): object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly target?: Target;
  /** Requests of one measurement, when each is long. */
  readonly samplesMax?: number;
}

/** For pages that are full at both sizes. */
const SAME: Target = { ratioMax: 1.3 };
const SEARCH: Target = { p95MsMax: 50 };
/** For what counts eighty thousand alerts at the large size. */
const MONTH: Target = { medianMsMax: 200 };
const CALLERS: readonly Caller[] = ['owner', 'guest', 'platform'];

/** A line of the table below: what it is called, its query string or search body, and its target. */
type Row = readonly [
  name: string,
  query: string | ((facts: Facts, caller: Caller) => string),
  target?: Target,
];

/** Lists, for each caller. */
const LISTS: readonly Row[] = [
  ['newest 25', '', SAME],
  ['newest 1000', 'limit=1000'],
  ['deep page by cursor', ({ deepCursors }, caller) => `cursor=${deepCursors[caller]}`],
  ['status', 'status=new'],
  ['status, a rare one', 'status=imported'],
  ['status, two', 'status=new,in-progress'],
  ['status + severity, 15 of them', 'limit=15&status=closed&severity=2', SAME],
  ['status + severity', 'status=closed&severity=2'],
  ['status + severity, a short page at 1000', 'status=new&severity=4'],
  ['stage', 'stage=InProgress'],
  ['severity', 'severity=4'],
  ['severityMin', 'severityMin=3'],
  ['tlp', 'tlp=0'],
  ['pap', 'pap=3'],
  ['type', 'type=edr'],
  ['type, rare', `type=${RARE.type}`],
  ['source', 'source=sentinel'],
  ['source, rare', `source=${RARE.source}`],
  ['source, none', 'source=nowhere'],
  ['sourceRef', `sourceRef=${RARE.sourceRef}`],
  ['tag', 'tag=powershell'],
  ['tag by id', ({ tagIds }) => `tag=${tagIds.join(',')}`],
  ['tag, rare', `tag=${RARE.tag}`],
  ['tag, none', 'tag=nonsense'],
  ['assigneeId', `assigneeId=${userId(0, 0)}`],
  ['assigneeId, rare', `assigneeId=${userId(0, RARE_PLACE.user)}`],
  ['assigneeId none', 'assigneeId=none'],
  ['teamId', `teamId=${teamId(0, 0)}`],
  ['teamId, rare', `teamId=${teamId(0, RARE_PLACE.team)}`],
  ['clientId', `clientId=${clientId(0, 0)}`],
  ['clientId, rare', `clientId=${clientId(0, RARE_PLACE.client)}`],
  ['organizationId', `organizationId=${organizationId(2)}`],
  ['caseId', ({ caseId }) => `caseId=${caseId}`],
  ['caseId none', 'caseId=none'],
  ['hasCase', 'hasCase=true'],
  ['createdAfter', ({ lastDay }) => `createdAfter=${lastDay}`],
  ['createdBefore', ({ firstDay }) => `createdBefore=${firstDay}`],
  ['createdAfter + Before', ({ middle }) => `createdAfter=${middle[0]}&createdBefore=${middle[1]}`],
  ['updatedAfter', ({ lastDay }) => `updatedAfter=${lastDay}`],
  ['sort createdAt', 'sort=createdAt'],
  ['sort -updatedAt', 'sort=-updatedAt'],
  ['sort updatedAt', 'sort=updatedAt'],
  ['sort -severity', 'sort=-severity'],
  ['sort severity', 'sort=severity'],
  ['sort -tinyId', 'sort=-tinyId'],
  ['sort tinyId', 'sort=tinyId'],
  ['sort createdAt, status new', 'sort=createdAt&status=new'],
  ['sort -severity, source rare', `sort=-severity&source=${RARE.source}`],
  ['count', 'count=true'],
  ['count, status + severity', 'count=true&status=closed&severity=4'],
];

/** Text searches, for each caller. */
const SEARCHES: readonly (readonly [name: string, q: string])[] = [
  ['q, a common word', 'powershell'],
  ['q, one in a thousand', 'mimikatz'],
  ['q, a rare word', RARE.word],
  ['q, a prefix', 'quaran'],
  ['q, three characters', 'ran'],
  ['q, three rare characters', 'zir'],
  ['q, two characters', 'ws'],
  ['q, two words', 'powershell lsass'],
  ['q, two words, one rare', `powershell ${RARE.word}`],
  ['q, an event number', 'd9798cdf31c0'],
  ['q, no match', 'qqqzzzxxx'],
];

/** Statistics, for each caller: of a month unless the name says otherwise. */
const STATS: readonly (readonly [name: string, path: string, target?: Target])[] = [
  ['alerts by status', 'alerts', MONTH],
  ['alerts by day', 'alerts?groupBy=day', MONTH],
  ['alerts by assignee', 'alerts?groupBy=assignee', MONTH],
  ['alerts by tag', 'alerts?groupBy=tag', MONTH],
  ['alerts of all time by status', 'alerts?from=2000-01-01T00:00:00Z'],
  ['cases by status', 'cases', MONTH],
  ['analysts', 'analysts', MONTH],
];

function list([name, query, target]: Row, caller: Caller): MeasuredRequest {
  const path = (facts: Facts) => {
    const text = typeof query === 'string' ? query : query(facts, caller);
    return `/api/alerts?${text.includes('limit=') ? text : `limit=25&${text}`}`;
  };
  return { name: `list: ${name}`, caller, method: 'GET', path, ...(target && { target }) };
}

/** Lists of observables, for each caller. */
const OBSERVABLE_LISTS: readonly Row[] = [
  ['newest 25', '', SAME],
  ['contains, common', 'contains=example', SEARCH],
  ['contains, a part of a domain', 'contains=c2-12345.ex', SEARCH],
  ['contains, a part of a hash', 'contains=deadbeef', SEARCH],
  ['contains, three characters', 'contains=.77', SEARCH],
  ['contains, none', 'contains=qqqzzzxxx', SEARCH],
  ['contains + dataType', 'contains=stage&dataType=url', SEARCH],
  ['a value seen everywhere', 'data=8.8.8.8', SEARCH],
  ['dataType', 'dataType=hash', SEARCH],
  ['dataType, none', 'dataType=regexp', SEARCH],
  ['ioc', 'ioc=true', SEARCH],
  ['sighted, none', 'sighted=true', SEARCH],
  ['tlp', 'tlp=0', SEARCH],
  ['tag, none', 'tag=powershell', SEARCH],
  ['createdAfter', ({ lastDay }) => `createdAfter=${lastDay}`, SEARCH],
];

function observables([name, query, target]: Row, caller: Caller): MeasuredRequest {
  const path = (facts: Facts) =>
    `/api/observables?limit=25&${typeof query === 'string' ? query : query(facts, caller)}`;
  return { name: `observables: ${name}`, caller, method: 'GET', path, ...(target && { target }) };
}

function search([name, q]: (typeof SEARCHES)[number], caller: Caller): MeasuredRequest {
  return {
    name: `search: ${name}`,
    caller,
    method: 'POST',
    path: () => '/api/alerts/search',
    body: () => ({ q, limit: 25 }),
    target: SEARCH,
  };
}

function searchAll([name, q]: (typeof SEARCHES)[number], caller: Caller): MeasuredRequest {
  return {
    name: `search everything: ${name}`,
    caller,
    method: 'GET',
    path: () => `/api/search?q=${encodeURIComponent(q)}`,
    target: SEARCH,
  };
}

function stats([name, path, target]: (typeof STATS)[number], caller: Caller): MeasuredRequest {
  return {
    name: `stats: ${name}`,
    caller,
    method: 'GET',
    path: () => `/api/stats/${path}`,
    ...(target && { target }),
  };
}

/** Everything that is measured; what answers 404 is not there yet and left out. */
export const MEASURED: readonly MeasuredRequest[] = [
  {
    name: 'read by id',
    caller: 'owner',
    method: 'GET',
    path: ({ alertId }) => `/api/alerts/${alertId}`,
    target: SAME,
  },
  {
    name: 'read by id, a shared one',
    caller: 'guest',
    method: 'GET',
    path: ({ sharedAlertId }) => `/api/alerts/${sharedAlertId}`,
    target: SAME,
  },
  ...CALLERS.flatMap((caller) => LISTS.map((row) => list(row, caller))),
  ...CALLERS.flatMap((caller) => SEARCHES.map((row) => search(row, caller))),
  ...CALLERS.flatMap((caller) => SEARCHES.map((row) => searchAll(row, caller))),
  ...CALLERS.flatMap((caller) => STATS.map((row) => stats(row, caller))),
  {
    name: 'observables of an alert',
    caller: 'owner',
    method: 'GET',
    path: ({ alertId }) => `/api/alerts/${alertId}/observables`,
    target: SEARCH,
  },
  ...CALLERS.flatMap((caller) => OBSERVABLE_LISTS.map((row) => observables(row, caller))),
  {
    name: 'observables: sightings of a value seen everywhere',
    caller: 'owner',
    method: 'GET',
    path: ({ commonId }) => `/api/observables/${commonId}/sightings?limit=25`,
    target: SEARCH,
  },
  {
    name: 'exact observable lookup',
    caller: 'owner',
    method: 'GET',
    path: ({ observable }) => `/api/observables/lookup?data=${encodeURIComponent(observable)}`,
    target: SEARCH,
  },
  {
    name: 'similar',
    caller: 'owner',
    method: 'GET',
    path: ({ alertId }) => `/api/alerts/${alertId}/similar`,
    target: { p95MsMax: 100 },
  },
  {
    name: 'create',
    caller: 'owner',
    method: 'POST',
    path: () => '/api/alerts',
    body: (_, serial) => alertBody(serial, ['powershell', 'edr']),
    target: SAME,
    samplesMax: 100,
  },
  {
    name: 'create, counted as a duplicate',
    caller: 'owner',
    method: 'POST',
    path: () => '/api/alerts',
    headers: { 'x-alert-dedup': 'count' },
    body: () => ({ ...alertBody(7, ['powershell']), sourceRef: 'counted' }),
  },
  {
    name: 'bulk create of 1000',
    caller: 'owner',
    method: 'POST',
    path: () => '/api/alerts/bulk',
    body: (_, serial) => bulkBody(serial, { observables: [] }),
    target: { medianMsMax: 300 },
    samplesMax: 5,
  },
  {
    name: 'bulk create of 1000, five observables each',
    caller: 'owner',
    method: 'POST',
    path: () => '/api/alerts/bulk',
    body: (_, serial) => bulkBody(serial + 500, {}),
    samplesMax: 5,
  },
];

function bulkBody(serial: number, rest: object): object {
  const alerts = Array.from({ length: 1000 }, (_, index) => ({
    ...alertBody(serial * 1000 + index, ['powershell', 'edr']),
    ...rest,
  }));
  return { alerts };
}
