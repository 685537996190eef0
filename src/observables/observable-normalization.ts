import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';

/** The form of an observable that equality, lookup and sightings use. */
export interface NormalizedObservable {
  readonly value: string;
  /** Whether the data has the format of its type. */
  readonly valid: boolean;
}

type Normalize = (text: string) => NormalizedObservable;

/**
 * The normalised form of what was sent (behaviour §8): refanged, canonical, the same for whatever means the same.
 *
 * Never throws, is idempotent, and takes time linear in the data. Data that fail their type's format are normalised
 * as far as they make sense, those of an unknown type trimmed and put into Unicode's NFC. The type is matched without
 * regard to case.
 */
export function normalizeObservable(dataType: string, data: string): NormalizedObservable {
  const text = composed(data.trim());
  return (NORMALIZERS.get(dataType.trim().toLowerCase()) ?? normalizeText)(text);
}

/** A part of a value in each form that it may be stored in: as sent, and without what defangs it. */
export function searchedForms(part: string): readonly string[] {
  return [...new Set([part, withScheme(refanged(part, true))])];
}

const NORMALIZERS: ReadonlyMap<string, Normalize> = new Map<string, Normalize>([
  ['ip', normalizeIp],
  ['domain', normalizeDomain],
  ['fqdn', normalizeDomain],
  ['hostname', (text) => normalizeHost(refanged(text), 1)],
  ['url', normalizeUrl],
  ['email', normalizeEmail],
  ['mail', normalizeEmail],
  ['hash', normalizeHash],
  ['autonomous-system', normalizeAutonomousSystem],
  ['registry', normalizeRegistryKey],
]);

function normalizeText(text: string): NormalizedObservable {
  return { value: text, valid: text !== '' };
}

function normalizeIp(text: string): NormalizedObservable {
  const plain = refanged(text);
  const [, bare, bracketed, prefix] = IP_OR_NETWORK.exec(plain) ?? [];
  const parsed = parseIp(bare ?? bracketed ?? '');
  if (parsed === null) return { value: plain, valid: false };
  if (prefix === undefined) return { value: ipText(parsed), valid: true };
  return networkText(parsed, Number(prefix)) ?? { value: plain, valid: false };
}

/** An address, IPv6 also in brackets, and perhaps a prefix length. */
const IP_OR_NETWORK = /^(?:([0-9a-f.:]{2,45})|\[([0-9a-f.:]{2,45})\])(?:\/(0|[1-9]\d{0,2}))?$/i;

type IpAddress = ipaddr.IPv4 | ipaddr.IPv6;

function parseIp(address: string): IpAddress | null {
  // ipaddr.js alone would take octal, hexadecimal and short forms too.
  if (isIPv4(address)) return ipaddr.IPv4.parse(address);
  if (!isIPv6(address)) return null;
  return ipaddr.IPv6.parse(address.replace(DOTTED_TAIL, hexTail));
}

const DOTTED_TAIL = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/;

/** The last 32 bits in IPv6's own digits: ipaddr.js mistakes ::192.0.2.1 for ::ffff:192.0.2.1. */
function hexTail(_tail: string, a: string, b: string, c: string, d: string): string {
  const group = (high: string, low: string): string =>
    (Number(high) * 256 + Number(low)).toString(16);
  return `${group(a, b)}:${group(c, d)}`;
}

/** RFC 5952, IPv4-mapped IPv6 as IPv4. */
function ipText(address: IpAddress): string {
  if (!(address instanceof ipaddr.IPv6)) return address.toString();
  return address.isIPv4MappedAddress()
    ? address.toIPv4Address().toString()
    : address.toRFC5952String();
}

/** The network with its host bits cleared, null when the prefix is longer than the address. */
function networkText(address: IpAddress, prefix: number): NormalizedObservable | null {
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && prefix >= 96) {
    return networkText(address.toIPv4Address(), prefix - 96);
  }
  const bytes = address.toByteArray();
  if (prefix > bytes.length * 8) return null;
  const masked = bytes.map((byte, index) => {
    const hostBits = Math.min(8, Math.max(0, (index + 1) * 8 - prefix));
    return (byte >> hostBits) << hostBits;
  });
  const network = ipaddr.fromByteArray(masked);
  const text = network instanceof ipaddr.IPv6 ? network.toRFC5952String() : network.toString();
  return { value: `${text}/${prefix}`, valid: true };
}

