import { Readable } from 'node:stream';
import type { INestApplicationContext } from '@nestjs/common';
import { AlertIntakeService } from '../alerts/alert-intake.service.js';
import { AlertPromotionService } from '../alerts/alert-promotion.service.js';
import { alertNotFound } from '../alerts/alerts.errors.js';
import { createCaseFromAlertsSchema } from '../alerts/alerts.schema.js';
import { AlertsService } from '../alerts/alerts.service.js';
import { AttachmentsService } from '../attachments/attachments.service.js';
import type { Principal } from '../auth/principal.js';
import { CaseLinksService } from '../case-links/case-links.service.js';
import { CaseMergeService } from '../cases/case-merge.service.js';
import { CasesService } from '../cases/cases.service.js';
import { CommentsService } from '../comments/comments.service.js';
import { NO_PRECONDITION } from '../common/etag.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { settleClock } from '../sla/sla.queries.js';
import { BlobsService } from '../storage/blobs.service.js';
import type { HeldFile } from '../storage/blobs.service.js';
import { IncomingFiles } from '../storage/incoming-files.js';
import type { PlaceRef } from '../tasks/places.service.js';
import { TasksService } from '../tasks/tasks.service.js';
import { TimelineService } from '../timeline/timeline.service.js';
import { RecordTtpsService } from '../ttps/record-ttps.service.js';
import { createRecordTtpSchema } from '../ttps/ttps.schema.js';
import type { Settled } from './demo-setup.js';
import type { PlannedAlert } from './detections.js';
import type { Month } from './month.js';
import type { Past, RecordRef } from './past.js';
import type { Fields, PlannedCase, PlannedTask, Step } from './steps.js';
import { TENANTS, intakeOf } from './tenants.js';

/** Of the alerts of low and medium severity, every so many have a technique to their name. */
const NAMED_EVERY = 3;
/** Alerts that one request brings. */
const BULK = 50;
const DAY_MS = 86_400_000;

type StepOf<D extends Step['do']> = Extract<Step, { readonly do: D }>;

/** A file for each step that attaches one, in its place already, as a request has it before its work begins. */
export type Evidence = ReadonlyMap<Step, HeldFile>;

/** Puts the files of a month in their places; release them when its transaction has ended. */
export async function receiveEvidence(
  app: INestApplicationContext,
  { steps }: Month,
): Promise<Evidence> {
  const files = new Map<Step, HeldFile>();
  for (const step of steps) {
    if (step.do !== 'attach') continue;
    const received = await app
      .get(IncomingFiles)
      .receive(Readable.from([Buffer.from(step.content)]));
    const [held] = await app.get(BlobsService).hold([received]);
    if (held) files.set(step, held);
  }
  return files;
}

/** Lets the month happen: each step by the service that a request would reach, at its moment. */
export class DemoMonth {
  private readonly alertIds = new Map<PlannedAlert, string>();
  private readonly caseIds = new Map<PlannedCase, string>();
  private readonly taskIds = new Map<PlannedCase, readonly string[]>();
  private readonly lastComment = new Map<string, string>();

  constructor(
    private readonly app: INestApplicationContext,
    private readonly tx: Tx,
    private readonly past: Past,
    private readonly settled: Settled,
    private readonly evidence: Evidence,
  ) {}

  /** Day by day: what the tools report, then what people do. */
  async run(
    { fromMs, alerts, steps }: Month,
    untilMs: number,
    onProgress: (done: number) => void,
  ): Promise<void> {
    let done = 0;
    let analyzed = 0;
    // What told of the first cases may lie before the month.
    const firstMs = Math.min(fromMs, alerts[0]?.atMs ?? fromMs);
    for (let dayMs = firstMs; dayMs <= untilMs; dayMs += DAY_MS) {
      const isToday = ({ atMs }: { readonly atMs: number }) =>
        atMs >= dayMs && atMs < dayMs + DAY_MS;
      const reported = alerts.filter(isToday);
      for (const { key: tenant } of TENANTS) {
        const own = reported.filter((alert) => alert.tenant === tenant);
        for (let start = 0; start < own.length; start += BULK) {
          const some = own.slice(start, start + BULK);
          await this.report(this.settled.principalOf(intakeOf(tenant), tenant), some);
          onProgress((done += some.length));
        }
      }
      for (const step of steps.filter(isToday)) {
        await this.moveClocks(step.atMs);
        await this.take(step);
        onProgress(++done);
      }
      if (this.alertIds.size > 2 * analyzed) {
        // Nobody else can tell the planner what this transaction has written.
        await sqlIn(this.tx)('ANALYZE alerts, cases, observables, activities, tasks, comments', []);
        analyzed = this.alertIds.size;
      }
    }
    await this.moveClocks(untilMs);
  }

