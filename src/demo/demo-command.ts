import { parseArgs } from 'node:util';
import type { INestApplicationContext } from '@nestjs/common';
import { z } from 'zod';
import { AuditSealer } from '../audit/audit-sealer.service.js';
import { parseEnvironment } from '../config/config.js';
import type { AppConfig } from '../config/config.js';
import { Database } from '../database/database.service.js';
import { sqlIn } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { migrate, migrationsDir } from '../database/migrate.js';
import { UsageError, atTerminal, withApplication } from '../instance/application.js';
import { banner } from '../instance/banner.js';
import { beginFirstStart } from '../instance/first-start.js';
import { otherPepper } from '../instance/instance.js';
import { BlobsService } from '../storage/blobs.service.js';
import { DemoMonth, receiveEvidence } from './demo-month.js';
import { settle, settledAt } from './demo-setup.js';
import type { Entrance, Settled } from './demo-setup.js';
import { planMonth } from './month.js';
import type { Month } from './month.js';
import { Past } from './past.js';
import { ProgressBar } from './progress-bar.js';
import type { ProgressOutput } from './progress-bar.js';
import { TENANTS } from './tenants.js';

const USAGE = `Usage: npm run demo -- [--seed <text>] [--days <n>] [--scale <n>] [--until <instant>]
  fills the database that the server is configured for with a believable month of two organizations,
  whether the server runs or not
  --seed   the same seed gives the same month (1)
  --days   how long the month is, 3 to 90 (30)
  --scale  how much happens, 0.05 to 20: 1 is about 1 500 alerts and 100 cases (1)
  --until  the instant at which it ends, in the past (now)`;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const optionsSchema = z.object({
  seed: z.string().min(1).max(100).default('1'),
  days: z.coerce.number().int().min(3).max(90).default(30),
  scale: z.coerce.number().min(0.05).max(20).default(1),
  until: z.iso
    .datetime()
    .refine((until) => Date.parse(until) <= Date.now(), { error: 'must not be in the future' })
    .optional(),
});

type DemoOptions = z.output<typeof optionsSchema>;

/** As long as the largest month may take. */
const TIMEOUT_MS = 3_600_000;

/** Fills the instance with a month to look at, all or nothing, and says how to look at it. */
export async function runDemo(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  print: (text: string) => void,
  output: ProgressOutput = process.stdout,
): Promise<void> {
  const options = parse(args);
  await withApplication(
    parseEnvironment(env),
    async (app, config) => {
      const warning = await otherPepper(app);
      if (warning !== null) throw new UsageError(warning);
      print(reportOf(await fill(app, options, output), config.publicUrl));
      // The entries are as old as the transaction, and there may be no server that would seal them.
      await app.get(AuditSealer).sealAll();
    },
    (config) => prepare(config, print),
  );
}

function parse(args: readonly string[]): DemoOptions {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { seed: text, days: text, scale: text, until: text },
    });
    return optionsSchema.parse(values);
  } catch (error) {
    const reason = error instanceof z.ZodError ? `${z.prettifyError(error)}\n\n` : '';
    throw new UsageError(`${reason}${USAGE}`, { cause: error });
  }
}

/** Makes a database that no server has started on one that the demo can fill, as the first start would. */
async function prepare(config: AppConfig, print: (text: string) => void): Promise<void> {
  await migrate(config.directDatabaseUrl ?? config.databaseUrl ?? '', migrationsDir, print);
  const first = await beginFirstStart(config);
  await first?.commit();
  if (first) print(banner(config, config.publicUrl, first.secrets));
}

interface Filled {
  readonly entrances: readonly Entrance[];
  readonly counts: readonly Counts[];
  readonly sampleAlertId: string;
}

async function fill(
  app: INestApplicationContext,
  { seed, days, scale, until }: DemoOptions,
  output: ProgressOutput,
): Promise<Filled> {
  const database = app.get(Database);
  const admin = await administrator(database);
  await assertNew(database);
  // A little before now, so that whatever is later was written by the demo itself, also by a clock that is off.
  const untilMs = Math.min(
    Date.parse(until ?? new Date().toISOString()),
    Date.now() - 5 * MINUTE_MS,
  );
  const month = planMonth({ seed, days, scale, untilMs });
  const evidence = await receiveEvidence(app, month);
  try {
    return await database.transaction(
      { transaction: null },
      async (tx) => {
        const sql = sqlIn(tx);
        const settled = await settle(app, { ...admin, transaction: tx });
        await settledAt(
          sql,
          Object.values(settled.organizationIds),
          month.fromMs - DAY_MS,
          untilMs,
        );
        const past = await Past.begin(sql, untilMs);
        const bar = new ProgressBar(output, sizeOf(month), 'of a month');
        await new DemoMonth(app, tx, past, settled, evidence).run(month, untilMs, (done) => {
          bar.tell(done);
        });
        await past.end();
        return summarize(sql, settled);
      },
      TIMEOUT_MS,
    );
  } finally {
    await app.get(BlobsService).release([...evidence.values()]);
  }
}

