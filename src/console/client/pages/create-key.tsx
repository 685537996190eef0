import { useState } from 'preact/hooks';
import type { NewApiKey, ScopeRow, TierRow } from '../../../api-keys/api-keys.schema.js';
import type { UserDetail } from '../../../users/users.schema.js';
import { get, post } from '../api.js';
import { Dialog } from '../dialog.js';
import { Choices, Field, FormMessage, textOf, textsOf, useSubmission } from '../form.js';
import { PAP_LABELS, TIER_LABELS, TLP_LABELS, limitsOf } from '../labels.js';
import { Loading, useLoaded } from '../loading.js';
import { useUser } from '../session.js';
import { NewKey } from './new-key.js';

const DAY_MS = 86_400_000;

/** How long keys commonly live, in days. */
const LIFETIMES = [
  [30, '30 days'],
  [90, '90 days'],
  [180, '6 months'],
  [365, '1 year'],
] as const;

interface CreateKeyDialogProps {
  /** Whom a key may be created for; null for the person alone who creates it. */
  readonly people: readonly UserDetail[] | null;
  readonly onCreated: () => void;
  readonly onClose: () => void;
}

interface Offer {
  readonly tiers: readonly TierRow[];
  readonly scopes: readonly ScopeRow[];
}

export function CreateKeyDialog({ people, onCreated, onClose }: CreateKeyDialogProps) {
  const [created, setCreated] = useState<NewApiKey | null>(null);
  const offer = useLoaded<Offer>(async () => {
    const [tiers, scopes] = await Promise.all([
      get<TierRow[]>('/api/api-keys/tiers'),
      get<ScopeRow[]>('/api/api-keys/scopes'),
    ]);
    return { tiers, scopes };
  });
  if (created) {
    return (
      <Dialog key="created" title={`${created.name} is created`} onClose={onClose} isHeld isWide>
        <NewKey created={created} onDone={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog key="form" title="Create API Key" onClose={onClose} isWide>
      <Loading error={offer.error} isThere={offer.value !== null} retry={offer.reload}>
        {offer.value && (
          <KeyForm
            offer={offer.value}
            people={people}
            onCancel={onClose}
            onCreated={(key) => {
              setCreated(key);
              onCreated();
            }}
          />
        )}
      </Loading>
    </Dialog>
  );
}

interface KeyFormProps {
  readonly offer: Offer;
  readonly people: readonly UserDetail[] | null;
  readonly onCancel: () => void;
  readonly onCreated: (key: NewApiKey) => void;
}

function KeyForm({ offer, people, onCancel, onCreated }: KeyFormProps) {
  const user = useUser();
  const [lifetime, setLifetime] = useState('365');
  const { errors, message, isBusy, onSubmit } = useSubmission(async (data) => {
    onCreated(await post<NewApiKey>('/api/api-keys', bodyOf(data)));
  });
  const mayLiveForEver = offer.scopes.some(({ scope, allowed }) => scope === 'admin:*' && allowed);
  return (
    <form onSubmit={onSubmit} noValidate>
      <div class="dialog-body">
        <FormMessage message={message} />
        <div class="columns">
          <Field label="Name" name="name" errors={errors}>
            {(attributes) => (
              <input
                {...attributes}
                maxLength={100}
                required
                autocomplete="off"
                placeholder="Sentinel intake"
              />
            )}
          </Field>
          <Field label="Description (optional)" name="description" errors={errors}>
            {(attributes) => <input {...attributes} maxLength={1000} autocomplete="off" />}
          </Field>
        </div>
        {people && <OwnerField people={people} self={user} errors={errors} />}
        {!people && user.organizations.length > 1 && (
          <OrganizationField user={user} errors={errors} />
        )}
        <Choices
          label="Tier"
          name="tier"
          type="radio"
          chosen="standard"
          errors={errors}
          options={offer.tiers.map((row) => ({
            value: row.tier,
            label: TIER_LABELS[row.tier],
            hint: limitsOf(row),
            isAllowed: row.allowed,
          }))}
        />
        <Choices
          label="Scopes"
          name="scopes"
          type="checkbox"
          errors={errors}
          options={offer.scopes.map(({ scope, allowed, description }) => ({
            value: scope,
            label: <code>{scope}</code>,
            hint: description,
            isAllowed: allowed,
          }))}
        />
        <div class="columns">
          <Field label="Expires after" name="expiresAt" errors={errors}>
            {(attributes) => (
              <select
                {...attributes}
                value={lifetime}
                onChange={({ currentTarget }) => {
                  setLifetime(currentTarget.value);
                }}
              >
                {LIFETIMES.map(([days, label]) => (
                  <option key={days} value={days}>
                    {label}
                  </option>
                ))}
                <option value="date">On a date…</option>
                {mayLiveForEver && <option value="never">Never</option>}
              </select>
            )}
          </Field>
          {lifetime === 'date' && (
            <Field label="Last day" name="lastDay">
              {(attributes) => (
                <input
                  {...attributes}
                  type="date"
                  min={new Date().toISOString().slice(0, 10)}
                  required
                />
              )}
            </Field>
          )}
        </div>
        <details class="more-fields">
          <summary>Restrictions (optional)</summary>
          <Field
            label="Addresses it may be used from"
            name="allowedCidrs"
            hint="One address or network a line, such as 192.0.2.0/24. Empty is any."
            errors={errors}
          >
            {(attributes) => <textarea {...attributes} rows={2} spellcheck={false} />}
          </Field>
          <div class="columns">
            <CeilingField
              label="Highest TLP it sees"
              name="tlpMax"
              names={TLP_LABELS}
              errors={errors}
            />
            <CeilingField
              label="Highest PAP it sees"
              name="papMax"
              names={PAP_LABELS}
              errors={errors}
            />
          </div>
        </details>
      </div>
      <footer>
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" class="button primary" disabled={isBusy}>
          Create key
        </button>
      </footer>
    </form>
  );
}

interface PartProps {
  readonly errors: Readonly<Record<string, string>>;
}

function OwnerField({
  people,
  self,
  errors,
}: PartProps & { readonly people: readonly UserDetail[]; readonly self: UserDetail }) {
  const others = people.filter(({ id, status }) => id !== self.id && status !== 'inactive');
  return (
    <Field
      label="Acts for"
      name="ownerId"
      hint="The key never has more rights than this person."
      errors={errors}
    >
      {(attributes) => (
        <select {...attributes}>
          <option value="">Yourself</option>
          {others.map(({ id, email }) => (
            <option key={id} value={id}>
              {email}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function OrganizationField({ user, errors }: PartProps & { readonly user: UserDetail }) {
  return (
    <Field
      label="Organization"
      name="organizationId"
      hint="A key reads and writes in one organization."
      errors={errors}
    >
      {(attributes) => (
        <select {...attributes}>
          {user.organizations.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function CeilingField({
  label,
  name,
  names,
  errors,
}: PartProps & {
  readonly label: string;
  readonly name: string;
  readonly names: readonly string[];
}) {
  return (
    <Field label={label} name={name} errors={errors}>
      {(attributes) => (
        <select {...attributes}>
          <option value="">What its owner sees</option>
          {names.map((each, index) => (
            <option key={each} value={index}>
              {each}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** The body that the form means; what was left out is the server's to choose. */
function bodyOf(data: FormData): object {
  const given = (name: string) => textOf(data, name).trim() || undefined;
  const number = (name: string) => (given(name) === undefined ? undefined : Number(given(name)));
  return {
    name: textOf(data, 'name'),
    description: given('description'),
    tier: textOf(data, 'tier'),
    scopes: textsOf(data, 'scopes'),
    expiresAt: expiryOf(textOf(data, 'expiresAt'), textOf(data, 'lastDay')),
    allowedCidrs: textOf(data, 'allowedCidrs')
      .split(/[\s,]+/)
      .filter((part) => part !== ''),
    tlpMax: number('tlpMax'),
    papMax: number('papMax'),
    ownerId: given('ownerId'),
    organizationId: given('organizationId'),
  };
}

/** When the key ends: null is never; of a last day the last moment, where the browser is. */
function expiryOf(lifetime: string, lastDay: string): string | null {
  if (lifetime === 'never') return null;
  if (lifetime !== 'date') return new Date(Date.now() + Number(lifetime) * DAY_MS).toISOString();
  const end = new Date(`${lastDay}T23:59:59`);
  return Number.isNaN(end.getTime()) ? lastDay : end.toISOString();
}
