import fc from 'fast-check';
import {
  API_KEY_PATTERN,
  API_KEY_PREFIX,
  apiKeyLast4,
  apiKeyPrefix,
  generateApiKey,
  isApiKey,
} from './api-key-format.js';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Bodies and checksums as Python's zlib.crc32 gives them. */
const KNOWN_KEYS = [
  'cbr_live_0123456789ABCDEFGHIJKLMNOPQRSTUV0meSAo',
  'cbr_live_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz2LhbUt',
  'cbr_live_efghijklmnopqrstuvwxyz01234567892UR8fp',
];
const ZERO_PADDED_KEYS = [
  'cbr_live_0000000000000000000000000060000000HxBo',
  'cbr_live_00000000000000000000000000tb0000000gOK',
];

describe('isApiKey', () => {
  it.each(KNOWN_KEYS)('accepts the known key %s', (key) => {
    expect(isApiKey(key)).toBe(true);
  });

  it.each(ZERO_PADDED_KEYS)('accepts %s, whose checksum starts with zeros', (key) => {
    expect(isApiKey(key)).toBe(true);
  });

  it('accepts every generated key', () => {
    for (let i = 0; i < 1000; i++) expect(isApiKey(generateApiKey())).toBe(true);
  });

  it('refuses every change of a single character within the alphabet', () => {
    const key = generateApiKey();
    for (let at = 0; at < key.length; at++) {
      for (const digit of BASE62) {
        const changed = key.slice(0, at) + digit + key.slice(at + 1);
        expect(isApiKey(changed)).toBe(changed === key);
      }
    }
  });

  it('refuses any other character, anywhere', () => {
    fc.assert(
      fc.property(fc.nat(46), fc.string({ unit: 'binary', maxLength: 3 }), (at, text) => {
        const key = generateApiKey();
        const changed = key.slice(0, at) + text + key.slice(at + 1);
        expect(isApiKey(changed)).toBe(changed === key);
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['the prefix alone', API_KEY_PREFIX],
    ['a line break at the end', `${KNOWN_KEYS[0] ?? ''}\n`],
    ['a blank at the start', ` ${KNOWN_KEYS[0] ?? ''}`],
    ['another case', (KNOWN_KEYS[0] ?? '').toUpperCase()],
    ['a checksum without its zero', 'cbr_live_0123456789ABCDEFGHIJKLMNOPQRSTUVmeSAo'],
    ['letters outside ASCII', `${API_KEY_PREFIX}${'é'.repeat(38)}`],
  ])('refuses %s', (_name, text) => {
    expect(isApiKey(text)).toBe(false);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(isApiKey(text)).toBe(false);
        expect(isApiKey(API_KEY_PREFIX + text)).toBe(false);
      }),
    );
  });
});

describe('generateApiKey', () => {
  it('matches the published pattern', () => {
    const key = generateApiKey();
    expect(key).toHaveLength(47);
    expect(API_KEY_PATTERN.exec(`curl -H "X-Api-Key: ${key}" …`)?.[0]).toBe(key);
    expect(API_KEY_PATTERN.source).toBe('\\bcbr_live_[0-9A-Za-z]{38}\\b');
  });

  it('uses every digit of the alphabet evenly', () => {
    const counts = new Map<string, number>();
    const keys = 2000;
    for (let i = 0; i < keys; i++) {
      for (const digit of generateApiKey().slice(9, 41)) {
        counts.set(digit, (counts.get(digit) ?? 0) + 1);
      }
    }
    const expected = (keys * 32) / 62;
    const chiSquare = Array.from(BASE62, (digit) => (counts.get(digit) ?? 0) - expected)
      .map((deviation) => (deviation * deviation) / expected)
      .reduce((sum, term) => sum + term, 0);
    // 61 degrees of freedom exceed 150 once in 10⁹ runs; digits taken as byte % 62 reach about 480.
    expect(chiSquare).toBeLessThan(150);
  });

  it('does not repeat', () => {
    expect(new Set(Array.from({ length: 1000 }, generateApiKey)).size).toBe(1000);
  });
});

describe('the parts that may be shown', () => {
  it('are the first 13 and the last 4 characters', () => {
    expect(apiKeyPrefix(KNOWN_KEYS[0] ?? '')).toBe('cbr_live_0123');
    expect(apiKeyLast4(KNOWN_KEYS[0] ?? '')).toBe('eSAo');
  });
});