function normalizeDomain(text: string): NormalizedObservable {
  return normalizeHost(refanged(text), 2);
}

/** Above this, no text is a host name, and turning it to ASCII would take quadratic time. */
const HOST_CHARS_MAX = 1024;
/** Characters that end or break a host in a URL: domainToASCII would cut the text there instead of failing. */
const NOT_IN_HOST = /[^\w.\-\u0080-\uffff]/;
const HOST =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

function normalizeHost(text: string, labelsMin: number): NormalizedObservable {
  const plain = withoutEndDots(lowerCase(text));
  if (plain.length > HOST_CHARS_MAX || NOT_IN_HOST.test(plain)) {
    return { value: plain, valid: false };
  }
  // Only a mapping to ASCII needs the parser, which would also read 1.2.3 as an IPv4 address.
  const ascii = isAscii(plain) ? plain : withoutEndDots(domainToASCII(plain));
  if (ascii === '') return { value: plain, valid: false };
  return { value: ascii, valid: HOST.test(ascii) && ascii.split('.').length >= labelsMin };
}

/** Schemes whose URLs have no host and are complete all the same. */
const HOSTLESS_SCHEMES = new Set(['file:', 'data:', 'mailto:', 'javascript:', 'magnet:', 'urn:']);
const INNER_CONTROLS = /[\t\n\r]+/g;

function normalizeUrl(text: string): NormalizedObservable {
  const once = urlOnce(text);
  // A parser that removes path segments can put brackets together that now read as defanged.
  return urlOnce(once.value).value === once.value ? once : { value: text, valid: false };
}

function urlOnce(text: string): NormalizedObservable {
  const plain = withScheme(refanged(composed(text.replace(INNER_CONTROLS, ''))));
  const url = hasEndlessHost(plain) ? null : parseUrl(plain);
  if (url === null) return { value: plain, valid: false };
  const host = withoutEndDots(url.hostname);
  if (host !== '' && host !== url.hostname) url.hostname = host;
  return { value: url.href, valid: true };
}

/** `hxxp`, `hxxps`, `h**p`, `fxp` and their like. */
const DEFANGED_SCHEME = /^(?:(h)[tx*]{2}|f[tx*])p(s?)(?=:)/i;

function withScheme(text: string): string {
  return text.replace(
    DEFANGED_SCHEME,
    (_match, http: string | undefined, secure: string) =>
      (http === undefined ? 'ftp' : 'http') + secure.toLowerCase(),
  );
}

function parseUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  return url.host !== '' || HOSTLESS_SCHEMES.has(url.protocol) ? url : null;
}

/** Whether a host that the parser would turn to ASCII is longer than any host. */
function hasEndlessHost(text: string): boolean {
  if (isAscii(text)) return false;
  const [, authority = ''] = SPECIAL_AUTHORITY.exec(text) ?? [];
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  return host.length > HOST_CHARS_MAX && !isAscii(host);
}

