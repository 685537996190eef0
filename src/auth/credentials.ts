import type { IncomingMessage } from 'node:http';
import { AppError } from '../common/errors.js';
import { API_KEY_PREFIX } from './api-key-format.js';

/** The one credential a request presents (spec/keys-and-limits.md §1). */
export type PresentedCredential =
  | { readonly kind: 'none' }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'pair'; readonly accessKey: string; readonly secretKey: string };

const NONE: PresentedCredential = { kind: 'none' };
const BEARER = /^bearer +/i;

function ambiguous(): AppError {
  return new AppError(
    'AMBIGUOUS_CREDENTIALS',
    'The request carries two different credentials. Send one API key, in Authorization or in X-Api-Key.',
  );
}

/** All values of a header; Node joins or drops repeated ones in `headers`. */
function valuesOf(request: IncomingMessage, name: string): readonly string[] {
  if (request.headers[name] === undefined) return [];
  const { rawHeaders } = request;
  const values: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const rawName = rawHeaders[index];
    if (rawName?.length === name.length && rawName.toLowerCase() === name) {
      values.push((rawHeaders[index + 1] ?? '').trim());
    }
  }
  return values;
}

/** One value, whether sent once or repeated alike. */
function singleOf(values: readonly string[]): string | undefined {
  const [first] = values;
  if (values.some((value) => value !== first)) throw ambiguous();
  return first;
}

/**
 * Reads the credential from the headers, without judging whether it is valid.
 *
 * @throws AppError `AMBIGUOUS_CREDENTIALS` when two different ones are presented.
 */
export function presentedCredential(request: IncomingMessage): PresentedCredential {
  const authorizations = valuesOf(request, 'authorization');
  if (authorizations.length > 1) throw ambiguous();
  const authorization = authorizations[0];
  const apiKey = singleOf(valuesOf(request, 'x-api-key'));
  const secret = singleOf(valuesOf(request, 'x-api-secret'));

  const isPair = secret !== undefined && !apiKey?.startsWith(API_KEY_PREFIX);
  if (isPair) {
    if (authorization !== undefined) throw ambiguous();
    return { kind: 'pair', accessKey: apiKey ?? '', secretKey: secret };
  }
  if (authorization === undefined)
    return apiKey === undefined ? NONE : { kind: 'key', key: apiKey };
  // Another scheme than Bearer is a credential too, and a bad one.
  const key = BEARER.test(authorization) ? authorization.replace(BEARER, '') : '';
  if (apiKey !== undefined && apiKey !== key) throw ambiguous();
  return { kind: 'key', key };
}
