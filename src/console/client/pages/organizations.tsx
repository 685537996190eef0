import { useState } from 'preact/hooks';
import type { Organization } from '../../../organizations/organizations.schema.js';
import { useAnnounce } from '../announcer.js';
import { patch, post, remove } from '../api.js';
import { Confirmation, Dialog } from '../dialog.js';
import { Field, FormMessage, textOf, useSubmission } from '../form.js';
import { day, fullInstant } from '../format.js';
import { Loading, useList } from '../loading.js';
import { PageHeading } from '../router.js';
import { useUser } from '../session.js';
import { Cell, MenuItem, MoreButton, RowMenu, Table } from '../table.js';

type Task =
  | { readonly kind: 'create' }
  | { readonly kind: 'change' | 'delete'; readonly organization: Organization };

export function OrganizationsPage() {
  const list = useList<Organization>('/api/organizations?limit=100');
  const announce = useAnnounce();
  const [task, setTask] = useState<Task | null>(null);
  const isPlatformAdministrator = useUser().role === 'super-admin';
  const close = () => {
    setTask(null);
  };
  const organizations = list.items ?? [];
  return (
    <>
      <PageHeading title="Organizations">
        {isPlatformAdministrator && (
          <button
            type="button"
            class="button primary"
            onClick={() => {
              setTask({ kind: 'create' });
            }}
          >
            Add organization
          </button>
        )}
      </PageHeading>
      <p class="about">
        Each is a tenant of its own: what belongs to one is invisible to the others, unless it is
        shared.
        {!isPlatformAdministrator && ' Platform administrators add and change them.'}
      </p>
      <Loading error={list.error} isThere={list.items !== null} retry={list.reload}>
        <Table
          label="Organizations"
          columns={['Name', 'Description', 'Created', 'Id']}
          hasActions={isPlatformAdministrator}
        >
          {organizations.map((organization) => (
            <tr role="row" key={organization.id}>
              <Cell label="Name" isHeading>
                <span class="name-line">
                  <span class="name">{organization.name}</span>
                  {organization.description === null && <span class="badge">Linked</span>}
                </span>
              </Cell>
              <Cell label="Description">
                {organization.description ?? <span class="muted">Not yours to read</span>}
              </Cell>
              <Cell label="Created">
                <time dateTime={organization.createdAt} title={fullInstant(organization.createdAt)}>
                  {day(organization.createdAt)}
                </time>
              </Cell>
              <Cell label="Id">
                <code class="id">{organization.id}</code>
              </Cell>
              {isPlatformAdministrator && (
                <Cell label="Actions" isActions>
                  <RowMenu name={organization.name}>
                    <MenuItem
                      text="Change…"
                      run={() => {
                        setTask({ kind: 'change', organization });
                      }}
                    />
                    <MenuItem
                      text="Delete…"
                      isDangerous
                      run={() => {
                        setTask({ kind: 'delete', organization });
                      }}
                    />
                  </RowMenu>
                </Cell>
              )}
            </tr>
          ))}
        </Table>
        <MoreButton list={list} />
      </Loading>
      {task && task.kind !== 'delete' && (
        <OrganizationDialog
          organization={task.kind === 'change' ? task.organization : null}
          onSaved={list.reload}
          onClose={close}
        />
      )}
      {task?.kind === 'delete' && (
        <Confirmation
          title={`Delete ${task.organization.name}?`}
          action="Delete organization"
          isDangerous
          run={async () => {
            await remove(`/api/organizations/${task.organization.id}`);
            list.reload();
            close();
            announce(`${task.organization.name} is deleted.`);
          }}
          onClose={close}
        >
          <p>
            Its teams and links go with it. It can only be deleted while it has no people, keys,
            alerts or cases.
          </p>
        </Confirmation>
      )}
    </>
  );
}

interface OrganizationDialogProps {
  readonly organization: Organization | null;
  readonly onSaved: () => void;
  readonly onClose: () => void;
}

function OrganizationDialog({ organization, onSaved, onClose }: OrganizationDialogProps) {
  const announce = useAnnounce();
  const { errors, message, isBusy, onSubmit } = useSubmission(async (data) => {
    const body = { name: textOf(data, 'name'), description: textOf(data, 'description') };
    const saved = organization
      ? await patch<Organization>(`/api/organizations/${organization.id}`, body, organization)
      : await post<Organization>('/api/organizations', body);
    onSaved();
    onClose();
    announce(`${saved.name} is saved.`);
  });
  return (
    <Dialog
      title={organization ? `Change ${organization.name}` : 'Add organization'}
      onClose={onClose}
    >
      <form onSubmit={onSubmit} noValidate>
        <div class="dialog-body">
          <FormMessage message={message} />
          <Field label="Name" name="name" errors={errors}>
            {(attributes) => (
              <input
                {...attributes}
                maxLength={256}
                autocomplete="off"
                defaultValue={organization?.name ?? ''}
                required
              />
            )}
          </Field>
          <Field label="Description (optional)" name="description" errors={errors}>
            {(attributes) => (
              <textarea
                {...attributes}
                rows={3}
                maxLength={4096}
                defaultValue={organization?.description ?? ''}
              />
            )}
          </Field>
        </div>
        <footer>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isBusy}>
            Save
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
