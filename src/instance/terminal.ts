import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { INestApplicationContext } from '@nestjs/common';
import { z } from 'zod';
import { ApiKeysService } from '../api-keys/api-keys.service.js';
import { createApiKeySchema } from '../api-keys/api-keys.schema.js';
import { verifyExport } from '../audit/audit-file.js';
import { AuditSealer } from '../audit/audit-sealer.service.js';
import { AuditVerification } from '../audit/audit-verification.service.js';
import type { AuditVerdict } from '../audit/audit.schema.js';
import { scopesOfRole } from '../auth/scopes.js';
import type { Role } from '../auth/scopes.js';
import { NO_PRECONDITION } from '../common/etag.js';
import { parseEnvironment } from '../config/config.js';
import { Database } from '../database/database.service.js';
import { UsageError, atTerminal, withApplication } from './application.js';
import { otherPepper } from './instance.js';
import { UsersService } from '../users/users.service.js';

const USAGE = `Usage:
  npm run admin -- reset-password <email>
      gives the person a password to be changed at the next sign-in, and ends the sessions
  npm run admin -- create-key <email> [--name <text>] [--scopes <a,b>] [--tier <tier>] [--days <n>]
      creates an API key of the person: by default with all that the role may hold, for a year
  npm run admin -- verify-audit
      checks the audit trail against its seals, and names the first break
  npm run admin -- verify-audit --file <export.jsonl>
      checks an export of it instead, without a database

It works on the database that the server is configured for, whether the server runs or not.`;

/**
 * Does what the arguments say and prints what came of it, secrets once; whether all is well.
 *
 * For whoever may read the server's secrets.
 */
export async function runCommand(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  print: (text: string) => void,
): Promise<boolean> {
  const { command, email, options } = parse(args);
  if (command === verifyAudit && options.file !== undefined)
    return verifyAuditFile(options.file, print);
  const environment = parseEnvironment(env);
  const { DATABASE_URL, DATA_DIR } = environment;
  if (DATABASE_URL === undefined && !existsSync(join(DATA_DIR, 'secrets.json'))) {
    throw new UsageError(
      `No server has run in ${DATA_DIR}: set DATA_DIR or DATABASE_URL as for the server.`,
    );
  }
  return withApplication(environment, (app) => command(app, email, options, print));
}

type Options = Readonly<Partial<Record<'name' | 'scopes' | 'tier' | 'days' | 'file', string>>>;

/** Does something on the running application; whether all is well. */
type Command = (
  app: INestApplicationContext,
  email: string,
  options: Options,
  print: (text: string) => void,
) => Promise<boolean>;

const COMMANDS: Readonly<Record<string, Command>> = {
  'reset-password': forPerson(resetPassword),
  'create-key': forPerson(createKey),
  'verify-audit': verifyAudit,
};

function parse(args: readonly string[]): { command: Command; email: string; options: Options } {
  const text = { type: 'string' } as const;
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { name: text, scopes: text, tier: text, days: text, file: text },
    });
    const [name = '', email = '', ...rest] = positionals;
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    const isAboutPerson = command !== verifyAudit;
    if (!command || (email !== '') !== isAboutPerson || rest.length > 0)
      throw new UsageError(USAGE);
    return { command, email, options: values };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(USAGE, { cause: error });
  }
}

interface Person {
  readonly id: string;
  readonly email: string;
  readonly role: Role;
  readonly status: string;
  readonly tierMax: string;
}

async function findPerson(app: INestApplicationContext, email: string): Promise<Person> {
  const person = await app.get(Database).prisma.user.findFirst({
    where: { email: email.toLowerCase(), deletedAt: null },
    select: { id: true, email: true, role: true, status: true, tierMax: true },
  });
  if (!person) throw new UsageError(`Nobody has the e-mail address ${email}.`);
  return { ...person, role: person.role as Role };
}

type PersonalCommand = (
  app: INestApplicationContext,
  person: Person,
  options: Options,
  print: (text: string) => void,
) => Promise<void>;

/** The command about somebody, whom the e-mail address names. */
function forPerson(command: PersonalCommand): Command {
  return async (app, email, options, print) => {
    await command(app, await findPerson(app, email), options, print);
    return true;
  };
}

async function resetPassword(
  app: INestApplicationContext,
  person: Person,
  _options: Options,
  print: (text: string) => void,
): Promise<void> {
  const { temporaryPassword } = await app
    .get(UsersService)
    .resetPassword(atTerminal(person), person.id, { mustChange: true }, NO_PRECONDITION);
  print(`Password of ${person.email}, to be changed at the next sign-in:\n${temporaryPassword}`);
  if (person.status !== 'active') print('The person is not active and cannot sign in yet.');
}

const DAY_MS = 86_400_000;

async function createKey(
  app: INestApplicationContext,
  person: Person,
  { name = 'Created at the terminal', scopes, tier = person.tierMax, days = '365' }: Options,
  print: (text: string) => void,
): Promise<void> {
  const input = createApiKeySchema.safeParse({
    name,
    tier,
    scopes: scopes?.split(',') ?? scopesOfRole(person.role),
    expiresAt: /^\d{1,4}$/.test(days)
      ? new Date(Date.now() + Number(days) * DAY_MS).toISOString()
      : days,
    ownerId: person.id,
  });
  const warning = await otherPepper(app);
  if (warning !== null) throw new UsageError(warning);
  if (!input.success) throw new UsageError(`${z.prettifyError(input.error)}\n\n${USAGE}`);
  const created = await app.get(ApiKeysService).create(atTerminal(person), input.data);
  print(`API key of ${person.email}, until ${created.expiresAt ?? 'revoked'}:\n${created.key}`);
}

const PROGRESS_ENTRIES = 100_000;

async function verifyAudit(
  app: INestApplicationContext,
  _email: string,
  _options: Options,
  print: (text: string) => void,
): Promise<boolean> {
  // What a stopped server left to be sealed is no fault; what cannot be sealed is one, which the verdict names.
  await app
    .get(AuditSealer)
    .sealAll()
    .catch(() => undefined);
  let next = PROGRESS_ENTRIES;
  const verdict = await app.get(AuditVerification).verify(EVERYTHING, {
    onProgress: (entries, of) => {
      if (entries < next) return;
      print(`${entries} of ${of} entries`);
      next += PROGRESS_ENTRIES;
    },
  });
  return report(verdict, print);
}

const EVERYTHING = { everyOrganization: true, organizationIds: [], transaction: null };

async function verifyAuditFile(path: string, print: (text: string) => void): Promise<boolean> {
  if (!existsSync(path)) throw new UsageError(`No file ${path} is there.`);
  return report(await verifyExport(path), print);
}

/** Prints the verdict on an audit trail; whether it is intact. */
function report(
  { valid, entries, firstBreak }: AuditVerdict,
  print: (text: string) => void,
): boolean {
  print(`${entries} entries are as they were sealed.`);
  if (firstBreak) print(`BROKEN at entry ${firstBreak.id ?? '(gone)'}: ${firstBreak.reason}`);
  return valid;
}
