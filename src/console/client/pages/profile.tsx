import { useRef } from 'preact/hooks';
import type { UserDetail } from '../../../users/users.schema.js';
import { useAnnounce } from '../announcer.js';
import { patch, post } from '../api.js';
import { Field, FormMessage, PasswordField, textOf, useSubmission } from '../form.js';
import { PAP_LABELS, ROLE_LABELS, TIER_LABELS, TLP_LABELS } from '../labels.js';
import { PageHeading } from '../router.js';
import { useSession, useUser } from '../session.js';

export function ProfilePage() {
  const user = useUser();
  return (
    <>
      <PageHeading title="Profile" />
      <div class="columns">
        <section class="card" aria-labelledby="name-heading">
          <h2 id="name-heading">Name</h2>
          <NameForm />
        </section>
        <section class="card" aria-labelledby="password-heading">
          <h2 id="password-heading">Password</h2>
          <PasswordForm />
        </section>
        <section class="card" aria-labelledby="rights-heading">
          <h2 id="rights-heading">Rights</h2>
          <dl class="facts">
            <dt>E-mail address</dt>
            <dd>{user.email}</dd>
            <dt>Role</dt>
            <dd>{ROLE_LABELS[user.role]}</dd>
            <dt>Organizations</dt>
            <dd>{user.organizations.map(({ name }) => name).join(', ')}</dd>
            {user.teams.length > 0 && (
              <>
                <dt>Teams</dt>
                <dd>{user.teams.map(({ name }) => name).join(', ')}</dd>
              </>
            )}
            <dt>Clearance</dt>
            <dd>
              TLP:{TLP_LABELS[user.tlpMax]}, PAP:{PAP_LABELS[Math.min(user.papMax, 3)]}
            </dd>
            <dt>Highest tier of your keys</dt>
            <dd>{TIER_LABELS[user.tierMax]}</dd>
          </dl>
          <p class="hint">An administrator of your organization changes these.</p>
        </section>
      </div>
    </>
  );
}

function NameForm() {
  const user = useUser();
  const { showUser } = useSession();
  const announce = useAnnounce();
  const { errors, message, isBusy, onSubmit } = useSubmission(async (data) => {
    const [firstName, lastName] = [textOf(data, 'firstName'), textOf(data, 'lastName')];
    showUser(await patch<UserDetail>('/api/users/me', { firstName, lastName }));
    announce('Your name is saved.');
  });
  return (
    <form onSubmit={onSubmit} noValidate>
      <FormMessage message={message} />
      <Field label="First name" name="firstName" errors={errors}>
        {(attributes) => (
          <input
            {...attributes}
            defaultValue={user.firstName}
            autocomplete="given-name"
            maxLength={100}
            required
          />
        )}
      </Field>
      <Field label="Last name" name="lastName" errors={errors}>
        {(attributes) => (
          <input
            {...attributes}
            defaultValue={user.lastName}
            autocomplete="family-name"
            maxLength={100}
          />
        )}
      </Field>
      <button type="submit" class="button primary" disabled={isBusy}>
        Save name
      </button>
    </form>
  );
}

/** Shown instead of everything else while the password is one that somebody else set. */
export function PasswordChangePage() {
  return (
    <div class="narrow card">
      <PageHeading title="Choose a password" />
      <p>Your password was set by somebody else. Choose your own to go on.</p>
      <PasswordForm />
    </div>
  );
}

function PasswordForm() {
  const announce = useAnnounce();
  const user = useUser();
  const { refresh } = useSession();
  const form = useRef<HTMLFormElement>(null);
  const { errors, message, isBusy, onSubmit } = useSubmission(async (data) => {
    await post('/api/auth/password', {
      current: textOf(data, 'current'),
      next: textOf(data, 'next'),
    });
    form.current?.reset();
    await refresh();
    announce('Your password is changed. Your other sessions are over.');
  });
  return (
    <form ref={form} onSubmit={onSubmit} noValidate>
      <FormMessage message={message} />
      <input type="hidden" name="username" autocomplete="username" value={user.email} />
      <PasswordField
        label="Current password"
        name="current"
        autocomplete="current-password"
        errors={errors}
      />
      <PasswordField
        label="New password"
        name="next"
        autocomplete="new-password"
        hint="12 to 256 characters. Several words that do not belong together are easy to remember."
        errors={errors}
      />
      <button type="submit" class="button primary" disabled={isBusy}>
        Change password
      </button>
    </form>
  );
}
