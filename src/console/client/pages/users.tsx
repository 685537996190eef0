import { useState } from 'preact/hooks';
import type { Role } from '../../../auth/scopes.js';
import type { Organization } from '../../../organizations/organizations.schema.js';
import type { UserDetail, UserWithPassword } from '../../../users/users.schema.js';
import { useAnnounce } from '../announcer.js';
import { getPage, patch, post, remove } from '../api.js';
import { CopyField } from '../copy.js';
import { Confirmation, Dialog } from '../dialog.js';
import { Field, FormMessage, textOf, textsOf, useSubmission } from '../form.js';
import { fromNow, fullInstant } from '../format.js';
import { PAP_LABELS, ROLE_LABELS, TIER_LABELS, TLP_LABELS } from '../labels.js';
import { Loading, useList, useLoaded } from '../loading.js';
import { PageHeading } from '../router.js';
import { useUser } from '../session.js';
import { Cell, MenuItem, MoreButton, RowMenu, Table } from '../table.js';

type TaskKind = 'change' | 'password' | 'activate' | 'deactivate' | 'delete';

interface Task {
  readonly kind: TaskKind;
  readonly person: UserDetail;
}

export function UsersPage() {
  const list = useList<UserDetail>('/api/users?limit=100');
  const self = useUser();
  const announce = useAnnounce();
  const [isCreating, setCreating] = useState(false);
  const [task, setTask] = useState<Task | null>(null);
  const close = () => {
    setTask(null);
  };
  const people = list.items ?? [];
  return (
    <>
      <PageHeading title="Users">
        <button
          type="button"
          class="button primary"
          onClick={() => {
            setCreating(true);
          }}
        >
          Add user
        </button>
      </PageHeading>
      <p class="about">
        The people of your organizations. What somebody may do follows from role, clearance and
        tier.
      </p>
      <Loading error={list.error} isThere={list.items !== null} retry={list.reload}>
        <Table
          label="Users"
          columns={[
            'Name',
            'Role',
            'Organizations',
            'Clearance',
            'Highest tier',
            'Status',
            'Last seen',
          ]}
          hasActions
        >
          {people.map((person) => (
            <UserRow
              key={person.id}
              person={person}
              isSelf={person.id === self.id}
              onTask={(kind) => {
                setTask({ kind, person });
              }}
            />
          ))}
        </Table>
        <MoreButton list={list} />
      </Loading>
      {isCreating && (
        <PersonDialog
          person={null}
          onSaved={list.reload}
          onClose={() => {
            setCreating(false);
          }}
        />
      )}
      {task?.kind === 'change' && (
        <PersonDialog person={task.person} onSaved={list.reload} onClose={close} />
      )}
      {task?.kind === 'password' && <ResetDialog person={task.person} onClose={close} />}
      {(task?.kind === 'activate' || task?.kind === 'deactivate') && (
        <Confirmation
          title={`${task.kind === 'activate' ? 'Activate' : 'Deactivate'} ${task.person.email}?`}
          action={task.kind === 'activate' ? 'Activate user' : 'Deactivate user'}
          run={async () => {
            const status = task.kind === 'activate' ? 'active' : 'inactive';
            list.replace(
              await patch<UserDetail>(`/api/users/${task.person.id}`, { status }, task.person),
            );
            close();
            announce(`${task.person.email} is ${status}.`);
          }}
          onClose={close}
        >
          <p>
            {task.kind === 'activate'
              ? 'The person may sign in again, and keys of the person work again.'
              : 'The person is signed out, and keys of the person stop working, until activated again.'}
          </p>
        </Confirmation>
      )}
      {task?.kind === 'delete' && (
        <Confirmation
          title={`Delete ${task.person.email}?`}
          action="Delete user"
          isDangerous
          run={async () => {
            await remove(`/api/users/${task.person.id}`);
            list.reload();
            close();
            announce(`${task.person.email} is deleted.`);
          }}
          onClose={close}
        >
          <p>
            Keys and sessions of the person stop working for good. What the person did stays. This
            cannot be undone.
          </p>
        </Confirmation>
      )}
    </>
  );
}

interface UserRowProps {
  readonly person: UserDetail;
  readonly isSelf: boolean;
  readonly onTask: (kind: TaskKind) => void;
}

const STATUS: Readonly<Record<UserDetail['status'], readonly [text: string, tone: string]>> = {
  active: ['Active', 'good'],
  inactive: ['Inactive', 'off'],
  invited: ['Invited', 'warning'],
};

