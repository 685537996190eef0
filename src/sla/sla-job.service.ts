import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { idSchema } from '../common/fields.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { JobRunner } from '../jobs/job-runner.service.js';
import type { Job } from '../jobs/jobs.queries.js';
import { SLA_JOB, holdClocks, postponeClocks, settleClocks } from './sla.queries.js';

const payloadSchema = z.object({ caseId: idSchema });

/** Moves the status of clocks when their moments come, each once. */
@Injectable()
export class SlaJob implements OnModuleInit {
  constructor(private readonly jobs: JobRunner) {}

  onModuleInit(): void {
    this.jobs.handle(SLA_JOB, (tx, jobs) => this.run(tx, jobs));
  }

  /** A case that somebody holds comes again shortly, so that nobody waits for it; one that is gone does not. */
  private async run(tx: Tx, jobs: readonly Job[]): Promise<void> {
    const sql = sqlIn(tx);
    const caseIds = jobs.map(({ payload }) => payloadSchema.parse(payload).caseId);
    const held = await holdClocks(sql, caseIds);
    await settleClocks(sql, held);
    const busy = caseIds.filter((id) => !held.includes(id));
    if (busy.length > 0) await postponeClocks(sql, busy);
  }
}
