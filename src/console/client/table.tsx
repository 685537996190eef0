import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface TableProps {
  readonly label: string;
  readonly columns: readonly string[];
  readonly hasActions?: boolean;
  readonly children: ComponentChildren;
}

/** A table that is one of cards where there is no room; the roles say that it is a table even then. */
export function Table({ label, columns, hasActions = false, children }: TableProps) {
  return (
    <div class="table-frame">
      <table role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th key={column} scope="col" role="columnheader">
                {column}
              </th>
            ))}
            {hasActions && (
              <th scope="col" role="columnheader">
                <span class="visually-hidden">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody role="rowgroup">{children}</tbody>
      </table>
    </div>
  );
}

interface CellProps {
  readonly label: string;
  readonly isHeading?: boolean;
  readonly isActions?: boolean;
  readonly children: ComponentChildren;
}

export function Cell({ label, isHeading = false, isActions = false, children }: CellProps) {
  if (isHeading) {
    return (
      <th scope="row" role="rowheader" data-label={label}>
        {children}
      </th>
    );
  }
  return (
    <td role="cell" data-label={label} class={isActions ? 'actions' : ''}>
      {children}
    </td>
  );
}

/** What can be done with a row; the browser opens it, closes it, and gives the focus back. */
export function RowMenu({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ComponentChildren;
}) {
  const id = useId();
  return (
    <>
      <button
        type="button"
        class="button small"
        popovertarget={id}
        aria-label={`Actions for ${name}`}
      >
        Actions
      </button>
      <div
        id={id}
        class="row-menu"
        popover="auto"
        onClick={({ currentTarget }) => {
          currentTarget.hidePopover();
        }}
      >
        {children}
      </div>
    </>
  );
}

interface MenuItemProps {
  readonly text: string;
  readonly isDangerous?: boolean;
  readonly run: () => void;
}

export function MenuItem({ text, isDangerous = false, run }: MenuItemProps) {
  return (
    <button type="button" class={isDangerous ? 'dangerous-text' : ''} onClick={run}>
      {text}
    </button>
  );
}

/** Leads to the next page of a list, while there is one. */
export function MoreButton({
  list,
}: {
  readonly list: { readonly hasMore: boolean; readonly more: () => void };
}) {
  if (!list.hasMore) return null;
  return (
    <button type="button" class="button more" onClick={list.more}>
      Show more
    </button>
  );
}
