import { PAP_LABELS, TLP_LABELS } from '../records/record-labels.js';
import type { CaseExport } from './case-export.schema.js';

/**
 * A case as a report in Markdown (CommonMark with tables) for somebody who was not there: what happened,
 * what was done, what was found.
 *
 * What people typed is quoted, so that none of it passes for a part of the report; observables are
 * defanged, so that nobody follows one by accident.
 */
export function caseReport(exported: CaseExport, now: string): string {
  const { case: record, alerts, links } = exported;
  const sections: readonly (readonly [heading: string, lines: readonly string[]])[] = [
    ['', facts(exported)],
    ['Resolution', quoted(record.resolutionSummary)],
    ['Description', quoted(record.description)],
    ['Timeline', timeline(exported)],
    ['Tasks', tasks(exported)],
    ['Observables', observables(exported)],
    ['Techniques', techniques(exported)],
    ['Evidence', evidence(exported)],
    ['Alerts', alerts.map((alert) => `- ${reference(alert)} (${severityOf(alert)})`)],
    ['Related cases', links.map((link) => `- ${reference(link)} (${inline(link.kind)})`)],
    ['Comments', comments(exported)],
  ];
  const body = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([heading, lines]) => [...(heading ? [`## ${heading}`, ''] : []), ...lines].join('\n'));
  return [
    `# Case #${record.tinyId}: ${inline(record.title)}`,
    `**TLP:${tlpOf(record)} · PAP:${papOf(record)}**`,
    ...body,
    `*Written at ${moment(now)}. What is marked above the reader's clearance is left out.*`,
    '',
  ].join('\n\n');
}

function facts({ case: record, tasks: all, observables: found, alerts }: CaseExport): string[] {
  const done = all.filter(({ status }) => status === 'completed').length;
  const counted = all.filter(({ status }) => status !== 'cancelled').length;
  const rows: readonly (readonly [string, string | null])[] = [
    ['Status', inline(record.status.label)],
    ['Severity', record.severityLabel],
    ['Organization', record.organizations.map(({ name }) => inline(name)).join(', ')],
    ['Client', record.clientName && inline(record.clientName)],
    ['Assignee', record.assignee && personOf(record.assignee)],
    [
      'Opened',
      `${moment(record.createdAt)}${record.createdBy ? ` by ${personOf(record.createdBy)}` : ''}`,
    ],
    ['Last change', moment(record.updatedAt)],
    ['SLA', sla(record)],
    ['Tags', record.tags.map(({ name }) => inline(name)).join(', ') || null],
    ['Tasks', counted > 0 ? `${done} of ${counted} completed` : null],
    ['Observables', found.length > 0 ? String(found.length) : null],
    ['Alerts', alerts.length > 0 ? String(alerts.length) : null],
    ...Object.entries(record.customFields).map(
      ([key, value]) => [inline(key), inline(plain(value))] as const,
    ),
  ];
  return table(
    ['', ''],
    rows.flatMap(([name, value]) => (value === null ? [] : [[`**${name}**`, value]])),
  );
}

function sla({ slaStatus, slaDeadline }: CaseExport['case']): string | null {
  if (slaStatus === null || slaDeadline === null) return null;
  return `${slaStatus}, due ${moment(slaDeadline)}`;
}

function timeline({ timeline: events }: CaseExport): string[] {
  const inOrder = [...events].sort((a, b) => (a.occurredAt < b.occurredAt ? -1 : 1));
  return table(
    ['When', 'What', 'Who'],
    inOrder.map(({ occurredAt, title, description, actor }) => [
      moment(occurredAt),
      [inline(title), inline(description ?? '')].filter(Boolean).join(' — '),
      inline(actor.name),
    ]),
  );
}

function tasks({ tasks: all }: CaseExport): string[] {
  return table(
    ['', 'Task', 'Status', 'Assignee', 'Due', 'Completed'],
    all.map((task) => [
      task.status === 'completed' ? '✓' : '',
      `${inline(task.title)}${task.mandatory ? ' (mandatory)' : ''}`,
      task.status,
      task.assignee ? personOf(task.assignee) : '',
      task.dueDate === null ? '' : moment(task.dueDate),
      task.completedAt === null ? '' : moment(task.completedAt),
    ]),
  );
}

