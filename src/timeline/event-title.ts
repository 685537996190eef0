import { PAP_LABELS, TLP_LABELS, severityLabel } from '../records/record-labels.js';

/** A line of a case's history, as far as its title follows from it. */
export interface HistoryLine {
  /** Its action and field, after `task` where it tells of one: a key of `TITLES`. */
  readonly key: string;
  readonly body: string;
  readonly oldValue: unknown;
  readonly newValue: unknown;
  /** The name of the alert, the person or the task that it tells of, where the caller may see it. */
  readonly subject: string | null;
}

type Title = (line: HistoryLine) => string;

const SHOWN_MAX = 200;

/** A value as part of a line of text, shortened where it is long. */
function shown(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') return '';
  const line = String(value).replaceAll(/\s+/g, ' ').trim();
  return line.length <= SHOWN_MAX ? line : `${line.slice(0, SHOWN_MAX - 1).toWellFormed()}…`;
}

/** A member of a value that is an object. */
function part(value: unknown, name: string): string {
  return shown((value as Readonly<Record<string, unknown>> | null)?.[name]);
}

/** `Task added: Collect memory`, or only what comes before the colon where there is nothing to add. */
function about(what: string, subject: unknown): string {
  const text = shown(subject);
  return text === '' ? what : `${what}: ${text}`;
}

function changed(what: string, labelOf: (value: unknown) => string = shown): Title {
  return ({ oldValue, newValue }) =>
    `${what} changed from ${labelOf(oldValue)} to ${labelOf(newValue)}`;
}

const labelledBy = (labels: readonly string[]) => (value: unknown) =>
  labels[Number(value)] ?? shown(value);

const TASK_WORDS: Readonly<Record<string, string>> = {
  open: 'reopened',
  'in-progress': 'in progress',
  'under-review': 'under review',
};

/** The lines of history that a timeline tells of, and how. */
const TITLES: Readonly<Record<string, Title>> = {
  created: ({ body }) => about('Case created', body),
  'statusChanged statusValue': changed('Status'),
  'updated severity': changed('Severity', (value) => severityLabel(Number(value))),
  'updated tlp': changed('TLP', labelledBy(TLP_LABELS)),
  'updated pap': changed('PAP', labelledBy(PAP_LABELS)),
  'updated assigneeId': ({ newValue, subject }) =>
    newValue === null ? 'Unassigned' : `Assigned to ${shown(subject) || 'somebody'}`,
  'updated slaStatus': ({ newValue }) =>
    newValue === null ? 'SLA removed' : `SLA ${shown(newValue).replaceAll('-', ' ')}`,
  'merged alerts': ({ newValue, subject }) =>
    about(`Alert #${part(newValue, 'tinyId')} merged`, subject),
  'removed alerts': ({ oldValue, subject }) =>
    about(`Alert #${part(oldValue, 'tinyId')} unlinked`, subject),
  'merged cases': ({ newValue }) => `Case #${part(newValue, 'tinyId')} merged`,
  'merged case': ({ newValue }) => `Merged into case #${part(newValue, 'tinyId')}`,
  'added links': ({ newValue }) => `Linked with case #${part(newValue, 'tinyId')}`,
  'removed links': ({ oldValue }) => `Unlinked from case #${part(oldValue, 'tinyId')}`,
  'added observables': ({ newValue }) =>
    about('Observable added', `${part(newValue, 'dataType')} ${part(newValue, 'data')}`),
  'added attachments': ({ newValue }) => about('Evidence added', part(newValue, 'name')),
  commentAdded: () => 'Comment added',
  'task added tasks': ({ body }) => about('Task added', body),
  'task removed tasks': ({ body }) => about('Task deleted', body),
  'task statusChanged status': ({ body, newValue }) => {
    const word = shown(newValue);
    return about(`Task ${TASK_WORDS[word] ?? word}`, body);
  },
  'task commentAdded': ({ subject }) => about('Comment added to task', subject),
};

/** The keys of lines that a timeline tells of. */
export const TOLD_KEYS: readonly string[] = Object.keys(TITLES);

/** What a line of history says to a person. */
export function titleOf(line: HistoryLine): string {
  return TITLES[line.key]?.(line) ?? about('Case changed', line.body);
}
