import { useState } from 'preact/hooks';
import type { ApiKey, NewApiKey } from '../../../api-keys/api-keys.schema.js';
import { post } from '../api.js';
import { Dialog } from '../dialog.js';
import { Field, FormMessage, textOf, useSubmission } from '../form.js';
import { NewKey } from './new-key.js';

/** How long the old key goes on, in seconds. */
const GRACES = [
  [0, 'It stops now'],
  [3_600, '1 hour'],
  [86_400, '1 day'],
  [604_800, '1 week'],
] as const;

const GRACE_SECONDS = 86_400;

interface RotateKeyDialogProps {
  readonly apiKey: ApiKey;
  readonly onRotated: () => void;
  readonly onClose: () => void;
}

/** Replaces a key, or a deprecated pair, by a new key with the same rights. */
export function RotateKeyDialog({ apiKey, onRotated, onClose }: RotateKeyDialogProps) {
  const { id, name, kind } = apiKey;
  const [rotated, setRotated] = useState<{
    readonly key: NewApiKey;
    readonly graceUntil: string;
  }>();
  const { errors, message, isBusy, onSubmit } = useSubmission(async (data) => {
    const graceSeconds = Number(textOf(data, 'graceSeconds'));
    const key = await post<NewApiKey>(`/api/api-keys/${id}/rotate`, { graceSeconds });
    const graceUntil = new Date(Date.parse(key.createdAt) + graceSeconds * 1000).toISOString();
    setRotated({ key, graceUntil });
    onRotated();
  });
  if (rotated) {
    return (
      <Dialog key="rotated" title={`The new key of ${name}`} onClose={onClose} isHeld isWide>
        <NewKey created={rotated.key} graceUntil={rotated.graceUntil} onDone={onClose} />
      </Dialog>
    );
  }
  const title = kind === 'pair' ? `Replace ${name} by an API key?` : `Rotate ${name}?`;
  return (
    <Dialog key="form" title={title} onClose={onClose}>
      <form onSubmit={onSubmit} noValidate>
        <div class="dialog-body">
          <FormMessage message={message} />
          <p>
            You get a new key with the same rights. The old {kind === 'pair' ? 'pair' : 'key'} goes
            on working for a grace, so that you can put the new one in its place.
          </p>
          <Field label="Grace for the old one" name="graceSeconds" errors={errors}>
            {(attributes) => (
              <select {...attributes}>
                {GRACES.map(([seconds, label]) => (
                  <option key={seconds} value={seconds} selected={seconds === GRACE_SECONDS}>
                    {label}
                  </option>
                ))}
              </select>
            )}
          </Field>
        </div>
        <footer>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isBusy}>
            {kind === 'pair' ? 'Replace pair' : 'Rotate key'}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
