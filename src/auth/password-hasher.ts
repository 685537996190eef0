import { Injectable } from '@nestjs/common';
import { unavailable } from '../common/errors.js';
import { decoyHash, hashPassword, verifyPassword } from './passwords.js';

/** Each holds a thread and 19 MiB. */
const AT_ONCE_MAX = 2;

/** How many sign-ins may wait for their turn, about half a second's work. */
const SIGN_INS_WAITING_MAX = 20;

/** Passwords, for whoever has the turn. */
export interface PasswordWork {
  hash(password: string): Promise<string>;
  /** Whether the password has this hash; without a hash it never has, which takes as long to find out. */
  verify(hash: string | null, password: string): Promise<boolean>;
}

/** Hashes and verifies passwords, two at once: a crowd at the door must not take the machine. */
@Injectable()
export class PasswordHasher {
  private readonly decoy = decoyHash();
  private readonly waiting: (() => void)[] = [];
  private running = 0;
  private readonly work: PasswordWork = {
    hash: hashPassword,
    verify: async (hash, password) => {
      const fits = await verifyPassword(hash ?? this.decoy, password);
      return fits && hash !== null;
    },
  };

  hash(password: string): Promise<string> {
    return this.inTurn(() => this.work.hash(password));
  }

  /**
   * Does the whole of a sign-in when its turn comes: what it asks of the database waits as well.
   *
   * @throws AppError `UNAVAILABLE` when too many wait already.
   */
  async attend<T>(signIn: (work: PasswordWork) => Promise<T>): Promise<T> {
    if (this.waiting.length >= SIGN_INS_WAITING_MAX) {
      throw unavailable('Too many people are signing in at once. Try again.');
    }
    return this.inTurn(() => signIn(this.work));
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running < AT_ONCE_MAX) this.running++;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}
