import { validationFailed } from '../common/errors.js';
import type { FieldError } from '../common/errors.js';
import { typeNamed } from '../observables/observable-types.service.js';
import type { ObservableTypes } from '../observables/observable-types.service.js';
import { cleanFileName } from '../storage/file-name.js';

interface NamedObservable {
  readonly dataType: string;
  readonly attachment?: string | null | undefined;
}

/**
 * Which uploaded file each observable means, by name: the place of the file for each place of an observable.
 *
 * @throws AppError `VALIDATION_FAILED` for a name without an upload, an upload that nobody names, two
 * uploads of one name, and a file on an observable whose type holds none (spec/api.md §2).
 */
export function bindFiles(
  observables: readonly NamedObservable[],
  files: readonly { readonly name: string }[],
  types: ObservableTypes,
): ReadonlyMap<number, number> {
  const errors: FieldError[] = [];
  const fail = (path: string, message: string) =>
    errors.push({ path, code: 'file_mismatch', message });

  const places = new Map<string, number>();
  for (const [place, { name }] of files.entries()) {
    if (places.has(name)) fail(`file[${place}]`, `Two uploads are called "${name}".`);
    else places.set(name, place);
  }
  const bound = new Map<number, number>();
  for (const [index, { dataType, attachment }] of observables.entries()) {
    if (!attachment) continue;
    const path = `observables[${index}].attachment`;
    const place = places.get(cleanFileName(attachment));
    if (place === undefined) fail(path, `No upload is called "${attachment}".`);
    else if (!typeNamed(types, dataType)?.isAttachment)
      fail(path, 'Only an observable of the type file can be an upload.');
    else bound.set(index, place);
  }
  const named = new Set(bound.values());
  for (const [name, place] of places) {
    if (!named.has(place)) fail(`file[${place}]`, `No observable names the upload "${name}".`);
  }
  if (errors.length > 0) throw validationFailed(errors);
  return bound;
}
