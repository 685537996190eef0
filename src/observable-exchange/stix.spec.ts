import fc from 'fast-check';
import { shortestCpuMs } from '../../test/shortest.js';
import type { ObservedValue } from '../observables/observable-list.queries.js';
import { EXTENSION_OBJECTS, TLP_MARKINGS, tlpOf } from './stix.js';
import type { StixObject } from './stix.js';
import { readBundle } from './stix-reading.js';
import { stixObjectsOf } from './stix-writing.js';

const PRODUCER = {
  organizationId: '01900000-0000-7000-8000-000000000001',
  name: 'Northwind SOC',
  createdAt: '2026-01-01T00:00:00.000Z',
};

const VALUE: ObservedValue = {
  hash: '00',
  dataType: 'ip',
  normalized: '192.0.2.1',
  data: '192[.]0.2.1',
  tlp: 2,
  pap: 1,
  ioc: false,
  sighted: true,
  ignoreSimilarity: false,
  message: '',
  tags: [],
  count: 2,
  firstSeen: '2026-01-30T12:00:00.000Z',
  lastSeen: '2026-01-31T12:00:00.000Z',
  created: '2026-01-30T12:00:00.000Z',
  modified: '2026-01-31T12:00:00.000Z',
  file: null,
};

const of = (value: Partial<ObservedValue>) => ({ ...VALUE, ...value });

/** What was seen, of the objects of a value. */
function seenIn(value: Partial<ObservedValue>): StixObject {
  const [seen] = stixObjectsOf([of(value)], PRODUCER);
  if (!seen) throw new Error('No object.');
  return seen;
}

const MD5 = 'd41d8cd98f00b204e9800998ecf8427e';

