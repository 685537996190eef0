import { Injectable } from '@nestjs/common';
import type { AuditEvent } from '../audit/audit-entry.js';
import { AuditService } from '../audit/audit.service.js';
import { PasswordHasher } from '../auth/password-hasher.js';
import type { PasswordWork } from '../auth/password-hasher.js';
import { isOutdatedHash } from '../auth/passwords.js';
import { toPrincipal } from '../auth/principal.js';
import type { Principal } from '../auth/principal.js';
import { SessionService } from '../auth/session.service.js';
import type { KnownSession, NewSession } from '../auth/session.service.js';
import { invalidValue } from '../common/errors.js';
import { Metrics } from '../common/metrics.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import { FailureLimiter } from '../rate-limit/memory-limit-store.js';
import { UsersService } from '../users/users.service.js';
import { signInFailed, tooManyFailures } from './sessions.errors.js';
import type { ChangePassword, Session, SignIn } from './sessions.schema.js';

/** Who asks to sign in: nothing is known but where the request came from. */
export interface Stranger {
  readonly requestId: string;
  readonly ip: string;
}

/** A session that has begun, with what goes into the cookie. */
export interface BegunSession {
  readonly session: Session;
  readonly token: string;
}

/** A person as far as signing in goes, whatever the state of the account. */
interface Account {
  readonly id: string;
  readonly passwordHash: string | null;
  readonly organizationId: string | null;
}

const FAILURES_MAX = 10;
const ACCOUNT_WINDOW_MS = 15 * 60_000;

const FIRST_ORGANIZATION = `(SELECT m.organization_id FROM organization_members m
   JOIN organizations o ON o.id = m.organization_id
   WHERE m.user_id = u.id AND o.deleted_at IS NULL ORDER BY m.position, m.organization_id LIMIT 1)`;

const FIND_ACCOUNT = `
SELECT u.id, u.password_hash AS "passwordHash", ${FIRST_ORGANIZATION} AS "organizationId"
FROM users u WHERE u.email = $1 AND u.deleted_at IS NULL`;

/** Lets in whoever is active and still has the password that was verified; renews its hash. */
const ENTER = `
UPDATE users u SET last_seen_at = now(), password_hash = $3
WHERE u.id = $1::uuid AND u.password_hash = $2 AND u.status = 'active' AND u.deleted_at IS NULL
  AND ${FIRST_ORGANIZATION} IS NOT NULL
RETURNING ${FIRST_ORGANIZATION} AS "organizationId"`;

const CHANGE_PASSWORD = `
UPDATE users SET password_hash = $3, must_change_password = false
WHERE id = $1::uuid AND password_hash = $2 AND deleted_at IS NULL RETURNING id`;

/** Signing in and out, and changing the own password (spec/keys-and-limits.md §6). */
@Injectable()
export class SessionsService {
  /**
   * Attempts are counted before their passwords are verified, and taken back when those were right:
   * a thousand at once get no more tries than one after the other.
   */
  private readonly byAddress = new FailureLimiter({ failuresMax: FAILURES_MAX });
  private readonly byAccount = new FailureLimiter({
    failuresMax: FAILURES_MAX,
    windowMs: ACCOUNT_WINDOW_MS,
  });

