import type { TaskStatus } from '../tasks/task-status.js';
import type { PlannedAlert } from './detections.js';
import type { TemplateKey, TenantKey } from './tenants.js';

/** A case of the month: what it is about, before it has an id. */
export interface PlannedCase {
  readonly serial: number;
  readonly tenant: TenantKey;
  readonly title: string;
  readonly severity: number;
  readonly template: TemplateKey;
  /** The key of the recipe that it began with. */
  readonly recipe: string;
}

/** A task of a case, by its place among those of the template. */
export interface PlannedTask {
  readonly case: PlannedCase;
  readonly task: number;
}

/** Fields as an update takes them, but for people and organizations, which go by their keys. */
export interface Fields {
  readonly statusValue?: string;
  readonly assignee?: string;
  readonly flag?: boolean;
  readonly severity?: number;
  readonly resolutionSummary?: string;
  readonly rootCause?: string;
  readonly sharedWith?: TenantKey;
}

interface Moment {
  readonly atMs: number;
  /** The key of the person who does it. */
  readonly by: string;
}

/** Something that somebody does at a moment. */
export type Step = Moment &
  (
    | { readonly do: 'change-alert'; readonly alert: PlannedAlert; readonly fields: Fields }
    | {
        readonly do: 'open-case';
        readonly case: PlannedCase;
        readonly alerts: readonly PlannedAlert[];
        readonly description: string;
        readonly assignee: string;
      }
    | { readonly do: 'merge-alert'; readonly case: PlannedCase; readonly alert: PlannedAlert }
    | { readonly do: 'change-case'; readonly case: PlannedCase; readonly fields: Fields }
    | {
        readonly do: 'change-task';
        readonly of: PlannedTask;
        readonly status: TaskStatus;
      }
    | {
        readonly do: 'comment';
        readonly on:
          { readonly alert: PlannedAlert } | { readonly case: PlannedCase } | PlannedTask;
        readonly body: string;
        /** Answers the last comment there. */
        readonly isReply?: boolean;
      }
    | {
        readonly do: 'tell';
        readonly case: PlannedCase;
        readonly title: string;
        readonly occurredAtMs: number;
      }
    | { readonly do: 'pause'; readonly case: PlannedCase }
    | { readonly do: 'resume'; readonly case: PlannedCase }
    | {
        readonly do: 'link';
        readonly case: PlannedCase;
        readonly other: PlannedCase;
        readonly kind: string;
      }
    | { readonly do: 'merge-case'; readonly case: PlannedCase; readonly other: PlannedCase }
    | {
        readonly do: 'attach';
        readonly case: PlannedCase;
        readonly name: string;
        readonly content: string;
      }
  );