describe('stixObjectsOf', () => {
  // The ids are those that the reference library of OASIS (stix2 3.0) gives to the same objects.
  it.each([
    [
      'ip',
      '198.51.100.3',
      { type: 'ipv4-addr', id: 'ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4' },
    ],
    ['ip', '198.51.100.0/24', { type: 'ipv4-addr', value: '198.51.100.0/24' }],
    ['ip', '2001:db8::1', { type: 'ipv6-addr', value: '2001:db8::1' }],
    [
      'domain',
      'example.com',
      { type: 'domain-name', id: 'domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7' },
    ],
    ['fqdn', 'example.com', { type: 'domain-name' }],
    ['hostname', 'ws-7', { type: 'domain-name', value: 'ws-7' }],
    [
      'url',
      'https://example.com/research/index.html',
      { type: 'url', id: 'url--47c3cf9a-5027-5bf0-997a-017c7edc7c55' },
    ],
    ['email', 'john@example.com', { type: 'email-addr', value: 'john@example.com' }],
    ['mail', 'john@example.com', { type: 'email-addr' }],
    [
      'mail-subject',
      'Saying Hello',
      { type: 'email-message', subject: 'Saying Hello', is_multipart: false },
    ],
    ['hash', MD5, { type: 'file', hashes: { MD5 } }],
    ['hash', 'a'.repeat(40), { hashes: { 'SHA-1': 'a'.repeat(40) } }],
    ['hash', 'a'.repeat(64), { hashes: { 'SHA-256': 'a'.repeat(64) } }],
    ['hash', 'a'.repeat(128), { hashes: { 'SHA-512': 'a'.repeat(128) } }],
    [
      'hash',
      '3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C',
      { hashes: { SSDEEP: '3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C' } },
    ],
    ['hash', 'a'.repeat(96), { type: 'casebender-observable', data_type: 'hash' }],
    ['file', '/tmp/x', { type: 'file', name: '/tmp/x' }],
    ['filename', 'x.exe', { type: 'file', name: 'x.exe' }],
    [
      'registry',
      'HKEY_LOCAL_MACHINE\\run',
      { type: 'windows-registry-key', key: 'HKEY_LOCAL_MACHINE\\run' },
    ],
    ['autonomous-system', 'AS15139', { type: 'autonomous-system', number: 15139 }],
    [
      'user-agent',
      'curl/8',
      { type: 'casebender-observable', data_type: 'user-agent', value: 'curl/8' },
    ],
    ['ip', '999.1.1.1', { type: 'casebender-observable', data_type: 'ip', value: '999.1.1.1' }],
    ['cve', 'CVE-2026-1', { type: 'casebender-observable', data_type: 'cve' }],
  ])('shows %s %s as %j', (dataType, normalized, object) => {
    expect(seenIn({ dataType, normalized })).toMatchObject(object);
  });

  it('shows a file by its hashes and name', () => {
    const file = { name: 'a.txt', size: 7, md5: MD5, sha1: 'b'.repeat(40), sha256: 'c'.repeat(64) };
    expect(seenIn({ dataType: 'file', normalized: file.sha256, file })).toMatchObject({
      type: 'file',
      name: 'a.txt',
      size: 7,
      hashes: { MD5, 'SHA-1': file.sha1, 'SHA-256': file.sha256 },
    });
  });

  it.each([0, 1, 2, 3, 4])('marks everything of TLP %i with the marking of OASIS', (tlp) => {
    const objects = stixObjectsOf([of({ tlp, ioc: true })], PRODUCER);
    for (const object of objects) {
      expect(object.object_marking_refs).toEqual([TLP_MARKINGS[tlp]?.id]);
      expect(tlpOf(object)).toBe(tlp);
    }
  });

  it('says once what was seen under two types, as restricted as the stricter', () => {
    const domain = of({ dataType: 'domain', normalized: 'evil.example', tlp: 3 });
    const objects = stixObjectsOf([domain, { ...domain, dataType: 'fqdn', tlp: 1 }], PRODUCER);
    expect(objects.map(({ type }) => type)).toEqual([
      'domain-name',
      'observed-data',
      'observed-data',
    ]);
    expect(objects.map((object) => tlpOf(object))).toEqual([3, 3, 1]);
  });

  it.each([
    [{}, "[ipv4-addr:value = '192.0.2.1']"],
    [{ dataType: 'hash', normalized: MD5 }, `[file:hashes.'MD5' = '${MD5}']`],
    [{ dataType: 'autonomous-system', normalized: 'AS7' }, '[autonomous-system:number = 7]'],
    [
      { dataType: 'registry', normalized: 'HKEY_USERS\\x' },
      "[windows-registry-key:key = 'HKEY_USERS\\\\x']",
    ],
    [{ dataType: 'mail-subject', normalized: "it's" }, "[email-message:subject = 'it\\'s']"],
    [{ dataType: 'other', normalized: 'x' }, "[casebender-observable:value = 'x']"],
    [
      { dataType: 'user-agent', normalized: 'curl/8' },
      "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'curl/8']",
    ],
  ])('indicates %j by %s', (value, pattern) => {
    const objects = stixObjectsOf([of({ ...value, ioc: true, tags: ['c2'] })], PRODUCER);
    const [, observed, indicator, relationship] = objects;
    expect(indicator).toMatchObject({
      type: 'indicator',
      pattern,
      pattern_type: 'stix',
      labels: ['c2'],
    });
    expect(relationship).toMatchObject({
      relationship_type: 'based-on',
      source_ref: indicator?.id,
      target_ref: observed?.id,
    });
  });

  it('gives the same ids every time, and its own to another organization', () => {
    const idsFor = (organizationId: string) =>
      stixObjectsOf([of({ ioc: true })], { ...PRODUCER, organizationId }).map(({ id }) => id);
    expect(idsFor(PRODUCER.organizationId)).toEqual(idsFor(PRODUCER.organizationId));
    const [seen, ...rest] = idsFor('01900000-0000-7000-8000-000000000002');
    const [same, ...others] = idsFor(PRODUCER.organizationId);
    expect(seen).toBe(same);
    for (const id of rest) expect(others).not.toContain(id);
  });
});

