import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates the directory and those above it that are missing; tells whether there was anything to create.
 *
 * One after the other, because Node's recursive `mkdir` never ends where a file system refuses with
 * `ENOENT`, as `/proc` does.
 */
export function makeDirectory(path: string, mode?: number): boolean {
  if (existsSync(path)) return false;
  makeDirectory(dirname(path), mode);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return true;
}
