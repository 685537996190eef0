import { z } from 'zod';
import { validationFailed } from './errors.js';
import type { AppError, FieldError } from './errors.js';

/** What Zod reports of a value: the part of its issue that answers need. */
interface Issue {
  readonly message: string;
  readonly code?: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly keys?: readonly string[];
}

const ISSUES_MAX = 50;

/** `['observables', 0, 'data']` → `observables[0].data`. */
export function formatPath(path: Issue['path']): string {
  let text = '';
  for (const segment of path ?? []) {
    const key = typeof segment === 'object' ? segment.key : segment;
    if (typeof key === 'number') text += `[${key}]`;
    else text += text === '' ? String(key) : `.${String(key)}`;
  }
  return text;
}

/** The 400 for what a schema found, at most fifty rules at once; `parameter` names a value that has no path of its own. */
export function issuesToError(issues: readonly unknown[], parameter = ''): AppError {
  const errors: FieldError[] = [];
  for (const issue of issues as readonly Issue[]) {
    const path = formatPath(issue.path) || parameter;
    const code = issue.code ?? 'invalid';
    for (const key of issue.keys ?? ['']) {
      const at = issue.keys ? [path, key].filter(Boolean).join('.') : path;
      errors.push({ path: at, code, message: issue.keys ? 'Unknown key.' : issue.message });
      if (errors.length === ISSUES_MAX) return validationFailed(errors);
    }
  }
  return validationFailed(errors);
}

/** What a broken rule of a schema says to whoever sent the value, unless the schema has words of its own. */
export function ruleMessage(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `${issue.input === undefined ? 'Required: ' : 'Must be '}${KINDS[issue.expected] ?? issue.expected}.`;
    case 'too_big':
      return `Must ${amount(issue.origin, 'at most', Number(issue.maximum))}.`;
    case 'too_small':
      return `Must ${amount(issue.origin, 'at least', Number(issue.minimum))}.`;
    case 'invalid_value':
      return `${issue.input === undefined ? 'Required: ' : 'Must be '}${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}.`;
    case 'invalid_format':
      return `Must be ${FORMATS[issue.format] ?? `a valid ${issue.format}`}.`;
    case 'unrecognized_keys':
      return 'Unknown key.';
    case 'invalid_union':
      return eitherOf(issue.errors);
    default:
      return 'Is not valid.';
  }
}

const KINDS: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  null: 'null',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'text',
};

const FORMATS: Readonly<Record<string, string>> = {
  datetime: 'an instant in ISO 8601, such as 2026-01-31T08:00:00Z',
  email: 'an e-mail address',
  url: 'a URL',
  uuid: 'a UUID',
};

const AMOUNTS: Readonly<Record<string, readonly [verb: string, unit: string]>> = {
  string: ['have', 'character'],
  array: ['have', 'item'],
};

/** `be at most 4`, `have at least 1 character`. */
function amount(origin: string, bound: string, number: number): string {
  const [verb, unit] = AMOUNTS[origin] ?? ['be', ''];
  return `${verb} ${bound} ${number}${unit && ` ${unit}${number === 1 ? '' : 's'}`}`;
}

/** The rules of which one was to hold, each once. */
function eitherOf(branches: readonly (readonly { readonly message: string }[])[]): string {
  const rules = new Set(branches.flatMap((issues) => issues[0]?.message ?? []));
  const [first = 'Is not valid', ...others] = [...rules].map((rule) => rule.replace(/\.$/, ''));
  return `${[first, ...others.map((rule) => rule.replace(/^Must (be )?/, ''))].join(', or ')}.`;
}

z.config({ customError: ruleMessage });
