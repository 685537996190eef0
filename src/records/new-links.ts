import type { AttachmentRow } from '../attachments/attachment-row.js';
import { newId } from '../common/ids.js';
import type { TagInput } from './record.schema.js';

/** What a create statement links to new records, as sets. */
export interface NewLinks {
  readonly tagIds: readonly { readonly recordId: string; readonly tagId: number }[];
  readonly tagNames: readonly {
    readonly recordId: string;
    readonly organizationId: string;
    readonly name: string;
  }[];
  readonly teams: readonly { readonly recordId: string; readonly teamId: string }[];
  readonly shares: readonly { readonly recordId: string; readonly organizationId: string }[];
  /** Files, whose contents the transaction refers to. */
  readonly attachments: readonly AttachmentRow[];
  readonly clients: readonly {
    readonly id: string;
    readonly organizationId: string;
    readonly name: string;
  }[];
}

interface LinkInput {
  readonly tags: readonly TagInput[];
  readonly teams: readonly string[];
  readonly organizations?: readonly string[] | undefined;
  readonly clientId?: string | null | undefined;
  readonly clientName?: string | null | undefined;
}

/** The links of a new record from its body; a client named by id needs none by name. */
export function toNewLinks(recordId: string, organizationId: string, input: LinkInput): NewLinks {
  const tagIds = new Set(input.tags.filter((tag) => typeof tag === 'number'));
  const names = input.tags.filter((tag) => typeof tag !== 'number');
  const shares = new Set(input.organizations);
  shares.delete(organizationId);
  return {
    tagIds: [...tagIds].map((tagId) => ({ recordId, tagId })),
    tagNames: names.map(({ name }) => ({ recordId, organizationId, name })),
    teams: [...new Set(input.teams)].map((teamId) => ({ recordId, teamId })),
    shares: [...shares].map((id) => ({ recordId, organizationId: id })),
    attachments: [],
    clients:
      input.clientName && !input.clientId
        ? [{ id: newId(), organizationId, name: input.clientName }]
        : [],
  };
}
