import { randomBytes } from 'node:crypto';
import argon2 from 'argon2';
import { z } from 'zod';
import { isCommonPassword } from './common-passwords.js';

/** Argon2id with 19 MiB, two passes, one lane (OWASP Password Storage). */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

const CHARS_MIN = 12;
const CHARS_MAX = 256;
/** What 256 characters may take in a string before it is normalized. */
const UNITS_MAX = 4 * CHARS_MAX;
const LENGTH_RULE = `must have ${CHARS_MIN} to ${CHARS_MAX} characters`;

/** A password that somebody chooses: 12 to 256 characters of any kind, none of the most common ones. */
export const newPasswordSchema = z
  .string()
  .max(UNITS_MAX, { error: LENGTH_RULE, abort: true })
  .refine((password) => password.isWellFormed(), { error: 'must be well-formed Unicode' })
  .refine((password) => isWithinBounds(Array.from(normalized(password)).length), {
    error: LENGTH_RULE,
  })
  .refine((password) => !isCommonPassword(normalized(password)), {
    error: 'is one of the most common passwords: choose another',
  })
  .meta({
    description: 'Of 12 to 256 characters of any kind; the most common passwords are refused.',
    example: 'correct horse battery staple',
  });

function isWithinBounds(chars: number): boolean {
  return chars >= CHARS_MIN && chars <= CHARS_MAX;
}

/** One form for all ways to type the same characters (NIST SP 800-63B-4 §3.1.1.2). */
function normalized(password: string): string {
  return password.normalize('NFKC');
}

/** The hash that is stored, with its salt and parameters in it. */
export function hashPassword(password: string): Promise<string> {
  return argon2.hash(normalized(password), {
    ...PARAMETERS,
    type: argon2.argon2id,
    hashLength: HASH_BYTES,
  });
}

export function verifyPassword(hash: string, password: string): Promise<boolean> {
  return argon2.verify(hash, normalized(password));
}

/** Whether the hash was made with other parameters than hashes are made with now. */
export function isOutdatedHash(hash: string): boolean {
  return !hash.startsWith('$argon2id$') || argon2.needsRehash(hash, PARAMETERS);
}

/** A hash that no password has; to verify one against it costs what any verification costs. */
export function decoyHash(): string {
  const { memoryCost, timeCost, parallelism } = PARAMETERS;
  const random = (bytes: number) => randomBytes(bytes).toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${random(SALT_BYTES)}$${random(HASH_BYTES)}`;
}

/** A password of 120 random bits, to be shown once. */
export function generatePassword(): string {
  return randomBytes(15).toString('base64url');
}
