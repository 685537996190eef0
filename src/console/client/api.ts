import type { Session } from '../../sessions/sessions.schema.js';

/** The body of a refusal (RFC 9457), as far as people see it. */
interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** A refusal of the server, or that it could not be reached. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** One page of a list. */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** The path of the next page; null on the last one. */
  readonly next: string | null;
  readonly total: number | null;
}

/** What changes by versions. */
interface Versioned {
  readonly version: number;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What the session of this tab needs of each request. */
interface SessionLink {
  csrfToken(): string;
  /** The session is over: nothing more can be read. */
  ended(): void;
  /** The token is not that of the cookie, as another tab has signed in; answers whether it is now. */
  renewed(): Promise<boolean>;
}

let session: SessionLink | undefined;

export function connectSession(next: SessionLink): void {
  session = next;
}

export function get<T>(path: string): Promise<T> {
  return request<T>('GET', path);
}

export function post<T>(path: string, body?: object): Promise<T> {
  return request<T>('POST', path, body);
}

/** Changes what is there, or only what it was `before`: what somebody has changed since is then refused (412). */
export function patch<T>(path: string, body: object, before?: Versioned): Promise<T> {
  return request<T>('PATCH', path, body, before?.version);
}

/** Deletes what is there. */
export async function remove(path: string): Promise<void> {
  await request('DELETE', path);
}

export async function getPage<T>(path: string): Promise<ListPage<T>> {
  const response = await send('GET', path);
  const [, next = null] = /<([^>]+)>; rel="next"/.exec(response.headers.get('Link') ?? '') ?? [];
  const total = response.headers.get('X-Total-Count');
  return {
    items: (await response.json()) as T[],
    next,
    total: total === null ? null : Number(total),
  };
}

export function signInWith(email: string, password: string): Promise<Session> {
  return post<Session>('/api/auth/login', { email, password });
}

async function request<T>(
  method: Method,
  path: string,
  body?: object,
  version?: number,
): Promise<T> {
  const response = await send(method, path, body, version);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function send(
  method: Method,
  path: string,
  body?: object,
  version?: number,
  isRepeated = false,
): Promise<Response> {
  const response = await fetch(path, {
    method,
    headers: {
      Accept: 'application/json',
      ...(body && { 'Content-Type': 'application/json' }),
      ...(version !== undefined && { 'If-Match': `"${version}"` }),
      ...(method !== 'GET' && session && { 'X-CSRF-Token': session.csrfToken() }),
    },
    ...(body && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw unreachable();
  });
  if (response.ok) return response;
  const problem = (await response.json().catch(() => null)) as Problem | null;
  if (!problem) throw unreachable(response.status);
  if (problem.code === 'CSRF_TOKEN_INVALID' && !isRepeated && (await session?.renewed()))
    return send(method, path, body, version, true);
  if (problem.code === 'SESSION_INVALID' || problem.code === 'AUTHENTICATION_REQUIRED')
    session?.ended();
  throw new ApiError(problem);
}

function unreachable(status = 0): ApiError {
  const detail = 'The server cannot be reached at the moment. Try again.';
  return new ApiError({ status, code: 'UNREACHABLE', detail });
}

/** What to tell people of a failure. */
export function messageOf(error: unknown): string {
  return error instanceof ApiError
    ? error.message
    : 'Something went wrong in this page. Reload it.';
}
