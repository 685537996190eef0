import { signInWith } from '../api.js';
import { Field, FormMessage, PasswordField, textOf, useSubmission } from '../form.js';
import { PageHeading } from '../router.js';
import { useSession } from '../session.js';

export function SignInPage() {
  const { state, enter } = useSession();
  const { message, errors, isBusy, onSubmit } = useSubmission(async (data) => {
    enter(await signInWith(textOf(data, 'email'), textOf(data, 'password')));
  });
  const isOver = state.kind === 'none' && state.isOver;
  return (
    <div class="narrow card">
      <PageHeading title="Sign in" />
      {isOver && message === null && (
        <p class="notice" role="status">
          Your session is over. Sign in again to go on where you were.
        </p>
      )}
      <form onSubmit={onSubmit} noValidate>
        <FormMessage message={message} />
        <Field label="E-mail address" name="email" errors={errors}>
          {(attributes) => (
            <input
              {...attributes}
              type="email"
              autocomplete="username"
              autocapitalize="off"
              spellcheck={false}
              required
            />
          )}
        </Field>
        <PasswordField
          label="Password"
          name="password"
          autocomplete="current-password"
          errors={errors}
        />
        <button type="submit" class="button primary full" disabled={isBusy}>
          Sign in
        </button>
      </form>
      <p class="hint">
        No account, or no password any more? An administrator of your organization gives you a new
        one.
      </p>
    </div>
  );
}
