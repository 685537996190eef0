import type { NewApiKey } from '../../../api-keys/api-keys.schema.js';
import { CopyField } from '../copy.js';
import { fullInstant } from '../format.js';

/** A key, this once, with a request to begin with. */
export function NewKey({
  created,
  graceUntil,
  onDone,
}: {
  readonly created: NewApiKey;
  /** Until when the key works that it replaces, where it does. */
  readonly graceUntil?: string;
  readonly onDone: () => void;
}) {
  const { key, scopes } = created;
  const canReadAlerts = scopes.includes('alerts:read') || scopes.includes('admin:*');
  const path = canReadAlerts ? '/api/alerts?limit=5' : '/api/users/me';
  const command = `curl -H 'Authorization: Bearer ${key}' '${location.origin}${path}'`;
  return (
    <>
      <div class="dialog-body">
        <p class="notice warning" role="status">
          <strong>Save the key now.</strong> It is shown this once and cannot be read again.
        </p>
        <CopyField label="Key" value={key} />
        <CopyField label="Command" value={command} isCode />
        {graceUntil !== undefined && (
          <p>The key that it replaces works until {fullInstant(graceUntil)}.</p>
        )}
      </div>
      <footer>
        <a class="button" href="/docs" target="_blank">
          API docs (new tab)
        </a>
        <button type="button" class="button primary" onClick={onDone}>
          I have saved it
        </button>
      </footer>
    </>
  );
}
