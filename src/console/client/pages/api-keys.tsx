import { useEffect, useMemo, useState } from 'preact/hooks';
import type { ApiKey, ApiKeyUsageOf } from '../../../api-keys/api-keys.schema.js';
import type { UserDetail } from '../../../users/users.schema.js';
import { useAnnounce } from '../announcer.js';
import { get, post } from '../api.js';
import { Sparkline } from '../charts.js';
import { Confirmation } from '../dialog.js';
import { count, counted, day, fromNow, fullInstant, lastHours } from '../format.js';
import { TIER_LABELS } from '../labels.js';
import { Loading, useList } from '../loading.js';
import { PageHeading } from '../router.js';
import { Cell, MenuItem, MoreButton, RowMenu, Table } from '../table.js';
import { CreateKeyDialog } from './create-key.js';
import { RotateKeyDialog } from './rotate-key.js';

const IDS_MAX = 100;

/** The keys of the person who is signed in. */
export function ApiKeysPage() {
  return (
    <Keys
      title="API Keys"
      path="/api/api-keys?ownerId=me&limit=100"
      about="A key lets a program act for you, within the scopes that you give it. It is shown once, when it is created."
      people={null}
    />
  );
}

/** The keys of everybody whom an administrator sees. */
export function AllApiKeysPage() {
  const people = useList<UserDetail>('/api/users?limit=1000');
  return (
    <Loading error={people.error} isThere={people.items !== null} retry={people.reload}>
      <Keys
        title="API Keys of everybody"
        path="/api/api-keys?limit=100"
        about="All keys of your organizations, with the person whom each of them acts for."
        people={people.items ?? []}
      />
    </Loading>
  );
}

type Task = 'suspend' | 'activate' | 'revoke' | 'rotate';

interface KeysProps {
  readonly title: string;
  readonly path: string;
  readonly about: string;
  /** Whom keys belong to, where they are of several people. */
  readonly people: readonly UserDetail[] | null;
}

function Keys({ title, path, about, people }: KeysProps) {
  const list = useList<ApiKey>(path);
  const usage = useUsage(list.items);
  const announce = useAnnounce();
  const [isCreating, setCreating] = useState(false);
  const [task, setTask] = useState<{ readonly kind: Task; readonly key: ApiKey } | null>(null);
  const [isWithEnded, setWithEnded] = useState(false);
  const close = () => {
    setTask(null);
  };
  const change = async (key: ApiKey, action: 'suspend' | 'activate' | 'revoke', done: string) => {
    list.replace(await post<ApiKey>(`/api/api-keys/${key.id}/${action}`));
    close();
    announce(`${key.name} is ${done}.`);
  };
  const keys = list.items ?? [];
  const ended = keys.filter(isEnded);
  const shown = isWithEnded ? keys : keys.filter((key) => !isEnded(key));
  return (
    <>
      <PageHeading title={title}>
        <button
          type="button"
          class="button primary"
          onClick={() => {
            setCreating(true);
          }}
        >
          Create API Key
        </button>
      </PageHeading>
      <p class="about">{about}</p>
      <Loading error={list.error} isThere={list.items !== null} retry={list.reload}>
        {keys.some(({ kind, status }) => kind === 'pair' && status === 'active') && (
          <p class="notice warning">
            A pair of access and secret key is deprecated. Replace it by an API key: under{' '}
            <strong>Actions</strong>, <strong>Replace by an API key</strong>.
          </p>
        )}
        {ended.length > 0 && (
          <label class="toggle">
            <input
              type="checkbox"
              checked={isWithEnded}
              onChange={({ currentTarget }) => {
                setWithEnded(currentTarget.checked);
              }}
            />
            Show revoked and expired keys ({count(ended.length)})
          </label>
        )}
        {shown.length === 0 ? (
          <p class="empty">
            There is no key yet. Press <strong>Create API Key</strong> for the first.
          </p>
        ) : (
          <Table
            label={title}
            columns={[
              'Name and key',
              ...(people ? ['Owner'] : []),
              'Scopes',
              'Status and tier',
              'Expires',
              'Last used',
              'Last day',
            ]}
            hasActions
          >
            {shown.map((key) => (
              <KeyRow
                key={key.id}
                apiKey={key}
                owner={people && ownerOf(key, people)}
                usage={usage.get(key.id) ?? []}
                onTask={(kind) => {
                  setTask({ kind, key });
                }}
              />
            ))}
          </Table>
        )}
        <MoreButton list={list} />
      </Loading>
      {isCreating && (
        <CreateKeyDialog
          people={people}
          onCreated={list.reload}
          onClose={() => {
            setCreating(false);
          }}
        />
      )}
      {task?.kind === 'rotate' && (
        <RotateKeyDialog apiKey={task.key} onRotated={list.reload} onClose={close} />
      )}
      {task?.kind === 'suspend' && (
        <Confirmation
          title={`Suspend ${task.key.name}?`}
          action="Suspend key"
          run={() => change(task.key, 'suspend', 'suspended')}
          onClose={close}
        >
          <p>Requests with it are refused from now on, until it is activated again.</p>
        </Confirmation>
      )}
      {task?.kind === 'activate' && (
        <Confirmation
          title={`Activate ${task.key.name}?`}
          action="Activate key"
          run={() => change(task.key, 'activate', 'active')}
          onClose={close}
        >
          <p>Requests with it are answered again from now on.</p>
        </Confirmation>
      )}
      {task?.kind === 'revoke' && (
        <Confirmation
          title={`Revoke ${task.key.name}?`}
          action="Revoke key"
          isDangerous
          run={() => change(task.key, 'revoke', 'revoked')}
          onClose={close}
        >
          <p>
            <code>{shortKey(task.key)}</code> stops working now and for good. What still uses it
            will get 401. This cannot be undone.
          </p>
        </Confirmation>
      )}
    </>
  );
}

