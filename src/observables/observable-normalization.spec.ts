import fc from 'fast-check';
import { shortestCpuMs } from '../../test/shortest.js';
import { normalizeObservable } from './observable-normalization.js';

const TYPES = [
  'ip',
  'domain',
  'fqdn',
  'hostname',
  'url',
  'uri_path',
  'email',
  'mail',
  'mail-subject',
  'hash',
  'file',
  'filename',
  'registry',
  'user-agent',
  'autonomous-system',
  'regexp',
  'other',
  'unheard-of',
];

const MD5 = 'D41D8CD98F00B204E9800998ECF8427E';
const SSDEEP =
  '96:s4Ud1Lj96tHHlZDrwciQmA+4uy1I0G4HYuL8N3TzS8QsO/wqWXLcMSx:sF1LjEtHHlZDrJzrhuyZvHYm8tKp/RWO';

/** CPU milliseconds within which hostile text is dealt with; the worst takes a fifth of it. */
const BOUND_MS = 50;

describe('normalizeObservable', () => {
  it.each([
    ['ip', ' 192.0.2.1 ', '192.0.2.1'],
    ['ip', '192[.]0(.)2{.}1', '192.0.2.1'],
    ['ip', '192[dot]0[DOT]2(dot)1', '192.0.2.1'],
    ['ip', '192 [.] 0 [ . ] 2 . 1', '192.0.2 . 1', false],
    ['ip', '[[192[[.]]0.2.1', '[[192.0.2.1', false],
    ['ip', '::ffff:192.0.2.1', '192.0.2.1'],
    ['ip', '::FFFF:C000:0201', '192.0.2.1'],
    ['ip', '::192.0.2.1', '::c000:201'],
    ['ip', '2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['ip', '2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['ip', '2001[:]db8[:][:]1', '2001:db8::1'],
    ['ip', '[2001:db8::1]', '2001:db8::1'],
    ['ip', '0:0:0:0:0:0:0:0', '::'],
    ['ip', '[::]', '::'],
    ['ip', '192.0.2.129/25', '192.0.2.128/25'],
    ['ip', '10.1.2.3/8', '10.0.0.0/8'],
    ['ip', '192.0.2.1/32', '192.0.2.1/32'],
    ['ip', '0.0.0.0/0', '0.0.0.0/0'],
    ['ip', '2001:DB8::1/32', '2001:db8::/32'],
    ['ip', '2001:db8:ffff::/33', '2001:db8:8000::/33'],
    ['ip', '::ffff:192.0.2.1/120', '192.0.2.0/24'],
    ['ip', '192.0.2.1/33', '192.0.2.1/33', false],
    ['ip', '192.0.2.1/08', '192.0.2.1/08', false],
    ['ip', '2001:db8::/129', '2001:db8::/129', false],
    ['ip', ' 010.0.2.1 ', '010.0.2.1', false],
    ['ip', '::ffff:010.0.2.1', '::ffff:010.0.2.1', false],
    ['ip', '0x7f.0.0.1', '0x7f.0.0.1', false],
    ['ip', '127.1', '127.1', false],
    ['ip', '3221225985', '3221225985', false],
    ['ip', '192.0.2.256', '192.0.2.256', false],
    ['ip', '192.0.2.1:443', '192.0.2.1:443', false],
    ['ip', '192.0.2.1]', '192.0.2.1]', false],
    ['ip', 'fe80::1%eth0', 'fe80::1%eth0', false],
    ['ip', '', '', false],

    ['domain', 'EVIL[.]Example.', 'evil.example'],
    ['domain', 'evil[.example', 'evil[.example', false],
    ['domain', 'evil [dot] example', 'evil.example'],
    ['domain', 'BÜCHER.example', 'xn--bcher-kva.example'],
    ['domain', 'bu\u0308cher.example', 'xn--bcher-kva.example'],
    ['domain', 'XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['domain', 'evil。example。', 'evil.example'],
    ['domain', '_dmarc.evil.example', '_dmarc.evil.example'],
    ['fqdn', 'Host.Evil.Example..', 'host.evil.example'],
    ['hostname', 'WORKSTATION-7', 'workstation-7'],
    ['domain', 'evil', 'evil', false],
    ['domain', '1.2.3', '1.2.3', false],
    ['domain', 'evil.example/path', 'evil.example/path', false],
    ['domain', 'evil.example:443', 'evil.example:443', false],
    ['domain', 'a@evil.example', 'a@evil.example', false],
    ['domain', 'é.example/path', 'é.example/path', false],
    ['domain', '-evil.example', '-evil.example', false],
    ['domain', 'evil..example', 'evil..example', false],
    ['domain', `${'a'.repeat(64)}.example`, `${'a'.repeat(64)}.example`, false],
    ['domain', '...', '', false],

    ['url', 'hxxps://EVIL[.]example/a', 'https://evil.example/a'],
    ['url', 'hXXp[://]evil(dot)example[/]Path', 'http://evil.example/Path'],
    ['url', 'http[:]//evil[.]example:80', 'http://evil.example/'],
    ['url', 'h**ps://evil.example:443/?Q=A#F', 'https://evil.example/?Q=A#F'],
    ['url', 'https://evil.example:8443/', 'https://evil.example:8443/'],
    ['url', 'fxp://evil.example/a', 'ftp://evil.example/a'],
    ['url', 'HTTP://User[@]BÜCHER.example./x', 'http://User@xn--bcher-kva.example/x'],
    ['url', 'http://[2001:DB8::1]/', 'http://[2001:db8::1]/'],
    ['url', 'http://[::]/', 'http://[::]/'],
    ['url', 'http://0x7f.1/', 'http://127.0.0.1/'],
    ['url', 'http://evil.example/a/../b c', 'http://evil.example/b%20c'],
    ['url', 'http://evil.\nexample/', 'http://evil.example/'],
    ['url', 'file:///C:/Evil.exe', 'file:///C:/Evil.exe'],
    ['url', 'javascript:alert(1)', 'javascript:alert(1)'],
    ['url', 'evil[.]example/a', 'evil.example/a', false],
    ['url', 'evil.example:8080/a', 'evil.example:8080/a', false],
    ['url', 'http://', 'http://', false],
    ['url', 'https://ev il.example/', 'https://ev il.example/', false],
    ['url', 'http://a/a[/x/../]b', 'http://a/a[/x/../]b', false],

    ['email', 'John.Doe[at]EVIL[.]example', 'john.doe@evil.example'],
    ['email', 'john (AT) evil (DOT) example', 'john@evil.example'],
    ['mail', 'John[@]BÜCHER.example.', 'john@xn--bcher-kva.example'],
    ['mail', 'a@b@evil.example', 'a@b@evil.example', false],
    ['mail', 'JOHN', 'john', false],
    ['mail', '@evil.example', '@evil.example', false],
    ['mail', 'john@', 'john@', false],
    ['domain', 'john[at]evil.example', 'john[at]evil.example', false],

    ['hash', ` ${MD5} `, MD5.toLowerCase()],
    ['hash', 'AB'.repeat(20), 'ab'.repeat(20)],
    ['hash', 'AB'.repeat(32), 'ab'.repeat(32)],
    ['hash', 'AB'.repeat(48), 'ab'.repeat(48)],
    ['hash', 'AB'.repeat(64), 'ab'.repeat(64)],
    ['hash', SSDEEP, SSDEEP],
    ['hash', `${MD5}0`, `${MD5}0`.toLowerCase(), false],
    ['hash', MD5.replace('D', 'G'), MD5.replace('D', 'G').toLowerCase(), false],

    ['autonomous-system', 'as 64496', 'AS64496'],
    ['autonomous-system', '064496', 'AS64496'],
    ['autonomous-system', 'ASN4294967295', 'AS4294967295'],
    ['autonomous-system', 'AS4294967296', 'AS4294967296', false],
    ['autonomous-system', 'AS64496 Example', 'AS64496 Example', false],

    ['registry', 'HKLM\\Software\\Evil', 'HKEY_LOCAL_MACHINE\\software\\evil'],
    ['registry', 'hklm:\\SOFTWARE\\Evil', 'HKEY_LOCAL_MACHINE\\software\\evil'],
    ['registry', 'HKey_Current_User\\Run', 'HKEY_CURRENT_USER\\run'],
    ['registry', 'HKU', 'HKEY_USERS'],
    ['registry', 'HKLMX\\Run', 'hklmx\\run'],
    ['registry', 'Run', 'run', false],

    ['user-agent', ' Mozilla/5.0 [.] ', 'Mozilla/5.0 [.]'],
    ['filename', 'Re\u0301sume\u0301.PDF ', 'R\u00e9sum\u00e9.PDF'],
    ['regexp', '[.]', '[.]'],
    ['other', '  ', '', false],
    ['unheard-of', ' Any[.]thing ', 'Any[.]thing'],
    ['__proto__', ' x ', 'x'],
    ['constructor', ' x ', 'x'],
    [' IP ', '::FFFF:192.0.2.1', '192.0.2.1'],
  ] as [string, string, string, boolean?][])('%s %p is %p', (type, data, value, valid = true) => {
    expect(normalizeObservable(type, data)).toEqual({ value, valid });
  });

  const piece = fc.constantFrom(
    ...['[', '(', '{', ']', ')', '}', '.', ':', '/', '@', '\\', '?', '#', '%', '%2e', '%5B', '*'],
    ...['dot', 'AT', 'hxxp', 'https', '://', 'ftp', 'as', 'hklm', 'xn--', '0', '255', 'ffff', '::'],
    ...[' ', '\t', '\n', '\u00a0', '\ufeff', '\u3002', '\uff0f', '\uff20', '\uff11', '\u00ad'],
    ...['H', '\u0331', '\u0301', '\u0338', '=', '\u0130', '\u212a', '\u03a3', '\u00df', '\ud800'],
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 2 }))).map((p) => p.join('')),
    fc.array(piece).map((pieces) => `http://a${pieces.join('')}`),
    fc.webUrl({ withFragments: true, withQueryParameters: true }),
    fc.emailAddress(),
    fc.ipV6(),
  );

  it.each(TYPES)('of %s never throws and changes nothing the second time', (type) => {
    fc.assert(
      fc.property(text, (data) => {
        const once = normalizeObservable(type, data);
        expect(normalizeObservable(type, once.value).value).toBe(once.value);
        if (once.valid) expect(normalizeObservable(type, once.value).valid).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('gives every spelling of an IPv6 address the same form', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), size(8)), (groups) => {
        const sparse = groups.map((group) => (group % 3 === 0 ? 0 : group));
        const long = sparse.map((group) => group.toString(16).padStart(4, '0')).join(':');
        const { value, valid } = normalizeObservable('ip', long.toUpperCase());
        expect(valid).toBe(true);
        // The URL parser prints RFC 5952, but for IPv4-mapped addresses.
        if (value.includes(':')) expect(`[${value}]`).toBe(new URL(`http://[${long}]`).hostname);
      }),
    );
  });

  const BAIT_CHARS = 16_384;
  const bait = [
    ...['[', ']', '[.', '[.]', '.]', ' ', '[ ', ' ]', '[.    ', 'dot]', '[.]]', '@', '.', ':', '/'],
    ...['\\', 'a.', 'a-', '-', '0', '0.', ':0', '%', 'as ', '\t', 'a', 'ß', '\u0301', '"', ',"'],
    ...['\u0301\u0316', '\u0301'.repeat(15) + '\u0316'.repeat(15) + 'a', '\u3002', '\ud800'],
  ].map((unit) => unit.repeat(BAIT_CHARS / unit.length));
  bait.push('['.repeat(BAIT_CHARS / 2) + '.' + ']'.repeat(BAIT_CHARS / 2));
  bait.push(Array.from({ length: BAIT_CHARS }, (_, i) => String.fromCharCode(0x4e00 + i)).join(''));
  bait.push('a' + '\u0301'.repeat(BAIT_CHARS / 2) + '\u0316'.repeat(BAIT_CHARS / 2));

  it.each(TYPES)('of %s takes little time on 16 384 hostile characters', (type) => {
    for (const start of ['', 'http://', 'HTTP:', 'a@', 'hklm\\', 'as', '1:', '[', '::']) {
      for (const data of bait) {
        for (const value of [start + data + '!', start + data])
          expect(shortestCpuMs(BOUND_MS, () => normalizeObservable(type, value))).toBeLessThan(
            BOUND_MS,
          );
      }
    }
  });
});

function size(length: number): { minLength: number; maxLength: number } {
  return { minLength: length, maxLength: length };
}
