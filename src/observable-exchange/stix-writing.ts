import { v5 as uuidv5 } from 'uuid';
import { normalizeObservable } from '../observables/observable-normalization.js';
import type { ObservedValue } from '../observables/observable-list.queries.js';
import { EXTENSION_ID, TLP_MARKINGS, VALUE_TYPE } from './stix.js';
import type { ObservableExtension, StixObject } from './stix.js';

/** Whose observations a bundle tells; its ids make those of what it says. */
export interface Producer {
  readonly organizationId: string;
  readonly name: string;
  readonly createdAt: string;
}

/** The organization as the one who observed. */
export function identityOf({ organizationId, name, createdAt }: Producer): StixObject {
  return {
    type: 'identity',
    spec_version: '2.1',
    id: `identity--${uuidv5('identity', organizationId)}`,
    created: createdAt,
    modified: createdAt,
    name,
    identity_class: 'organization',
  };
}

/**
 * The objects of one value under each of its types: what was seen, that it was seen, and what indicates it.
 *
 * Equal values have equal ids in every bundle of the organization, and what was seen in those of anybody.
 */
export function stixObjectsOf(values: readonly ObservedValue[], producer: Producer): StixObject[] {
  const objects = new Map<string, StixObject>();
  for (const value of values) {
    const seen = seenObject(value);
    const held = objects.get(seen.id);
    // Equal domains and host names are one object, as restricted as the stricter.
    const tlp = Math.max(value.tlp, held ? levelOf(held) : 0);
    objects.set(seen.id, { ...seen, ...marked(tlp) });
    for (const object of statementsOf(value, seen, producer)) objects.set(object.id, object);
  }
  return [...objects.values()];
}

function marked(tlp: number) {
  return { object_marking_refs: [TLP_MARKINGS[tlp]?.id] };
}

function levelOf({ object_marking_refs: refs }: StixObject): number {
  return TLP_MARKINGS.findIndex(({ id }) => (refs as readonly unknown[]).includes(id));
}

/** That the value was observed, and, where it is an indicator of compromise, its pattern. */
function statementsOf(value: ObservedValue, seen: StixObject, producer: Producer): StixObject[] {
  const own = (kind: string) =>
    uuidv5(JSON.stringify([kind, value.dataType, value.normalized]), producer.organizationId);
  const common = {
    spec_version: '2.1',
    created_by_ref: identityOf(producer).id,
    created: value.created,
    modified: value.modified,
    ...marked(value.tlp),
  };
  const labels = value.tags.length > 0 && { labels: value.tags };
  const extension: ObservableExtension = {
    extension_type: 'property-extension',
    data_type: value.dataType,
    data: value.data,
    pap: value.pap,
    ioc: value.ioc,
    sighted: value.sighted,
    ignore_similarity: value.ignoreSimilarity,
    ...(value.message !== '' && { message: value.message }),
  };
  const observed: StixObject = {
    type: 'observed-data',
    id: `observed-data--${own('observed-data')}`,
    ...common,
    ...labels,
    first_observed: value.firstSeen,
    last_observed: value.lastSeen,
    number_observed: value.count,
    object_refs: [seen.id],
    extensions: { [EXTENSION_ID]: extension },
  };
  if (!value.ioc) return [observed];
  const indicator: StixObject = {
    type: 'indicator',
    id: `indicator--${own('indicator')}`,
    ...common,
    ...labels,
    name: value.normalized.slice(0, NAME_CHARS_MAX),
    indicator_types: ['malicious-activity'],
    pattern: patternOf(seen),
    pattern_type: 'stix',
    pattern_version: '2.1',
    valid_from: value.firstSeen,
  };
  return [
    observed,
    indicator,
    {
      type: 'relationship',
      id: `relationship--${own('based-on')}`,
      ...common,
      relationship_type: 'based-on',
      source_ref: indicator.id,
      target_ref: observed.id,
    },
  ];
}

const NAME_CHARS_MAX = 256;