function observables({ observables: found }: CaseExport): string[] {
  return table(
    ['Type', 'Value', 'IOC', 'Sighted', 'TLP', 'Note'],
    found.map((observable) => [
      inline(observable.dataType),
      code(defanged(observable.dataType, observable.data)),
      observable.ioc ? 'yes' : '',
      observable.sightedAt === null ? '' : moment(observable.sightedAt),
      tlpOf(observable),
      inline(observable.message),
    ]),
  );
}

function techniques({ ttps }: CaseExport): string[] {
  return table(
    ['Technique', 'Name', 'Tactic', 'When', 'Note'],
    ttps.map(({ techniqueId, name, tactic, occurredAt, note }) => [
      inline(techniqueId),
      inline(name),
      inline(tactic ?? ''),
      occurredAt === null ? '' : moment(occurredAt),
      inline(note),
    ]),
  );
}

function evidence({ attachments }: CaseExport): string[] {
  return table(
    ['File', 'Bytes', 'SHA-256', 'Added'],
    attachments.map(({ name, size, sha256, createdAt }) => [
      inline(name),
      String(size),
      code(sha256),
      moment(createdAt),
    ]),
  );
}

function comments({ comments: said, tasks: all }: CaseExport): string[] {
  const titles = new Map(all.map(({ id, title }) => [id, title]));
  return said.flatMap(({ createdBy, createdAt, taskId, body }, index) => {
    const title = taskId === null ? undefined : titles.get(taskId);
    const where = title === undefined ? '' : `, on the task ${inline(title)}`;
    return [
      ...(index > 0 ? [''] : []),
      `**${personOf(createdBy)}**, ${moment(createdAt)}${where}:`,
      '',
      ...quoted(body),
    ];
  });
}

/** A table of cells that are Markdown already; nothing without rows. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)];
}

/** Text on one line that means nothing to Markdown or HTML. */
export function inline(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replaceAll(/[\\`*_{}[\]<>#|~!&]/g, '\\$&');
}

/** Text on one line as it is, in a code span that it cannot end. */
export function code(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((ticks) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  const pad = line === '' || line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** Markdown that somebody typed, as a quotation, without its HTML. */
export function quoted(markdown: string | null): string[] {
  if (markdown === null || markdown.trim() === '') return [];
  return markdown
    .trim()
    .split(/\r\n|\r|\n/)
    .map((line) => `> ${line.replaceAll(/<(?=[A-Za-z/!?])/g, '&lt;')}`.trimEnd());
}

const NETWORK_TYPES = new Set(['ip', 'domain', 'fqdn', 'hostname', 'url', 'email', 'mail']);

/** An address that no program takes for a link: `hxxps://evil[.]example`. */
export function defanged(dataType: string, data: string): string {
  if (!NETWORK_TYPES.has(dataType)) return data;
  return data
    .replace(/^http(?=s?:)/i, 'hxxp')
    .replaceAll(/(?<!\[)\.(?!\])/g, '[.]')
    .replaceAll(/(?<!\[)@(?!\])/g, '[@]');
}

function reference({ tinyId, title }: { readonly tinyId: number; readonly title: string }): string {
  return `#${tinyId} ${inline(title)}`;
}

function severityOf({ severityLabel }: { readonly severityLabel: string }): string {
  return severityLabel;
}

function personOf(person: {
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
}): string {
  return inline(`${person.firstName} ${person.lastName}`.trim() || person.email);
}

function tlpOf({ tlp }: { readonly tlp: number }): string {
  return TLP_LABELS[tlp] ?? String(tlp);
}

function papOf({ pap }: { readonly pap: number }): string {
  return PAP_LABELS[pap] ?? String(pap);
}

/** `2026-01-31 12:00 UTC` */
function moment(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