describe('readBundle', () => {
  it('reads what was written, whatever the value', () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
    const dataType = fc.constantFrom(
      'ip',
      'domain',
      'url',
      'hash',
      'user-agent',
      'registry',
      'other',
      'x-custom',
    );
    fc.assert(
      fc.property(
        dataType,
        text,
        fc.boolean(),
        fc.integer({ min: 0, max: 4 }),
        (type, data, ioc, tlp) => {
          const value = of({
            dataType: type,
            data,
            normalized: data.trim(),
            ioc,
            tlp,
            tags: ['a'],
            message: data,
          });
          const { items } = readBundle([...EXTENSION_OBJECTS, ...stixObjectsOf([value], PRODUCER)]);
          expect(items.map(({ body }) => body)).toEqual([
            {
              dataType: type,
              data,
              tlp,
              pap: 1,
              ioc,
              sighted: true,
              ignoreSimilarity: false,
              message: data,
              startDate: VALUE.firstSeen,
              tags: ['a'],
            },
          ]);
        },
      ),
    );
  });

  it.each([
    [{ type: 'ipv4-addr', value: '192.0.2.1' }, [{ dataType: 'ip', data: '192.0.2.1' }]],
    [{ type: 'domain-name', value: 'a.example' }, [{ dataType: 'domain', data: 'a.example' }]],
    [{ type: 'user-agent', value: 'curl' }, [{ dataType: 'user-agent', data: 'curl' }]],
    [
      { type: 'mac-addr', value: 'd2:fb:49:24:37:18' },
      [{ dataType: 'other', data: 'd2:fb:49:24:37:18', message: 'mac-addr' }],
    ],
    [{ type: 'autonomous-system', number: 7 }, [{ dataType: 'autonomous-system', data: 'AS7' }]],
    [
      { type: 'file', name: 'a.exe', hashes: { MD5, 'SHA-256': 'a'.repeat(64), TLSH: 'x' } },
      [
        { dataType: 'hash', data: MD5, message: 'a.exe' },
        { dataType: 'hash', data: 'a'.repeat(64), message: 'a.exe' },
      ],
    ],
    [{ type: 'file', name: 'a.exe' }, [{ dataType: 'filename', data: 'a.exe' }]],
    [
      { type: 'email-message', is_multipart: false, subject: 'x' },
      [{ dataType: 'mail-subject', data: 'x' }],
    ],
    [{ type: 'malware', name: 'x' }, []],
    [{ type: 'observed-data', object_refs: [] }, []],
  ])('reads of %j %j', (object, bodies) => {
    const { items, ignored } = readBundle([{ id: `${object.type}--x`, ...object }]);
    expect(items.map(({ body }) => body)).toEqual(bodies);
    expect(ignored).toEqual(bodies.length === 0 ? { [object.type]: 1 } : {});
  });

  it.each([
    ["[ipv4-addr:value = '192.0.2.1']", [['ip', '192.0.2.1']]],
    [
      "[ipv4-addr:value='192.0.2.1'] OR [domain-name:value = 'a.example']",
      [
        ['ip', '192.0.2.1'],
        ['domain', 'a.example'],
      ],
    ],
    [
      `[file:hashes.MD5 = '${MD5}' OR file:hashes.'SHA-256' = 'b']`,
      [
        ['hash', MD5],
        ['hash', 'b'],
      ],
    ],
    ["[url:value = 'http://a/\\'x\\\\']", [['url', "http://a/'x\\"]]],
    ["[ipv4-addr:value = '192.0.2.1' AND domain-name:value = 'a']", []],
    ["[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [url:value = 'x']", []],
    ["[ipv4-addr:value = '192.0.2.1'] WITHIN 5 SECONDS", []],
    ["[ipv4-addr:value != '192.0.2.1']", []],
    ["[process:name = 'x']", []],
    ['nonsense', []],
    ["[ipv4-addr:value = '192.0.2.1", []],
  ])('reads of the pattern %s %j', (pattern, found) => {
    const { items } = readBundle([
      { type: 'indicator', id: 'indicator--x', pattern, pattern_type: 'stix' },
    ]);
    expect(items.map(({ body }) => [body.dataType, body.data])).toEqual(found);
    for (const { body } of items) expect(body.ioc).toBe(true);
  });

  it('takes the strictest marking, of TLP 1.0 too', () => {
    const refs = [
      'marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da',
      TLP_MARKINGS[3]?.id,
      'x',
    ];
    const object = {
      type: 'url',
      id: 'url--x',
      value: 'http://a.example/',
      object_marking_refs: refs,
    };
    expect(readBundle([object]).items[0]?.body.tlp).toBe(3);
    expect(readBundle([{ ...object, object_marking_refs: 'x' }]).items[0]?.body).not.toHaveProperty(
      'tlp',
    );
  });

  it('keeps a place for what is no object', () => {
    const objects = [
      null,
      7,
      'x',
      [],
      {},
      { type: 'url' },
      { type: 'x y', id: 'x--1', value: 'v' },
    ];
    expect(readBundle(objects).items.map(({ body }) => body)).toEqual(objects.map(() => ({})));
  });

  it('takes little time over hostile patterns', () => {
    const BOUND_MS = 200;
    for (const unit of ['a', 'a:', "a:'", "'", "a:''", 'OR ', '[', "a:a = '\\", 'a-', 'a.'])
      for (const end of ['', "'", '!']) {
        const pattern = unit.repeat(16_000 / unit.length) + end;
        const read = () => readBundle([{ type: 'indicator', id: 'indicator--x', pattern }]);
        expect(shortestCpuMs(BOUND_MS, read)).toBeLessThan(BOUND_MS);
      }
  });
});