function UserRow({ person, isSelf, onTask }: UserRowProps) {
  const [status, tone] = STATUS[person.status];
  const item = (text: string, kind: TaskKind, isDangerous = false) => (
    <MenuItem
      text={text}
      isDangerous={isDangerous}
      run={() => {
        onTask(kind);
      }}
    />
  );
  return (
    <tr role="row">
      <Cell label="Name" isHeading>
        <span class="name-line">
          <span class="name">{`${person.firstName} ${person.lastName}`.trim()}</span>
          {isSelf && <span class="badge">You</span>}
        </span>
        <span class="hint">{person.email}</span>
      </Cell>
      <Cell label="Role">{ROLE_LABELS[person.role]}</Cell>
      <Cell label="Organizations">{person.organizations.map(({ name }) => name).join(', ')}</Cell>
      <Cell label="Clearance">
        TLP:{TLP_LABELS[person.tlpMax]}
        <br />
        PAP:{PAP_LABELS[Math.min(person.papMax, 3)]}
      </Cell>
      <Cell label="Highest tier">{TIER_LABELS[person.tierMax]}</Cell>
      <Cell label="Status">
        <span class={`badge ${tone}`}>{status}</span>
      </Cell>
      <Cell label="Last seen">
        {person.lastSeenAt === null ? (
          <span class="muted">Never</span>
        ) : (
          <time dateTime={person.lastSeenAt} title={fullInstant(person.lastSeenAt)}>
            {fromNow(person.lastSeenAt)}
          </time>
        )}
      </Cell>
      <Cell label="Actions" isActions>
        <RowMenu name={person.email}>
          {item('Change…', 'change')}
          {!isSelf && item('Reset password…', 'password')}
          {!isSelf &&
            (person.status === 'inactive'
              ? item('Activate…', 'activate')
              : item('Deactivate…', 'deactivate'))}
          {!isSelf && item('Delete…', 'delete', true)}
        </RowMenu>
      </Cell>
    </tr>
  );
}

interface PersonDialogProps {
  /** Who is changed; null for somebody new. */
  readonly person: UserDetail | null;
  readonly onSaved: () => void;
  readonly onClose: () => void;
}