  /** What the job of the server does when the moment of a clock comes. */
  private async moveClocks(untilMs: number): Promise<void> {
    for (let next = this.past.nextClock(untilMs); next; next = this.past.nextClock(untilMs)) {
      const { id, atMs } = next;
      await this.past.at(
        atMs,
        () => settleClock(sqlIn(this.tx), id),
        () => [{ kind: 'case', id }],
      );
    }
  }

  private async report(principal: Principal, alerts: readonly PlannedAlert[]): Promise<void> {
    // What a plan holds beyond the fields of an alert is ignored, as in any body.
    const bodies = alerts.map((alert) => {
      const startDate = new Date(alert.atMs).toISOString();
      const observables = alert.observables.map((each) => ({ ...each, startDate }));
      return { ...alert, observables, statusValue: 'new' };
    });
    const { results } = await this.app
      .get(AlertIntakeService)
      .createMany(principal, { alerts: bodies, atomic: true }, 'create');
    for (const [place, alert] of alerts.entries()) {
      const id = results[place]?.id ?? '';
      this.alertIds.set(alert, id);
      await this.past.move({ kind: 'alert', id }, alert.atMs);
      if (alert.severity < 3 && this.alertIds.size % NAMED_EVERY > 0) continue;
      const parent = { kind: 'alert', id, notFound: alertNotFound } as const;
      const { technique: techniqueId, tactic } = alert;
      await this.past.at(
        alert.atMs,
        () =>
          this.app
            .get(RecordTtpsService)
            .create(principal, parent, createRecordTtpSchema.parse({ techniqueId, tactic })),
        () => [parent],
      );
    }
  }

  private async take(step: Step): Promise<void> {
    const principal = this.settled.principalOf(step.by, tenantOf(step));
    await this.past.at(
      step.atMs,
      () => this.does(principal, step),
      (records) => records,
    );
  }

  /** Does a step; answers the records that it wrote. */
  private does(principal: Principal, step: Step): Promise<readonly RecordRef[]> {
    switch (step.do) {
      case 'change-alert':
        return this.changeAlert(principal, step);
      case 'open-case':
        return this.openCase(principal, step);
      case 'merge-alert':
        return this.mergeAlert(principal, step);
      case 'change-case':
        return this.onCase(step, (id) =>
          this.app
            .get(CasesService)
            .update(
              principal,
              id,
              { fields: this.fieldsOf(step.fields, step.case.tenant), prefix: '' },
              NO_PRECONDITION,
            ),
        );
      case 'change-task':
        return this.changeTask(principal, step);
      case 'comment':
        return this.comment(principal, step);
      case 'tell':
        return this.onCase(step, (id) =>
          this.app.get(TimelineService).create(principal, id, {
            title: step.title,
            occurredAt: new Date(step.occurredAtMs).toISOString(),
            description: null,
          }),
        );
      case 'pause':
        return this.onCase(step, (id) =>
          this.app.get(CasesService).pauseSla(principal, id, NO_PRECONDITION),
        );
      case 'resume':
        return this.onCase(step, (id) =>
          this.app.get(CasesService).resumeSla(principal, id, NO_PRECONDITION),
        );
      case 'link':
        return this.onCase(
          step,
          (id) =>
            this.app
              .get(CaseLinksService)
              .create(principal, id, { caseId: this.caseId(step.other), kind: step.kind }),
          step.other,
        );
      case 'merge-case':
        return this.mergeCase(principal, step);
      case 'attach':
        return this.attach(principal, step);
    }
  }

  private async onCase(
    { case: planned }: { readonly case: PlannedCase },
    work: (id: string) => Promise<unknown>,
    ...others: readonly PlannedCase[]
  ): Promise<RecordRef[]> {
    const ids = [planned, ...others].map((each) => this.caseId(each));
    await work(ids[0] ?? '');
    return ids.map((id) => ({ kind: 'case', id }));
  }

  private async changeAlert(
    principal: Principal,
    { alert, fields }: StepOf<'change-alert'>,
  ): Promise<RecordRef[]> {
    const id = this.alertId(alert);
    const update = { fields: this.fieldsOf(fields, alert.tenant), prefix: '' } as const;
    await this.app.get(AlertsService).update(principal, id, update, NO_PRECONDITION);
    return [{ kind: 'alert', id }];
  }