function sizeOf({ alerts, steps }: Month): number {
  return alerts.length + steps.length;
}

/** The person in whose name the organizations are made. */
async function administrator(database: Database) {
  const person = await database.prisma.user.findFirst({
    where: { role: 'super-admin', status: 'active', deletedAt: null },
    orderBy: { createdAt: 'asc' },
    select: { id: true, email: true },
  });
  if (!person) throw new UsageError('No super-admin is active, so nobody can make organizations.');
  return atTerminal(person);
}

/** @throws UsageError when the demo is there already */
async function assertNew(database: Database): Promise<void> {
  const names = TENANTS.map(({ name }) => name);
  const found = await database.prisma.organization.findFirst({
    where: { name: { in: names, mode: 'insensitive' }, deletedAt: null },
  });
  if (!found) return;
  throw new UsageError(
    `The demo is here already: there is an organization named ${found.name}.\n` +
      'To start over, use another data directory (DATA_DIR=./demo npm run demo, then DATA_DIR=./demo npm start), ' +
      'or another database (DATABASE_URL).',
  );
}

const COUNTED = ['alerts', 'cases', 'observables', 'tasks', 'comments'] as const;

interface Counts extends Readonly<Record<(typeof COUNTED)[number], number>> {
  readonly name: string;
}

async function summarize(sql: Sql, { entrances, organizationIds }: Settled): Promise<Filled> {
  const columns = COUNTED.map(
    (table) =>
      `(SELECT count(*)::int FROM ${table} WHERE organization_id = o.id AND deleted_at IS NULL) AS ${table}`,
  );
  const counts = await sql<Counts>(
    `SELECT o.name, ${columns.join(', ')} FROM organizations o WHERE o.id = ANY($1::uuid[]) ORDER BY o.created_at, o.name DESC`,
    [Object.values(organizationIds)],
  );
  const [sample] = await sql<{ id: string }>(
    `SELECT a.id::text AS id FROM alerts a JOIN alert_tags l ON l.alert_id = a.id JOIN tags t ON t.id = l.tag_id
     WHERE a.organization_id = $1::uuid AND t.name = 'campaign:paper-lantern' AND a.type = 'phishing' ORDER BY a.created_at DESC LIMIT 1`,
    [organizationIds.bank],
  );
  return { entrances, counts, sampleAlertId: sample?.id ?? '' };
}

/** What was made, who may enter, and what to try first. */
function reportOf({ entrances, counts, sampleAlertId }: Filled, url: string): string {
  const heads = ['', ...COUNTED];
  const rows = counts.map((row) => [row.name, ...COUNTED.map((table) => String(row[table]))]);
  const [first] = entrances;
  return [
    '',
    ...table([heads, ...rows]),
    '',
    'Shown this once:',
    '',
    ...table([
      ['organization', 'sign in as', 'temporary password', 'API key'],
      ...entrances.map((each) => [
        each.organization,
        each.email,
        each.temporaryPassword,
        each.apiKey,
      ]),
    ]),
    '',
    'The administrator sees both. For the other people: npm run admin -- reset-password kenji.sato@soc.example',
    '',
    'Try, while the server runs:',
    '',
    `  export KEY=${first?.apiKey ?? ''} URL=${url}`,
    '',
    '  # critical alerts that nobody has closed',
    '  curl -s -H "Authorization: Bearer $KEY" "$URL/api/alerts?stage=New,InProgress&severity=4"',
    '',
    '  # what else belongs to a campaign, and why',
    `  curl -s -H "Authorization: Bearer $KEY" "$URL/api/alerts/${sampleAlertId}/similar"`,
    '',
    '  # how fast the analysts are',
    '  curl -s -H "Authorization: Bearer $KEY" "$URL/api/stats/analysts"',
    '',
    `All routes, with requests from the browser: ${url}/docs`,
  ].join('\n');
}

/** Columns as wide as their widest cell; figures stand on the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        const isFigure = rows.slice(1).every((each) => /^\d+$/.test(each[column] ?? ''));
        return isFigure ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