function PersonDialog({ person, onSaved, onClose }: PersonDialogProps) {
  const announce = useAnnounce();
  const self = useUser();
  const [created, setCreated] = useState<UserWithPassword | null>(null);
  const organizations = useLoaded(() => getPage<Organization>('/api/organizations?limit=1000'));
  // Those that are only linked to the own ones have no description to be read.
  const choices = (organizations.value?.items ?? []).filter(
    ({ description }) => description !== null,
  );
  const { errors, message, isBusy, onSubmit } = useSubmission(async (data) => {
    const body = bodyOf(data, person, idsOf(choices));
    if (person) {
      const { email } = await patch<UserDetail>(`/api/users/${person.id}`, body, person);
      onSaved();
      onClose();
      announce(`${email} is saved.`);
      return;
    }
    setCreated(await post<UserWithPassword>('/api/users', body));
    onSaved();
  });
  if (created) {
    return (
      <Dialog key="created" title={`${created.email} may sign in`} onClose={onClose} isHeld>
        <HandOver person={created} onDone={onClose} />
      </Dialog>
    );
  }
  const roles = (Object.keys(ROLE_LABELS) as Role[]).filter(
    (role) => rankOf(role) <= rankOf(self.role),
  );
  return (
    <Dialog
      key="form"
      title={person ? `Change ${person.email}` : 'Add user'}
      onClose={onClose}
      isWide
    >
      <Loading
        error={organizations.error}
        isThere={organizations.value !== null}
        retry={organizations.reload}
      >
        <form onSubmit={onSubmit} noValidate>
          <div class="dialog-body">
            <FormMessage message={message} />
            <Field label="E-mail address" name="email" errors={errors}>
              {(attributes) => (
                <input
                  {...attributes}
                  type="email"
                  autocomplete="off"
                  defaultValue={person?.email ?? ''}
                  required
                />
              )}
            </Field>
            <div class="columns">
              <Field label="First name" name="firstName" errors={errors}>
                {(attributes) => (
                  <input
                    {...attributes}
                    autocomplete="off"
                    maxLength={100}
                    defaultValue={person?.firstName ?? ''}
                    required
                  />
                )}
              </Field>
              <Field label="Last name" name="lastName" errors={errors}>
                {(attributes) => (
                  <input
                    {...attributes}
                    autocomplete="off"
                    maxLength={100}
                    defaultValue={person?.lastName ?? ''}
                  />
                )}
              </Field>
            </div>
            <Field label="Role" name="role" errors={errors}>
              {(attributes) => (
                <select {...attributes}>
                  {roles.map((role) => (
                    <option key={role} value={role} selected={role === (person?.role ?? 'analyst')}>
                      {ROLE_LABELS[role]}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <fieldset class="choices">
              <legend>Organizations</legend>
              <div class="choice-list">
                {choices.map(({ id, name }, index) => (
                  <label key={id}>
                    <input
                      type="checkbox"
                      name="organizations"
                      value={id}
                      defaultChecked={
                        person ? person.organizations.some((each) => each.id === id) : index === 0
                      }
                    />
                    {name}
                  </label>
                ))}
              </div>
              {errors.organizations !== undefined && (
                <p class="field-error">{errors.organizations}</p>
              )}
            </fieldset>
            <div class="columns">
              <Ceiling
                label="Sees TLP up to"
                name="tlpMax"
                names={TLP_LABELS}
                chosen={person?.tlpMax ?? self.tlpMax}
                errors={errors}
              />
              <Ceiling
                label="Sees PAP up to"
                name="papMax"
                names={PAP_LABELS}
                chosen={Math.min(person?.papMax ?? self.papMax, 3)}
                errors={errors}
              />
            </div>
          </div>
          <footer>
            <button type="button" class="button" onClick={onClose}>
              Cancel
            </button>
            <button type="submit" class="button primary" disabled={isBusy}>
              {person ? 'Save' : 'Add user'}
            </button>
          </footer>
        </form>
      </Loading>
    </Dialog>
  );
}

interface CeilingProps {
  readonly label: string;
  readonly name: string;
  readonly names: readonly string[];
  readonly chosen: number;
  readonly errors: Readonly<Record<string, string>>;
}

function Ceiling({ label, name, names, chosen, errors }: CeilingProps) {
  return (
    <Field label={label} name={name} errors={errors}>
      {(attributes) => (
        <select {...attributes}>
          {names.map((each, index) => (
            <option key={each} value={index} selected={index === chosen}>
              {each}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function bodyOf(data: FormData, before: UserDetail | null, offered: readonly string[]): object {
  const papMax = Number(textOf(data, 'papMax'));
  return {
    email: textOf(data, 'email'),
    firstName: textOf(data, 'firstName'),
    lastName: textOf(data, 'lastName'),
    role: textOf(data, 'role'),
    organizations: chosenOrganizations(data, before, offered),
    tlpMax: Number(textOf(data, 'tlpMax')),
    // A PAP of 4 means RED as well, and stays what it is.
    papMax: PAP_LABELS[papMax] === 'RED' ? Math.max(papMax, before?.papMax ?? 0) : papMax,
  };
}

/**
 * Those of before in their order, as the first is where the person is at home, then the others; what was not offered
 * for a choice stays.
 */
function chosenOrganizations(
  data: FormData,
  before: UserDetail | null,
  offered: readonly string[],
): string[] {
  const chosen = textsOf(data, 'organizations');
  const stay = idsOf(before?.organizations ?? []).filter(
    (id) => chosen.includes(id) || !offered.includes(id),
  );
  return [...stay, ...chosen.filter((id) => !stay.includes(id))];
}

function idsOf(rows: readonly { readonly id: string }[]): string[] {
  return rows.map(({ id }) => id);
}

function rankOf(role: Role): number {
  return Object.keys(ROLE_LABELS).indexOf(role);
}

function ResetDialog({
  person,
  onClose,
}: {
  readonly person: UserDetail;
  readonly onClose: () => void;
}) {
  const [changed, setChanged] = useState<UserWithPassword | null>(null);
  if (changed) {
    return (
      <Dialog key="changed" title={`A new password for ${person.email}`} onClose={onClose} isHeld>
        <HandOver person={changed} onDone={onClose} />
      </Dialog>
    );
  }
  return (
    <Confirmation
      title={`Reset the password of ${person.email}?`}
      action="Reset password"
      run={async () => {
        setChanged(await post<UserWithPassword>(`/api/users/${person.id}/password`));
      }}
      onClose={onClose}
    >
      <p>
        The person is signed out everywhere and gets a temporary password, to be changed at the next
        sign-in. Keys of the person go on working.
      </p>
    </Confirmation>
  );
}

/** A temporary password, this once. */
function HandOver({
  person,
  onDone,
}: {
  readonly person: UserWithPassword;
  readonly onDone: () => void;
}) {
  return (
    <>
      <div class="dialog-body">
        <p class="notice warning" role="status">
          <strong>Hand the password over now.</strong> It is shown this once, and must be changed
          after signing in.
        </p>
        <CopyField label="Temporary password" value={person.temporaryPassword ?? ''} />
        <CopyField label="Address to sign in at" value={`${location.origin}/sign-in`} />
      </div>
      <footer>
        <button type="button" class="button primary" onClick={onDone}>
          Done
        </button>
      </footer>
    </>
  );
}