  constructor(
    private readonly database: Database,
    private readonly sessions: SessionService,
    private readonly hasher: PasswordHasher,
    private readonly users: UsersService,
    private readonly audit: AuditService,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Begins a session.
   *
   * Whether nobody has the address, the person is inactive, the password wrong, or there were too many
   * attempts for the address: the answer is the same, and except for the last so is the work.
   */
  async signIn(stranger: Stranger, { email, password }: SignIn): Promise<BegunSession> {
    const { ip } = stranger;
    const address = email.toLowerCase();
    const verdict = this.byAddress.recordFailure(ip);
    if (!verdict.allowed) throw tooManyFailures(verdict.retryAfterSeconds);
    const isCounted = this.byAccount.recordFailure(address).allowed;
    const takeBack = () => {
      this.byAddress.retract(ip);
      if (isCounted) this.byAccount.retract(address);
    };
    const attempt = this.hasher.attend((work) =>
      this.attempt(work, stranger, address, isCounted ? password : null),
    );
    const begun = await attempt.catch((error: unknown) => {
      takeBack();
      throw error;
    });
    if (!begun) throw signInFailed();
    takeBack();
    return begun;
  }

  /** The session of the caller, and who the caller is. */
  async current(principal: Principal, session: KnownSession): Promise<Session> {
    return {
      user: await this.users.me(principal),
      csrfToken: session.csrfToken,
      expiresAt: new Date(session.expiresAtMs).toISOString(),
      mustChangePassword: session.mustChangePassword,
    };
  }

  async signOut(principal: Principal): Promise<void> {
    await this.database.transaction(principal, async (tx) => {
      await this.sessions.end(tx, principal.credentialId);
      await this.audit.record(tx, principal, aboutPerson('user.signed-out', principal.userId));
    });
  }

  /** Changes the caller's password and ends the caller's other sessions. */
  async changePassword(principal: Principal, { current, next }: ChangePassword): Promise<void> {
    const { userId } = principal;
    const verdict = this.byAccount.recordFailure(userId);
    if (!verdict.allowed) throw tooManyFailures(verdict.retryAfterSeconds);
    const [row] = await this.database.sqlFor(principal)<Pick<Account, 'passwordHash'>>(
      'SELECT password_hash AS "passwordHash" FROM users WHERE id = $1::uuid',
      [userId],
    );
    const hash = row?.passwordHash ?? null;
    if (!(await this.hasher.attend((work) => work.verify(hash, current)))) throw wrongCurrent();
    this.byAccount.retract(userId);
    if (next === current) throw invalidValue('next', 'must differ from the current password');
    const nextHash = await this.hasher.hash(next);
    await this.database.transaction(principal, async (tx) => {
      if ((await sqlIn(tx)(CHANGE_PASSWORD, [userId, hash, nextHash])).length === 0)
        throw wrongCurrent();
      await this.sessions.endAll(tx, userId, principal.credentialId);
      await this.audit.record(tx, principal, aboutPerson('user.password-changed', userId));
    });
  }

  /** The session that began; null when none did, which is on record. */
  private async attempt(
    work: PasswordWork,
    stranger: Stranger,
    address: string,
    password: string | null,
  ): Promise<BegunSession | null> {
    const { account, session } = await this.enter(work, stranger, address, password);
    const known = session && (await this.sessions.find(session.token));
    if (!known) {
      this.metrics.authFailures.inc({ code: 'SIGN_IN_FAILED' });
      await this.audit.signInFailed(stranger, account);
      return null;
    }
    const principal = toPrincipal(known.grant, stranger.requestId, stranger.ip);
    return { session: await this.current(principal, known), token: session.token };
  }

  /** Begins a session of whoever has this address and password; without a password of nobody. */
  private async enter(
    work: PasswordWork,
    stranger: Stranger,
    address: string,
    password: string | null,
    isRepeated = false,
  ): Promise<{ readonly account: Account | null; readonly session: NewSession | null }> {
    const [account = null] = await this.database.sql<Account>(FIND_ACCOUNT, [address]);
    const hash = account?.passwordHash ?? null;
    const isRight = password !== null && (await work.verify(hash, password));
    if (!isRight || !account || hash === null) return { account, session: null };
    const renewed = isOutdatedHash(hash) ? await work.hash(password) : hash;
    const session = await this.database.transaction(NO_TRANSACTION, async (tx) => {
      const values = [account.id, hash, renewed];
      const [entered] = await sqlIn(tx)<{ readonly organizationId: string }>(ENTER, values);
      if (!entered) return null;
      const begun = await this.sessions.begin(tx, account.id);
      const { organizationId } = entered;
      const credential = { credentialId: begun.id, credentialKind: 'session' as const };
      const actor = { ...stranger, ...credential, userId: account.id, organizationId };
      await this.audit.record(tx, actor, aboutPerson('user.signed-in', account.id));
      return begun;
    });
    // Another sign-in of the person may have renewed the hash meanwhile.
    if (!session && !isRepeated) return this.enter(work, stranger, address, password, true);
    return { account, session };
  }
}

const NO_TRANSACTION = { transaction: null };

function wrongCurrent() {
  return invalidValue('current', 'is not your current password');
}

function aboutPerson(action: string, targetId: string): AuditEvent {
  return { action, targetKind: 'user', targetId };
}
