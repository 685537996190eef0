import type { IncomingMessage } from 'node:http';
import { AppError } from '../common/errors.js';
import { API_KEY_PREFIX } from './api-key-format.js';

/** The one credential a request presents (spec/keys-and-limits.md §1). */
export type PresentedCredential =
  | { readonly kind: 'none' }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'pair'; readonly accessKey: string; readonly secretKey: string }
  | { readonly kind: 'session'; readonly token: string };

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

/** The value of a cookie, of several with its name the first. */
function cookieOf(request: IncomingMessage, name: string): string | undefined {
  for (const pair of request.headers.cookie?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at !== -1 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

/**
 * Reads the credential from the headers, without judging whether it is valid.
 *
 * A session's cookie counts only alone: a browser sends it by itself, also beside a key.
 *
 * @throws AppError `AMBIGUOUS_CREDENTIALS` when two different ones are presented.
 */
export function presentedCredential(
  request: IncomingMessage,
  sessionCookie: string,
): PresentedCredential {
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
  if (authorization === undefined) {
    if (apiKey !== undefined) return { kind: 'key', key: apiKey };
    const token = cookieOf(request, sessionCookie);
    return token === undefined ? NONE : { kind: 'session', token };
  }
  // Another scheme than Bearer is a credential too, and a bad one.
  const key = BEARER.test(authorization) ? authorization.replace(BEARER, '') : '';
  if (apiKey !== undefined && apiKey !== key) throw ambiguous();
  return { kind: 'key', key };
}
