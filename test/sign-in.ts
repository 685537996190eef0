import type { Session } from '../src/sessions/sessions.schema.js';
import type { Agent, TestApp } from './app.js';
import { addPerson } from './factories.js';
import type { Person, PersonOptions } from './factories.js';

/** What people of the tests sign in with. */
export const PASSWORD = 'correct horse battery staple';

/** A person with the session and the client of a browser: it keeps the cookie and sends the token. */
export interface SignedIn extends Person {
  readonly agent: Agent;
  readonly session: Session;
  /** The header that a browser sends. */
  readonly cookie: string;
}

/** Signs a person in. */
export async function signIn(
  api: TestApp,
  person: Person,
  password: string = PASSWORD,
): Promise<SignedIn> {
  const agent = api.http();
  const response = await agent.post('/api/auth/login').send({ email: person.email, password });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  const session = response.body as Session;
  agent.set('X-CSRF-Token', session.csrfToken);
  const [cookie = ''] = response.headers['set-cookie'] as unknown as string[];
  return { ...person, agent, session, cookie: cookie.split(';')[0] ?? '' };
}

/** A fresh person of an organization who is signed in. */
export async function addSignedIn(
  api: TestApp,
  organizationId: string,
  options: PersonOptions = {},
): Promise<SignedIn> {
  return signIn(api, await addPerson(api.db, organizationId, { password: PASSWORD, ...options }));
}
