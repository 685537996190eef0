import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { BackgroundLoop } from '../common/background-loop.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Tx } from '../database/sql.js';
import { claimJobs, finishJobs, retryJob } from './jobs.queries.js';
import type { Job } from './jobs.queries.js';

/**
 * Does jobs of one kind in the transaction that also forgets them, or fails and leaves no trace.
 *
 * It may be asked for the same job twice, when a lease has ended, so it must find out under a lock what
 * is still to be done.
 */
export type JobHandler = (tx: Tx, jobs: readonly Job[]) => Promise<void>;

const POLL_MS = 1_000;
const BATCH_MAX = 200;
/** As long as a transaction may take. */
const LEASE_MS = 30_000;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 300_000;
const ERROR_CHARS_MAX = 1_000;

/** No principal: the work of the server itself. */
const OWN = { transaction: null };

/** Runs jobs when their time comes, each in one of any number of processes. */
@Injectable()
export class JobRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Jobs');
  private readonly handlers = new Map<string, JobHandler>();
  private readonly loop = new BackgroundLoop(POLL_MS, () => this.runDue());

  constructor(private readonly database: Database) {}

  /** Says who does the jobs of a kind; before the application starts. */
  handle(kind: string, handler: JobHandler): void {
    this.handlers.set(kind, handler);
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  /** Takes no more jobs, and ends when those it has are done or given back. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  /** Does what is due; whether there may be more. */
  private async runDue(): Promise<boolean> {
    try {
      const jobs = await claimJobs(
        this.database.sql,
        [...this.handlers.keys()],
        LEASE_MS,
        BATCH_MAX,
      );
      for (const [kind, handler] of this.handlers) {
        const ofKind = jobs.filter((job) => job.kind === kind);
        if (ofKind.length > 0) await this.runTogether(handler, ofKind);
      }
      return jobs.length === BATCH_MAX;
    } catch (error) {
      this.logger.warn({ message: 'jobs not run', reason: String(error) });
      return false;
    }
  }

  /** Does jobs in one transaction; when that fails, each in its own, so that one cannot hold up the others. */
  private async runTogether(handler: JobHandler, jobs: readonly Job[]): Promise<void> {
    try {
      await this.database.transaction(OWN, async (tx) => {
        await handler(tx, jobs);
        await finishJobs(sqlIn(tx), jobs);
      });
    } catch (error) {
      const [only, ...others] = jobs;
      if (only && others.length === 0) await this.giveBack(only, error);
      else for (const job of jobs) await this.runTogether(handler, [job]);
    }
  }

  private async giveBack(job: Job, error: unknown): Promise<void> {
    const { id, kind, attempts } = job;
    const reason = String(error).slice(0, ERROR_CHARS_MAX);
    const retryMs = Math.min(RETRY_MIN_MS * 2 ** (attempts - 1), RETRY_MAX_MS);
    this.logger.error({ message: 'job failed', id, kind, attempts, retryMs, reason });
    await retryJob(this.database.sql, job, retryMs, reason);
  }
}
