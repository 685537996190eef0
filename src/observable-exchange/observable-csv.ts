import { CsvError, parse } from 'csv-parse';
import { stringify } from 'csv-stringify/sync';
import { neutralised, restored } from '../common/csv.js';
import { invalidValue } from '../common/errors.js';
import type { Observable } from '../records/answer.schema.js';

/** What an import reads, as its export wrote it. */
const READ = [
  ...['dataType', 'data', 'tlp', 'pap', 'ioc', 'sighted', 'ignoreSimilarity', 'message', 'tags'],
  ...['startDate', 'sha256'],
] as const;
/** What an export tells beside it. */
const TOLD = ['sightedAt', 'createdAt', 'id', 'alertId', 'caseId'] as const;

const COLUMNS: readonly string[] = [...READ, ...TOLD];

/** Tags in one cell: between semicolons, or as JSON where a name would be cut. */
export function tagCell(names: readonly string[]): string {
  const isPlain = names.every((name) => !name.includes(';') && name === name.trim());
  return isPlain && !names[0]?.startsWith('[') ? names.join(';') : JSON.stringify(names);
}

/** The tags of a cell, as a person or `tagCell` wrote it. */
export function tagsOf(cell: string): unknown {
  if (cell.startsWith('[')) {
    try {
      return JSON.parse(cell);
    } catch {
      return cell;
    }
  }
  return cell
    .split(';')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** The first line of an export. */
export const CSV_HEADER = `${COLUMNS.join(',')}\n`;

/** Observables as lines of CSV (RFC 4180, but for the line feed alone). */
export function toCsv(observables: readonly Observable[]): string {
  return stringify(
    observables.map((observable) => {
      const { tags, attachment, ...rest } = observable;
      const cells: Readonly<Record<string, string | number | boolean | null>> = {
        ...rest,
        tags: tagCell(tags.map(({ name }) => name)),
        sha256: attachment?.sha256 ?? null,
      };
      return COLUMNS.map((column) => neutralised(String(cells[column] ?? '')));
    }),
  );
}

/** A line of CSV: where it begins, and the body that its cells mean. */
export interface CsvLine {
  readonly line: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Text is parsed in pieces, between which other requests get their turn. */
const PIECE_CHARS = 65_536;
const CELL_CHARS_MAX = 65_536;

/**
 * The lines of a CSV text whose first line names columns; at most `max` of them.
 *
 * @throws AppError `VALIDATION_FAILED` for a text that is no CSV, columns that are unknown, double or missing,
 * and more lines than `max`.
 */
export async function parseCsv(text: string, max: number): Promise<CsvLine[]> {
  const header: string[] = [];
  const parser = parse({
    bom: true,
    columns: (names: string[]) => {
      header.push(...checkedColumns(names.map((name) => name.trim())));
      return header;
    },
    info: true,
    max_record_size: CELL_CHARS_MAX,
    skip_empty_lines: true,
  });
  const lines: CsvLine[] = [];
  const feeding = feed(parser, text);
  try {
    for await (const each of parser as AsyncIterable<ParsedLine>) {
      if (lines.length === max)
        throw invalidValue('', `an import takes at most ${max} lines`, 'too_big');
      lines.push({ line: each.info.lines, body: bodyOf(each.record) });
    }
    await feeding;
  } catch (error) {
    await feeding;
    throw refusalOf(error);
  }
  if (header.length === 0)
    throw invalidValue('', `has no header line; columns are ${COLUMNS.join(', ')}`);
  return lines;
}

interface ParsedLine {
  readonly info: { readonly lines: number };
  readonly record: Readonly<Record<string, string>>;
}

async function feed(parser: ReturnType<typeof parse>, text: string): Promise<void> {
  for (let at = 0; at < text.length && !parser.destroyed; at += PIECE_CHARS) {
    const isTaken = parser.write(text.slice(at, at + PIECE_CHARS));
    if (!isTaken)
      await new Promise<void>((resolve) => {
        parser.once('drain', resolve).once('close', resolve);
      });
  }
  if (!parser.destroyed) parser.end();
}

function refusalOf(error: unknown): unknown {
  if (!(error instanceof CsvError)) return error;
  const { lines, message } = error as CsvError & { readonly lines?: number };
  const where = lines === undefined ? '' : ` near line ${lines}`;
  return invalidValue('', `is no CSV${where}: ${message.slice(0, 300)}`, 'invalid_csv');
}

function checkedColumns(names: readonly string[]): string[] {
  const unknown = names.find((name) => !COLUMNS.includes(name));
  if (unknown !== undefined) {
    throw invalidValue('', `has an unknown column "${unknown}"; known are ${COLUMNS.join(', ')}`);
  }
  if (new Set(names).size < names.length) throw invalidValue('', 'names a column twice');
  for (const needed of ['dataType', 'data']) {
    if (!names.includes(needed)) throw invalidValue('', `has no column "${needed}"`);
  }
  return [...names];
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

/** The body of a creation that the cells mean; an empty cell says nothing. */
function bodyOf(record: Readonly<Record<string, string>>): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const column of READ) {
    const cell = restored(record[column] ?? '');
    if (cell === '' || column === 'sha256') continue;
    if (column === 'tags') body.tags = tagsOf(cell);
    else
      body[column] =
        column === 'data' || column === 'message'
          ? cell
          : (BOOLEANS.get(cell.toLowerCase()) ?? cell);
  }
  return withoutContent(body, record.sha256 ?? '');
}

/** A file comes without its content: its message says so. */
function withoutContent(body: Record<string, unknown>, sha256: string): Record<string, unknown> {
  if (sha256 === '') return body;
  const note = `Imported without its content, of SHA-256 ${sha256}.`;
  const message = typeof body.message === 'string' ? body.message : '';
  return message.includes(note) ? body : { ...body, message: `${message} ${note}`.trim() };
}