interface KeyRowProps {
  readonly apiKey: ApiKey;
  readonly owner: string | null;
  readonly usage: readonly ApiKeyUsageOf[];
  readonly onTask: (task: Task) => void;
}

function KeyRow({ apiKey, owner, usage, onTask }: KeyRowProps) {
  const { name, description, kind, status, graceUntil } = apiKey;
  const canRotate = (status === 'active' || status === 'suspended') && graceUntil === null;
  return (
    <tr role="row" class={isEnded(apiKey) ? 'ended' : ''}>
      <Cell label="Name and key" isHeading>
        <span class="name-line">
          <span class="name">{name}</span>
          {kind === 'pair' && <span class="badge warning">Deprecated pair</span>}
        </span>
        <code>{shortKey(apiKey)}</code>
        {description !== '' && <span class="hint">{description}</span>}
      </Cell>
      {owner !== null && <Cell label="Owner">{owner}</Cell>}
      <Cell label="Scopes">
        <ul class="chips">
          {apiKey.scopes.map((scope) => (
            <li key={scope} class={scope === 'admin:*' ? 'chip strong' : 'chip'}>
              {scope}
            </li>
          ))}
        </ul>
      </Cell>
      <Cell label="Status">
        <StatusBadge status={status} />
        <span class="hint">{TIER_LABELS[apiKey.tier]}</span>
        {graceUntil !== null && status === 'active' && (
          <span class="hint">Replaced, in its grace</span>
        )}
      </Cell>
      <Cell label="Expires">
        <Expiry instant={graceUntil ?? apiKey.expiresAt} />
      </Cell>
      <Cell label="Last used">
        {apiKey.lastUsedAt === null ? (
          <span class="muted">Never</span>
        ) : (
          <>
            <time dateTime={apiKey.lastUsedAt} title={fullInstant(apiKey.lastUsedAt)}>
              {fromNow(apiKey.lastUsedAt)}
            </time>
            <span class="hint">{apiKey.lastUsedIp}</span>
          </>
        )}
      </Cell>
      <Cell label="Last day">
        <UsageOfDay usage={usage} />
      </Cell>
      <Cell label="Actions" isActions>
        {status !== 'revoked' && (
          <RowMenu name={name}>
            {canRotate && (
              <MenuItem
                text={kind === 'pair' ? 'Replace by an API key…' : 'Rotate…'}
                run={() => {
                  onTask('rotate');
                }}
              />
            )}
            {status === 'suspended' ? (
              <MenuItem
                text="Activate…"
                run={() => {
                  onTask('activate');
                }}
              />
            ) : (
              status === 'active' && (
                <MenuItem
                  text="Suspend…"
                  run={() => {
                    onTask('suspend');
                  }}
                />
              )
            )}
            <MenuItem
              text="Revoke…"
              isDangerous
              run={() => {
                onTask('revoke');
              }}
            />
          </RowMenu>
        )}
      </Cell>
    </tr>
  );
}