const SPECIAL_AUTHORITY = /^(?:https?|wss?|ftp|file):[\\/]*([^\\/?#]*)/i;

function normalizeEmail(text: string): NormalizedObservable {
  const plain = refanged(text, true);
  const at = plain.lastIndexOf('@');
  if (at === -1) return { value: lowerCase(plain), valid: false };
  const local = lowerCase(plain.slice(0, at));
  const host = normalizeHost(plain.slice(at + 1), 1);
  return {
    value: `${local}@${host.value}`,
    valid: host.valid && local.length <= 64 && LOCAL_PART.test(local),
  };
}

const LOCAL_PART = /^(?:[^\s@"<>(),;:\\[\]]+|"[^"]+")$/;

const HEX_DIGEST = /^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/;
const SSDEEP = /^\d{1,12}:[A-Za-z0-9+/]*:[A-Za-z0-9+/]*(?:,".*")?$/s;

function normalizeHash(text: string): NormalizedObservable {
  if (SSDEEP.test(text)) return { value: text, valid: true };
  const value = lowerCase(text);
  return { value, valid: HEX_DIGEST.test(value) };
}

const AUTONOMOUS_SYSTEM = /^(?:asn?)?\s*(\d{1,10})$/i;

function normalizeAutonomousSystem(text: string): NormalizedObservable {
  const [, digits] = AUTONOMOUS_SYSTEM.exec(text) ?? [];
  const number = Number(digits);
  if (digits === undefined || number > 0xffff_ffff) return { value: text, valid: false };
  return { value: `AS${number}`, valid: true };
}

const HIVES: ReadonlyMap<string, string> = new Map([
  ['hklm', 'HKEY_LOCAL_MACHINE'],
  ['hkcu', 'HKEY_CURRENT_USER'],
  ['hkcr', 'HKEY_CLASSES_ROOT'],
  ['hku', 'HKEY_USERS'],
  ['hkcc', 'HKEY_CURRENT_CONFIG'],
  ['hkey_local_machine', 'HKEY_LOCAL_MACHINE'],
  ['hkey_current_user', 'HKEY_CURRENT_USER'],
  ['hkey_classes_root', 'HKEY_CLASSES_ROOT'],
  ['hkey_users', 'HKEY_USERS'],
  ['hkey_current_config', 'HKEY_CURRENT_CONFIG'],
]);
/** A hive, as PowerShell writes it with a colon, and the rest of the path. */
const REGISTRY_KEY = /^([a-z_]{3,20}):?(|\\.*)$/s;

function normalizeRegistryKey(text: string): NormalizedObservable {
  const lower = lowerCase(text);
  const [, name = '', path = ''] = REGISTRY_KEY.exec(lower) ?? [];
  const hive = HIVES.get(name);
  if (hive === undefined) return { value: lower, valid: lower.includes('\\') };
  return { value: hive + path, valid: true };
}

/**
 * The text with every bracketed `.`, `dot`, `:`, `://`, `/`, `@` (and `at`, for e-mail) as the bare symbol.
 *
 * What stands in brackets is looked at when they close, in what has been written so far: nested brackets come
 * apart in one pass, and a second pass finds nothing.
 */
function refanged(text: string, isEmail = false): string {
  if (!/[\])}]/.test(text)) return text;
  const out: string[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (!isOneOf('])}', char) || !unwrapped(out, isEmail)) {
      out.push(char);
      continue;
    }
    while (isOneOf(BLANKS, text.charAt(at + 1))) at++;
  }
  return out.join('');
}

const BLANKS = ' \t';

/** Takes the opening bracket before a defanged symbol at the end, and blanks around both, out of what is written. */
function unwrapped(out: string[], isEmail: boolean): boolean {
  const end = endWithout(out, BLANKS, out.length);
  const symbol = symbolBefore(out, end, isEmail);
  if (symbol === null) return false;
  const bracket = endWithout(out, BLANKS, end - symbol.chars) - 1;
  if (!isOneOf('[({', out[bracket])) return false;
  out.length = endWithout(out, BLANKS, bracket);
  for (const char of symbol.bare) out.push(char);
  return true;
}

function symbolBefore(
  out: readonly string[],
  end: number,
  isEmail: boolean,
): { bare: string; chars: number } | null {
  const tail = out
    .slice(Math.max(0, end - 3), end)
    .join('')
    .toLowerCase();
  if (tail === 'dot') return { bare: '.', chars: 3 };
  if (tail === '://') return { bare: '://', chars: 3 };
  if (isEmail && tail.endsWith('at')) return { bare: '@', chars: 2 };
  const last = tail.slice(-1);
  return isOneOf('.:@/', last) ? { bare: last, chars: 1 } : null;
}

function isOneOf(chars: string, char: string | undefined): boolean {
  return char !== undefined && char !== '' && chars.includes(char);
}

/** The end of what is written before the given end, without those characters after it. */
function endWithout(out: readonly string[], chars: string, end: number): number {
  while (isOneOf(chars, out[end - 1])) end--;
  return end;
}

function withoutEndDots(text: string): string {
  let end = text.length;
  while (text.charAt(end - 1) === '.' || /\s/.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

function lowerCase(text: string): string {
  return composed(text.toLowerCase());
}

/** More marks on one letter than any language has (UAX #15, stream-safe text), on which NFC takes quadratic time. */
const MARKS_WITHOUT_END = /\p{M}{31}/u;

function composed(text: string): string {
  return isAscii(text) || MARKS_WITHOUT_END.test(text) ? text : text.normalize('NFC');
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}
