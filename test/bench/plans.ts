import type pg from 'pg';

/** PostgreSQL's own record of how it ran statements, for the sessions that begin after `start`. */
export class Plans {
  constructor(
    private readonly client: pg.Client,
    private readonly database: string,
  ) {}

  /** Whether the role may have plans written to the log and read it there. */
  async start(): Promise<boolean> {
    try {
      for (const [name, value] of SETTINGS) await this.set(name, `= '${value}'`);
      await this.position();
      return true;
    } catch {
      await this.stop();
      return false;
    }
  }

  async stop(): Promise<void> {
    for (const [name] of SETTINGS) await this.set(name, 'TO DEFAULT').catch(() => undefined);
  }

  /** The plans of what the work runs, but for the pulse of the server. */
  async of(work: () => Promise<unknown>): Promise<string> {
    const from = await this.position();
    await work();
    const { rows } = await this.client.query<{ text: string }>(
      'SELECT pg_read_file(pg_current_logfile(), $1::bigint, $2::bigint) AS text',
      [from, (await this.position()) - from],
    );
    return (rows[0]?.text ?? '')
      .split(/^(?=\d{4}-\d\d-\d\d )/m)
      .filter((entry) => entry.includes('plan:') && !entry.includes('Query Text: SELECT 1\n'))
      .join('');
  }

  private async position(): Promise<number> {
    const { rows } = await this.client.query<{ size: string }>(
      'SELECT size FROM pg_stat_file(pg_current_logfile())',
    );
    return Number(rows[0]?.size);
  }

  private async set(name: string, value: string): Promise<void> {
    await this.client.query(`ALTER DATABASE "${this.database}" SET ${name} ${value}`);
  }
}

const SETTINGS = [
  ['session_preload_libraries', 'auto_explain'],
  ['auto_explain.log_min_duration', '0'],
  ['auto_explain.log_analyze', 'on'],
  ['auto_explain.log_buffers', 'on'],
  ['auto_explain.log_nested_statements', 'on'],
] as const;