const STATUS: Readonly<Record<ApiKey['status'], readonly [text: string, tone: string]>> = {
  active: ['Active', 'good'],
  suspended: ['Suspended', 'warning'],
  revoked: ['Revoked', 'bad'],
  expired: ['Expired', 'off'],
};

function StatusBadge({ status }: { readonly status: ApiKey['status'] }) {
  const [text, tone] = STATUS[status];
  return <span class={`badge ${tone}`}>{text}</span>;
}

function Expiry({ instant }: { readonly instant: string | null }) {
  if (instant === null) return <>Never</>;
  return (
    <>
      <time dateTime={instant} title={fullInstant(instant)}>
        {fromNow(instant)}
      </time>
      <span class="hint">{day(instant)}</span>
    </>
  );
}

function UsageOfDay({ usage }: { readonly usage: readonly ApiKeyUsageOf[] }) {
  const byHour = new Map(usage.map((each) => [each.hour, each]));
  const hours = lastHours().map((hour) => {
    const { requests = 0, refusals = 0, errors = 0 } = byHour.get(hour) ?? {};
    return { hour, value: requests, bad: refusals + errors };
  });
  const sum = (part: 'value' | 'bad') => hours.reduce((total, each) => total + each[part], 0);
  const [requests, bad] = [sum('value'), sum('bad')];
  const label = `${counted(requests, 'request')} in the last day, ${count(bad)} refused or failed`;
  return (
    <span class="usage">
      <Sparkline hours={hours} label={label} />
      <span class="number">{count(requests)}</span>
    </span>
  );
}

/** The use of the shown keys over the last day, which comes after the keys themselves. */
function useUsage(keys: readonly ApiKey[] | null): ReadonlyMap<string, readonly ApiKeyUsageOf[]> {
  const [rows, setRows] = useState<readonly ApiKeyUsageOf[]>([]);
  const ids = keys?.map(({ id }) => id).join() ?? '';
  useEffect(() => {
    const all = ids.split(',').filter((id) => id !== '');
    const parts: string[][] = [];
    for (let at = 0; at < all.length; at += IDS_MAX) parts.push(all.slice(at, at + IDS_MAX));
    Promise.all(
      parts.map((part) => get<ApiKeyUsageOf[]>(`/api/api-keys/usage?ids=${part.join()}`)),
    ).then(
      (answers) => {
        setRows(answers.flat());
      },
      () => undefined,
    );
  }, [ids]);
  return useMemo(() => Map.groupBy(rows, ({ apiKeyId }) => apiKeyId), [rows]);
}

function isEnded({ status }: ApiKey): boolean {
  return status === 'revoked' || status === 'expired';
}

function shortKey({ prefix, last4 }: ApiKey): string {
  return `${prefix}…${last4}`;
}

function ownerOf({ ownerId }: ApiKey, people: readonly UserDetail[]): string {
  return people.find(({ id }) => id === ownerId)?.email ?? 'Deleted, or not listed';
}
