import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** How every API key begins (keys and limits §2). */
export const API_KEY_PREFIX = 'cbr_live_';

/** Finds API keys in any text; its source is what secret scanners are given (keys and limits §2). */
export const API_KEY_PATTERN = /\bcbr_live_[0-9A-Za-z]{38}\b/;

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_CHARS = 32;
const CHECKSUM_CHARS = 6;
const CHECKSUM_START = API_KEY_PREFIX.length + SECRET_CHARS;
const KEY_CHARS = CHECKSUM_START + CHECKSUM_CHARS;
const KEY_BODY = /^[0-9A-Za-z]{38}$/;
/** The largest multiple of 62 in a byte: bytes from here on would favour the first digits. */
const UNBIASED_BYTES = 248;

/** A new key: 190 random bits from the system's generator, then their checksum. */
export function generateApiKey(): string {
  let body = API_KEY_PREFIX;
  while (body.length < CHECKSUM_START) {
    for (const byte of randomBytes(SECRET_CHARS + 8)) {
      if (byte < UNBIASED_BYTES && body.length < CHECKSUM_START) body += BASE62.charAt(byte % 62);
    }
  }
  return body + checksum(body);
}

/** Whether the text has the prefix, length, alphabet and checksum of a key; says nothing of its existence. */
export function isApiKey(text: string): boolean {
  return (
    text.length === KEY_CHARS &&
    text.startsWith(API_KEY_PREFIX) &&
    KEY_BODY.test(text.slice(API_KEY_PREFIX.length)) &&
    text.endsWith(checksum(text.slice(0, CHECKSUM_START)))
  );
}

/** The first 13 characters, which may be shown and stored. */
export function apiKeyPrefix(key: string): string {
  return key.slice(0, 13);
}

/** The last 4 characters, which may be shown and stored. */
export function apiKeyLast4(key: string): string {
  return key.slice(-4);
}

/** CRC-32 as in zlib, in 6 base62 digits, most significant first, zero-padded. */
function checksum(body: string): string {
  let rest = crc32(body);
  let digits = '';
  for (let i = 0; i < CHECKSUM_CHARS; i++) {
    digits = BASE62.charAt(rest % 62) + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}
