import { PasswordHasher } from './password-hasher.js';

const verify = (hasher: PasswordHasher, hash: string | null, password: string) =>
  hasher.attend((work) => work.verify(hash, password));

describe('PasswordHasher', () => {
  it('verifies what it hashed, and nothing where there is no hash', async () => {
    const hasher = new PasswordHasher();
    const hash = await hasher.hash('a password');
    expect(await verify(hasher, hash, 'a password')).toBe(true);
    expect(await verify(hasher, hash, 'another')).toBe(false);
    expect(await verify(hasher, null, 'a password')).toBe(false);
  });

  it('works on two, lets twenty sign-ins wait and refuses the rest, then is free again', async () => {
    const hasher = new PasswordHasher();
    const crowd = await Promise.allSettled(
      Array.from({ length: 30 }, () => verify(hasher, null, 'a password')),
    );
    expect(crowd.map(({ status }) => status)).toEqual([
      ...Array.from({ length: 22 }, () => 'fulfilled'),
      ...Array.from({ length: 8 }, () => 'rejected'),
    ]);
    expect(crowd.at(-1)).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
    expect(await verify(hasher, null, 'a password')).toBe(false);
  });

  it('goes on after what failed', async () => {
    const hasher = new PasswordHasher();
    const broken = Array.from({ length: 5 }, () => verify(hasher, 'no hash', 'a password'));
    for (const { status } of await Promise.allSettled(broken)) expect(status).toBe('rejected');
    expect(await verify(hasher, null, 'a password')).toBe(false);
  });

  it('lets every administrator wait', async () => {
    const hasher = new PasswordHasher();
    const hashes = await Promise.all(Array.from({ length: 30 }, () => hasher.hash('a password')));
    expect(new Set(hashes).size).toBe(30);
  });
});