/** The namespace of what was seen (STIX 2.1 §2.9). */
const SCO_NAMESPACE = '00abedb4-aa42-466c-9c01-fed23315a9b7';

/** An object of what was seen; its id follows from the properties that identify it, as JSON in the canonical form. */
function sco(type: string, identifying: Readonly<Record<string, unknown>>, rest = {}): StixObject {
  return {
    type,
    spec_version: '2.1',
    id: `${type}--${uuidv5(JSON.stringify(identifying), SCO_NAMESPACE)}`,
    ...identifying,
    ...rest,
  };
}

/** The hash algorithms of STIX by the number of digits. */
const ALGORITHMS: ReadonlyMap<number, string> = new Map([
  [32, 'MD5'],
  [40, 'SHA-1'],
  [64, 'SHA-256'],
  [128, 'SHA-512'],
]);

/** What was seen, as the object of the specification that holds such a value; one of our own where none does. */
export function seenObject({ dataType, normalized, file }: ObservedValue): StixObject {
  const value = normalized;
  if (file) return fileObject(file);
  const other = () =>
    sco(
      VALUE_TYPE,
      { data_type: dataType, value },
      { extensions: { [EXTENSION_ID]: { extension_type: 'new-sco' } } },
    );
  if (!normalizeObservable(dataType, value).valid) return other();
  switch (dataType) {
    case 'ip':
      return sco(value.includes(':') ? 'ipv6-addr' : 'ipv4-addr', { value });
    case 'domain':
    case 'fqdn':
    case 'hostname':
      return sco('domain-name', { value });
    case 'url':
      return sco('url', { value });
    case 'email':
    case 'mail':
      return sco('email-addr', { value });
    case 'mail-subject':
      return sco('email-message', { subject: value }, { is_multipart: false });
    case 'hash':
      return hashObject(value) ?? other();
    case 'file':
    case 'filename':
      return sco('file', { name: value });
    case 'registry':
      return sco('windows-registry-key', { key: value });
    case 'autonomous-system':
      return sco('autonomous-system', { number: Number(value.slice(2)) });
    default:
      return other();
  }
}

function hashObject(value: string): StixObject | null {
  const algorithm = value.includes(':') ? 'SSDEEP' : ALGORITHMS.get(value.length);
  return algorithm === undefined ? null : sco('file', { hashes: { [algorithm]: value } });
}

/** A file by its content and name; of several hashes, the first in the order of the specification identifies it. */
function fileObject({ name, size, md5, sha1, sha256 }: NonNullable<ObservedValue['file']>) {
  const { id } = sco('file', { hashes: { MD5: md5 }, name });
  const hashes = { MD5: md5, 'SHA-1': sha1, 'SHA-256': sha256 };
  return { type: 'file', spec_version: '2.1', id, hashes, name, size };
}

/** The pattern (STIX 2.1 §9) that finds an object of what was seen. */
function patternOf(seen: StixObject): string {
  const compare = (path: string, value: unknown) =>
    `[${seen.type}:${path} = ${typeof value === 'number' ? value : `'${String(value).replace(/[\\']/g, '\\$&')}'`}]`;
  const { hashes, value, name, subject, key, number } = seen as Readonly<Record<string, unknown>>;
  if (seen.type === VALUE_TYPE && seen.data_type === 'user-agent') {
    const path = "extensions.'http-request-ext'.request_header.'User-Agent'";
    return compare(path, value).replace(`[${VALUE_TYPE}:`, '[network-traffic:');
  }
  if (hashes !== undefined) {
    const [algorithm = '', digest] = Object.entries(hashes as object).at(-1) ?? [];
    return compare(`hashes.'${algorithm}'`, digest);
  }
  const [path, wanted] = (
    [
      ['value', value],
      ['name', name],
      ['subject', subject],
      ['key', key],
      ['number', number],
    ] as const
  ).find(([, each]) => each !== undefined) ?? ['value', ''];
  return compare(path, wanted);
}
