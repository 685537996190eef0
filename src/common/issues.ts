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
