import type { CaseTemplate } from '../case-templates/case-templates.schema.js';
import { invalidValue } from '../common/errors.js';
import { recordFields } from '../records/record.schema.js';
import type { CreateTask } from '../tasks/tasks.schema.js';
import type { CreateCase } from './cases.schema.js';

const MARKING_DEFAULT = 2;
const HOUR_MS = 3_600_000;

/** A new case with all that its body left to a template or to the defaults. */
export interface CompleteCase extends CreateCase {
  readonly severity: number;
  readonly tlp: number;
  readonly pap: number;
}

/**
 * The case a body and its template mean together: what the body says wins, tags and teams are united,
 * the tasks of the template come first (spec/behaviour.md §5).
 *
 * @throws AppError `VALIDATION_FAILED` when nobody says the severity, or the prefix makes the title too long.
 */
export function completeCase(body: CreateCase, template: CaseTemplate | null): CompleteCase {
  const severity = body.severity ?? template?.severity ?? undefined;
  if (severity === undefined)
    throw invalidValue(
      'severity',
      'Required: 1 to 4, unless the template has one.',
      'invalid_type',
    );
  const { tlp, pap } = body;
  const marking = {
    tlp: tlp ?? template?.tlp ?? MARKING_DEFAULT,
    pap: pap ?? template?.pap ?? MARKING_DEFAULT,
  };
  if (!template) return { ...body, ...marking, severity };
  const title = template.titlePrefix + body.title;
  if (!recordFields.title.safeParse(title).success) {
    throw invalidValue('title', 'Too long behind the prefix of the template.', 'too_big');
  }
  const hasSla = body.slaConfig !== undefined || body.slaConfigId !== undefined;
  const startMs = body.createdAt === undefined ? Date.now() : Date.parse(body.createdAt);
  return {
    ...body,
    ...marking,
    severity,
    title,
    description: body.description ?? template.description,
    tags: [...template.tags.map(({ id }) => id), ...body.tags],
    teams: [...template.teams.map(({ id }) => id), ...body.teams],
    customFields: { ...template.customFields, ...body.customFields },
    slaConfigId: hasSla ? body.slaConfigId : template.slaConfigId,
    tasks: [...template.tasks.map((task) => toTask(task, startMs)), ...body.tasks],
  };
}

function toTask(
  { dueInHours, ...task }: CaseTemplate['tasks'][number],
  startMs: number,
): CreateTask {
  const dueDate =
    dueInHours === null ? null : new Date(startMs + dueInHours * HOUR_MS).toISOString();
  return { ...task, dueDate, flagged: false, status: 'open', teams: [] };
}
