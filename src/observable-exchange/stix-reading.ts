import { EXTENSION_ID, VALUE_TYPE, tlpOf } from './stix.js';
import type { StixObject } from './stix.js';

/** An observable that a bundle tells of, as the body of a creation, with the object that tells of it. */
export interface StixItem {
  readonly objectId: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What a bundle tells, and how many objects of each type tell of no observable. */
export interface StixContents {
  readonly items: readonly StixItem[];
  readonly ignored: Readonly<Record<string, number>>;
}

/**
 * The observables of a bundle of STIX 2.1: what was seen, and what indicators ask for by equality.
 *
 * What an observation of our own export tells of an object goes before what can be read from the object.
 */
export function readBundle(objects: readonly unknown[]): StixContents {
  const ignored = new Map<string, number>();
  const known = objects.filter(isObject);
  const told = known.filter((object) => extensionOf(object) !== null);
  const covered = coveredBy(known, told);
  const items: StixItem[] = [];
  for (const object of objects) {
    if (!isObject(object)) {
      items.push({ objectId: idOf(object), body: {} });
      continue;
    }
    const bodies = covered.has(object.id) ? null : bodiesOf(object);
    if (bodies === null) continue;
    if (bodies.length === 0) ignored.set(object.type, (ignored.get(object.type) ?? 0) + 1);
    const tlp = tlpOf(object);
    for (const body of bodies)
      items.push({ objectId: object.id, body: { ...(tlp !== undefined && { tlp }), ...body } });
  }
  return { items, ignored: Object.fromEntries([...ignored].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function isObject(object: unknown): object is StixObject {
  const { type, id } = (object ?? {}) as { type?: unknown; id?: unknown };
  return typeof type === 'string' && typeof id === 'string' && TYPE.test(type);
}

/** A type of STIX 2.1 §3.4. */
const TYPE = /^[a-z0-9][a-z0-9-]{1,249}$/;

function idOf(object: unknown): string {
  const { id } = (object ?? {}) as { id?: unknown };
  return typeof id === 'string' ? id.slice(0, 400) : '';
}

function extensionOf({ type, extensions }: StixObject): Readonly<Record<string, unknown>> | null {
  if (type !== 'observed-data' || typeof extensions !== 'object' || extensions === null)
    return null;
  const extension = (extensions as Readonly<Record<string, unknown>>)[EXTENSION_ID];
  return typeof extension === 'object' && extension !== null ? { ...extension } : null;
}

/** The objects that observations of our own tell of already, and the indicators based on these. */
function coveredBy(objects: readonly StixObject[], told: readonly StixObject[]): Set<unknown> {
  const observations = new Set(told.map(({ id }) => id));
  const covered = new Set<unknown>(
    told.flatMap(({ object_refs: refs }) => (Array.isArray(refs) ? (refs as unknown[]) : [])),
  );
  for (const {
    type,
    relationship_type: relation,
    source_ref: source,
    target_ref: target,
    id,
  } of objects) {
    if (type !== 'relationship' || relation !== 'based-on') continue;
    if (!observations.has(String(target))) continue;
    covered.add(source);
    covered.add(id);
  }
  for (const id of observations) covered.delete(id);
  return covered;
}

type Body = Readonly<Record<string, unknown>>;

/** The bodies of what an object tells; none when it tells of no observable. */
function bodiesOf(object: StixObject): Body[] {
  const extension = extensionOf(object);
  if (extension) return [bodyOfObservation(object, extension)];
  if (object.type === 'indicator') return bodiesOfIndicator(object);
  return bodiesOfSeen(object);
}

function bodyOfObservation(
  { labels, first_observed: startDate }: StixObject,
  extension: Body,
): Body {
  const { data_type: dataType, ignore_similarity: ignoreSimilarity, ...rest } = extension;
  const { data, pap, ioc, sighted, message } = rest;
  const body = {
    dataType,
    data,
    pap,
    ioc,
    sighted,
    ignoreSimilarity,
    message,
    startDate,
    tags: labels,
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

/** The type of observable that the `value` of an object is. */
const TYPE_OF_VALUE: ReadonlyMap<string, string> = new Map([
  ['ipv4-addr', 'ip'],
  ['ipv6-addr', 'ip'],
  ['domain-name', 'domain'],
  ['hostname', 'hostname'],
  ['url', 'url'],
  ['email-addr', 'email'],
  ['user-agent', 'user-agent'],
]);

function bodiesOfSeen(object: StixObject): Body[] {
  const { type, value, name, hashes, key, number, subject } = object;
  if (type === VALUE_TYPE) return [{ dataType: object.data_type, data: value }];
  if (type === 'file') return bodiesOfFile(name, hashes);
  if (type === 'windows-registry-key') return [{ dataType: 'registry', data: key }];
  if (type === 'autonomous-system')
    return [{ dataType: 'autonomous-system', data: `AS${String(number)}` }];
  if (type === 'email-message')
    return subject === undefined ? [] : [{ dataType: 'mail-subject', data: subject }];
  if (typeof value !== 'string') return [];
  const dataType = TYPE_OF_VALUE.get(type);
  return [
    dataType === undefined
      ? { dataType: 'other', data: value, message: type }
      : { dataType, data: value },
  ];
}

/** A file by its hashes, which its name explains; by its name alone when it has none. */
function bodiesOfFile(name: unknown, hashes: unknown): Body[] {
  if (typeof hashes !== 'object' || hashes === null)
    return name === undefined ? [] : [{ dataType: 'filename', data: name }];
  const digests = Object.entries(hashes).filter(([algorithm]) =>
    HASHES.has(algorithm.toUpperCase()),
  );
  return digests.map(([, data]) => ({
    dataType: 'hash',
    data: data as unknown,
    ...(typeof name === 'string' && { message: name }),
  }));
}

const HASHES = new Set(['MD5', 'SHA-1', 'SHA-256', 'SHA-512', 'SSDEEP']);

/** The type of observable that a path of a pattern compares. */
const TYPE_OF_PATH: readonly (readonly [path: RegExp, dataType: string])[] = [
  ...[...TYPE_OF_VALUE].map(
    ([type, dataType]) => [new RegExp(`^${type}:value$`), dataType] as const,
  ),
  [/^file:hashes\.'?(?:MD5|SHA-?1|SHA-?256|SHA-?512|SSDEEP)'?$/i, 'hash'],
  [/^file:name$/, 'filename'],
  [/^windows-registry-key:key$/, 'registry'],
  [/^email-message:subject$/, 'mail-subject'],
  [/^network-traffic:extensions\.'http-request-ext'\.request_header\.'User-Agent'$/, 'user-agent'],
  [new RegExp(`^${VALUE_TYPE}:value$`), 'other'],
];

const PATTERN_CHARS_MAX = 16_384;
const COMPARISON = /(?<![a-z0-9-])([a-z0-9-]+:(?:'[^'\\]*'|[\w.-])+)\s*=\s*'((?:[^'\\]|\\.)*)'/g;

/** The values of which an indicator asks for any by equality; none where it asks for more than that. */
function bodiesOfIndicator({
  pattern,
  pattern_type: language,
  valid_from: startDate,
  labels,
  name,
}: StixObject): Body[] {
  if (typeof pattern !== 'string' || pattern.length > PATTERN_CHARS_MAX) return [];
  if (language !== undefined && language !== 'stix') return [];
  const bodies: Body[] = [];
  const rest = pattern.replace(COMPARISON, (_, path: string, literal: string) => {
    const dataType = TYPE_OF_PATH.find(([wanted]) => wanted.test(path))?.[1];
    const data = literal.replace(/\\(.)/gs, '$1');
    bodies.push({
      dataType,
      data,
      ioc: true,
      ...(startDate !== undefined && { startDate }),
      ...(Array.isArray(labels) && { tags: labels as unknown[] }),
      ...(typeof name === 'string' && name !== data && { message: name }),
    });
    return ' ';
  });
  const isPlain = bodies.every(({ dataType }) => dataType !== undefined);
  return isPlain && /^[[\]()\s]*(?:\bOR\b[[\]()\s]*)*$/.test(rest) ? bodies : [];
}