  private async openCase(principal: Principal, step: StepOf<'open-case'>): Promise<RecordRef[]> {
    const { title, severity, tenant, template } = step.case;
    const [first] = step.alerts;
    const input = createCaseFromAlertsSchema.parse({
      title,
      severity,
      description: step.description,
      statusValue: 'new',
      createdAt: new Date(step.atMs).toISOString(),
      alertIds: step.alerts.map((alert) => this.alertId(alert)),
      assigneeId: this.settled.userOf(step.assignee),
      templateId: this.settled.templateOf(tenant, template),
      slaConfigId: this.settled.slaOf(tenant, severity),
      teams: [this.settled.teamOf(tenant, severity >= 3 ? 1 : 0)],
      source: first?.source,
      type: first?.type,
      clientName: first?.clientName,
    });
    const { caseId } = await this.app.get(AlertPromotionService).createCase(principal, input);
    this.caseIds.set(step.case, caseId);
    const tasks = await this.tx.task.findMany({
      where: { caseId },
      orderBy: { position: 'asc' },
      select: { id: true },
    });
    this.taskIds.set(
      step.case,
      tasks.map(({ id }) => id),
    );
    return [
      { kind: 'case', id: caseId },
      ...input.alertIds.map((id) => ({ kind: 'alert' as const, id })),
    ];
  }

  private async mergeAlert(
    principal: Principal,
    step: StepOf<'merge-alert'>,
  ): Promise<RecordRef[]> {
    const alertId = this.alertId(step.alert);
    const records = await this.onCase(step, (id) =>
      this.app
        .get(AlertPromotionService)
        .merge(principal, id, [alertId], { reopen: false, isInPath: true }),
    );
    return [...records, { kind: 'alert', id: alertId }];
  }

  private async mergeCase(principal: Principal, step: StepOf<'merge-case'>): Promise<RecordRef[]> {
    const otherId = this.caseId(step.other);
    const where = { caseId: otherId };
    const alerts = await this.tx.alert.findMany({ where, select: { id: true } });
    const records = await this.onCase(
      step,
      (id) => this.app.get(CaseMergeService).merge(principal, id, [otherId], false),
      step.other,
    );
    return [...records, ...alerts.map(({ id }) => ({ kind: 'alert' as const, id }))];
  }

  private changeTask(
    principal: Principal,
    { of, status }: StepOf<'change-task'>,
  ): Promise<RecordRef[]> {
    const fields = { status, assigneeId: principal.userId };
    return this.onCase(of, () =>
      this.app
        .get(TasksService)
        .update(principal, this.taskId(of), { fields, prefix: '' }, NO_PRECONDITION),
    );
  }

  private async comment(
    principal: Principal,
    { on, body, isReply = false }: StepOf<'comment'>,
  ): Promise<RecordRef[]> {
    const place = this.placeOf(on);
    const parentId = isReply ? (this.lastComment.get(place.id) ?? null) : null;
    const { id } = await this.app.get(CommentsService).create(principal, place, { body, parentId });
    this.lastComment.set(place.id, id);
    if ('alert' in on) return [{ kind: 'alert', id: place.id }];
    return [{ kind: 'case', id: this.caseId(on.case) }];
  }

  private attach(principal: Principal, step: StepOf<'attach'>): Promise<RecordRef[]> {
    const held = this.evidence.get(step);
    if (!held) throw new Error(`No file ${step.name}.`);
    const file = { ...held, name: step.name, contentType: 'text/plain' };
    return this.onCase(step, (id) =>
      this.app.get(AttachmentsService).create(principal, { kind: 'case', id }, [file]),
    );
  }

  private fieldsOf(
    { assignee, rootCause, sharedWith, ...fields }: Fields,
    tenant: PlannedCase['tenant'],
  ) {
    return {
      ...fields,
      ...(assignee !== undefined && { assigneeId: this.settled.userOf(assignee) }),
      ...(rootCause !== undefined && { customFields: { 'root-cause': rootCause } }),
      ...(sharedWith !== undefined && {
        organizations: [tenant, sharedWith].map((each) => this.settled.organizationIds[each]),
      }),
    };
  }

  private placeOf(on: StepOf<'comment'>['on']): PlaceRef {
    if ('alert' in on) return { kind: 'alert', id: this.alertId(on.alert) };
    if ('task' in on) return { kind: 'task', id: this.taskId(on) };
    return { kind: 'case', id: this.caseId(on.case) };
  }

  private alertId(alert: PlannedAlert): string {
    return known(this.alertIds.get(alert));
  }

  private caseId(planned: PlannedCase): string {
    return known(this.caseIds.get(planned));
  }

  private taskId({ case: planned, task }: PlannedTask): string {
    return known(this.taskIds.get(planned)?.[task]);
  }
}

function known(id: string | undefined): string {
  if (id === undefined) throw new Error('The month speaks of what is not there yet.');
  return id;
}

/** The tenant that the person works for in a step: the owner of what it is about. */
function tenantOf(step: Step): PlannedCase['tenant'] {
  if (step.do === 'change-alert') return step.alert.tenant;
  if (step.do === 'change-task') return step.of.case.tenant;
  if (step.do !== 'comment') return step.case.tenant;
  return 'alert' in step.on ? step.on.alert.tenant : step.on.case.tenant;
}
