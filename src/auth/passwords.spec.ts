import argon2 from 'argon2';
import fc from 'fast-check';
import { isCommonPassword } from './common-passwords.js';
import {
  decoyHash,
  generatePassword,
  hashPassword,
  isOutdatedHash,
  newPasswordSchema,
  verifyPassword,
} from './passwords.js';

const isTaken = (password: string) => newPasswordSchema.safeParse(password).success;

describe('newPasswordSchema', () => {
  it.each([
    ['12 characters', 'abcdefgh 123'],
    ['256 characters', 'long enough '.repeat(22).slice(0, 256)],
    ['letters alone', 'onlylowercaseletters'],
    ['digits alone', '839201746583920'],
    ['256 characters outside the basic plane', '𝒂😀'.repeat(128)],
    ['blanks around', ' between blanks '],
  ])('takes %s', (_, password) => {
    expect(isTaken(password)).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ['11 characters', 'abcdefgh 12'],
    ['11 characters of two code units each', '😀'.repeat(11)],
    ['257 characters', 'x1 '.repeat(90).slice(0, 257)],
    ['a lone surrogate', 'long enough \ud800'],
    ['a common password', 'qwertyuiop123'],
    ['a common password in another case', 'PassWord1234'],
    ['a common password in full width', 'ｐassword1234'],
  ])('refuses %s', (_, password) => {
    expect(isTaken(password)).toBe(false);
  });

  it('takes what it generates', () => {
    for (let i = 0; i < 100; i++) expect(isTaken(generatePassword())).toBe(true);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 270 }), (password) => {
        const length = Array.from(password.normalize('NFKC')).length;
        const isInside = length >= 12 && length <= 256 && password.isWellFormed();
        expect(isTaken(password)).toBe(isInside && !isCommonPassword(password.normalize('NFKC')));
      }),
    );
  });
});

describe('hashPassword', () => {
  it('makes argon2id hashes with 19 MiB, two passes and one lane, never the same twice', async () => {
    const hashes = await Promise.all([hashPassword('a password'), hashPassword('a password')]);
    for (const hash of hashes) {
      expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
      expect(await verifyPassword(hash, 'a password')).toBe(true);
      expect(await verifyPassword(hash, 'a Password')).toBe(false);
      expect(await verifyPassword(hash, '')).toBe(false);
    }
    expect(hashes[0]).not.toBe(hashes[1]);
  });

  it('takes the same characters for the same, however they were typed', async () => {
    const hash = await hashPassword('Zürich am Morgen'.normalize('NFD'));
    expect(await verifyPassword(hash, 'Zürich am Morgen'.normalize('NFC'))).toBe(true);
  });
});

describe('decoyHash', () => {
  it('has the form and parameters of a hash, and fits no password', async () => {
    const [decoy, hash] = [decoyHash(), await hashPassword('a password')];
    expect(decoy.replaceAll(/[\w+/]{22,}/g, '…')).toBe(hash.replaceAll(/[\w+/]{22,}/g, '…'));
    expect(decoy).toHaveLength(hash.length);
    expect(isOutdatedHash(decoy)).toBe(false);
    expect(await verifyPassword(decoy, 'a password')).toBe(false);
  });
});

describe('isOutdatedHash', () => {
  it.each([
    ['less memory', { memoryCost: 8_192 }],
    ['one pass', { timeCost: 1 }],
    ['two lanes', { parallelism: 2 }],
    ['another variant', { type: argon2.argon2i }],
  ])('tells a hash with %s', async (_, other) => {
    const current = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
    expect(isOutdatedHash(await argon2.hash('a password', { ...current, ...other }))).toBe(true);
    expect(isOutdatedHash(await argon2.hash('a password', current))).toBe(false);
  });
});
