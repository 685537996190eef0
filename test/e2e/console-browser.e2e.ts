import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import type { ApiKey } from '../../src/api-keys/api-keys.schema.js';
import { PAGES } from '../../src/console/pages.js';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import { PHONE, Visit, launchBrowser } from '../browser.js';
import { chromiumPath } from '../chromium.js';
import { eventually } from '../eventually.js';
import { addKey, addPair, addPerson, addRecords, createTenant } from '../factories.js';
import type { Person, PersonOptions, Tenant } from '../factories.js';
import { PASSWORD } from '../sign-in.js';

let api: TestApp;
let tenant: Tenant;
let browser: Browser;

const colleague = (options: PersonOptions = {}): Promise<Person> =>
  addPerson(api.db, tenant.organizationId, { password: PASSWORD, ...options });

/** Begins a visit of somebody who is signed in. */
async function visitOf(person: Person, options: BrowserContextOptions = {}): Promise<Visit> {
  const visit = await Visit.begin(browser, api, options);
  await visit.signIn(person);
  return visit;
}

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name });
const button = (within: Page | Locator, name: string) =>
  within.getByRole('button', { name, exact: true });
const rowOf = (page: Page, name: string) =>
  page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });

async function runAction(page: Page, name: string, action: string): Promise<void> {
  await button(page, `Actions for ${name}`).click();
  await button(page, action).click();
}

/** Opens the form for a new key and fills in what must be. */
async function beginKey(page: Page, name: string): Promise<Locator> {
  await button(page, 'Create API Key').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  await dialog.getByLabel('alerts:read').check();
  return dialog;
}

/** The key that is shown this once. */
async function shownKey(page: Page): Promise<string> {
  const text = await page
    .getByRole('dialog')
    .getByText(/^cbr_live_\w+$/)
    .textContent();
  return text ?? '';
}

/** The status of a request with the key. */
async function use(key: string): Promise<number> {
  return (await api.http(key).get('/api/alerts')).status;
}

function inTheBrowser(): void {
  beforeAll(async () => {
    api = await startTestApp();
    tenant = await createTenant(api.db, { role: 'super-admin' });
    browser = await launchBrowser();
    await addRecords(api.db, 'alerts', tenant, 12, new Date(Date.now() - 3_600_000));
    await addRecords(api.db, 'cases', tenant, 5, new Date(Date.now() - 3_600_000));
  });

  afterAll(async () => {
    await browser.close();
    await api.close();
  });

  describe('signing in', () => {
    it('leads to the page that was asked for, and out again', async () => {
      const visit = await Visit.begin(browser, api);
      const { page } = visit;
      await page.goto(PAGES.profile);
      await heading(page, 'Sign in').waitFor();
      expect(new URL(page.url()).pathname).toBe(PAGES.signIn);
      await visit.signIn(await colleague());
      await heading(page, 'Profile').waitFor();
      expect(new URL(page.url()).pathname).toBe(PAGES.profile);
      await page.getByText('Test Person').first().click();
      await button(page, 'Sign out').click();
      await heading(page, 'Sign in').waitFor();
      await page.reload();
      await heading(page, 'Sign in').waitFor();
      await visit.end();
    });

    it('goes to no other site afterwards', async () => {
      const visit = await Visit.begin(browser, api);
      await visit.page.goto(`${PAGES.signIn}?next=https://evil.example/`);
      await visit.signIn(await colleague());
      await heading(visit.page, 'Overview').waitFor();
      await visit.end();
    });

    it('says that the password is wrong, and stays', async () => {
      const visit = await Visit.begin(browser, api);
      const { page } = visit;
      const { email } = await colleague();
      await page.goto(PAGES.signIn);
      await page.getByLabel('E-mail address').fill(email);
      await page.getByLabel('Password', { exact: true }).fill('not the password');
      await button(page, 'Sign in').click();
      const alert = page.getByRole('alert').getByText('The e-mail address or the password');
      await alert.waitFor();
      await visit.expectAccessible();
      expect(await visit.context.cookies()).toEqual([]);
      await visit.end(['401 /api/auth/login']);
    });

    it('asks again once the session is over, and goes on where it was', async () => {
      const person = await colleague();
      const visit = await visitOf(person);
      const { page } = visit;
      await page.goto(PAGES.apiKeys);
      await heading(page, 'API Keys').waitFor();
      await page.waitForLoadState('networkidle');
      await api.db.rows('UPDATE sessions SET seen_at = $2 WHERE user_id = $1', [
        person.userId,
        new Date(Date.now() - 13 * 3_600_000),
      ]);
      await api.db.rows(`SELECT pg_notify('casebender_changes', 'sessions')`);
      await eventually(
        async () => (await visit.context.request.get('/api/auth/session')).status(),
        (status) => status === 401,
      );
      await button(page, 'Create API Key').click();
      await page.getByText('Your session is over').waitFor();
      await visit.signIn(person);
      await heading(page, 'API Keys').waitFor();
      await visit.end(['401 /api/api-keys/tiers', '401 /api/api-keys/scopes']);
    });

    it('holds in all tabs, for whoever signed in last', async () => {
      const [first, second] = [await colleague(), await colleague()];
      const visit = await visitOf(first);
      const tab = await visit.openTab(PAGES.profile);
      await tab.locator('.facts').getByText(first.email).waitFor();
      await visit.page.locator('summary').click();
      await button(visit.page, 'Sign out').click();
      await heading(tab, 'Sign in').waitFor();
      await visit.signIn(second, PASSWORD, tab);
      await heading(visit.page, 'Overview').waitFor();
      await visit.page.goto(PAGES.profile);
      await visit.page.locator('.facts').getByText(second.email).waitFor();
      // What the first tab knew of its session is not what its cookie says now.
      await button(visit.page, 'Save name').click();
      await visit.page.getByText('Your name is saved.').waitFor();
      await visit.end();
    });

    it('asks for a password of the own first where somebody else set it', async () => {
      const person = await colleague();
      await api.db.rows('UPDATE users SET must_change_password = true WHERE id = $1', [
        person.userId,
      ]);
      const visit = await visitOf(person);
      const { page } = visit;
      await heading(page, 'Choose a password').waitFor();
      await visit.expectAccessible();
      await page.getByLabel('Current password', { exact: true }).fill(PASSWORD);
      await page.getByLabel('New password', { exact: true }).fill('short');
      await button(page, 'Change password').click();
      const next = page.getByLabel('New password', { exact: true });
      await page.locator('[name=next][aria-invalid=true]').waitFor();
      await visit.expectFocus('next');
      await next.fill('four words nobody expects');
      await button(page, 'Change password').click();
      await heading(page, 'Overview').waitFor();
      await visit.end(['400 /api/auth/password']);
    });
  });

  describe('the life of a key', () => {
    it('is created, shown once, used, suspended, activated, rotated and revoked', async () => {
      const visit = await visitOf(await colleague({ role: 'org-admin' }), {
        permissions: ['clipboard-read', 'clipboard-write'],
      });
      const { page } = visit;
      await page.getByRole('link', { name: 'Account' }).click();
      await page.getByText('There is no key yet.').waitFor();

      const dialog = await beginKey(page, 'Intake');
      await visit.expectAccessible();
      await dialog.getByLabel('Description').fill('From the detection tool');
      await dialog.getByLabel('Basic').check();
      await dialog.getByLabel('cases:read').check();
      await dialog.getByLabel('Expires after').selectOption('30 days');
      await dialog.getByText('Restrictions').click();
      await dialog.getByLabel('Addresses').fill('127.0.0.1\n10.0.0.0/8');
      await dialog.getByLabel('Highest TLP').selectOption('AMBER');
      await button(dialog, 'Create key').click();
      await page.getByText('Save the key now.').waitFor();
      await visit.expectAccessible();

      const key = await shownKey(page);
      await button(page, 'Copy key').click();
      expect(await visit.clipboard()).toBe(key);
      await button(page, 'Copy command').click();
      expect(await visit.clipboard()).toBe(
        `curl -H 'Authorization: Bearer ${key}' '${api.url}/api/alerts?limit=5'`,
      );
      expect(await use(key)).toBe(200);
      await page.keyboard.press('Escape');
      await button(page, 'I have saved it').click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await page.content()).not.toContain(key);

      const [created] = await api.db.rows<ApiKey>(
        'SELECT tier, tlp_max AS "tlpMax", allowed_cidrs AS "allowedCidrs" FROM credentials WHERE last4 = $1',
        [key.slice(-4)],
      );
      expect(created).toEqual({
        tier: 'basic',
        tlpMax: 2,
        allowedCidrs: ['127.0.0.1/32', '10.0.0.0/8'],
      });
      const row = rowOf(page, 'Intake');
      await row.getByText(`${key.slice(0, 13)}…${key.slice(-4)}`).waitFor();
      await page.reload();
      expect(await row.textContent()).toMatch(/alerts:read.*Active.*Basic.*in 29 days/);
      await row.getByRole('img', { name: '1 request in the last day, 0 refused' }).waitFor();

      await runAction(page, 'Intake', 'Suspend…');
      await visit.expectAccessible();
      await button(page, 'Suspend key').click();
      await row.getByText('Suspended').waitFor();
      expect(await use(key)).toBe(401);

      await runAction(page, 'Intake', 'Activate…');
      await button(page, 'Activate key').click();
      await row.getByText('Active', { exact: true }).waitFor();
      expect(await use(key)).toBe(200);

      await runAction(page, 'Intake', 'Rotate…');
      await page.getByLabel('Grace for the old one').selectOption('1 hour');
      await button(page, 'Rotate key').click();
      await page.getByText('The key that it replaces works until').waitFor();
      const successor = await shownKey(page);
      await button(page, 'I have saved it').click();
      expect([await use(key), await use(successor)]).toEqual([200, 200]);

      const old = row.filter({ hasText: key.slice(-4) });
      await old.getByText('Replaced, in its grace').waitFor();
      await button(old, 'Actions for Intake').click();
      await button(page, 'Revoke…').click();
      await button(page, 'Cancel').click();
      expect(await use(key)).toBe(200);
      await button(old, 'Actions for Intake').click();
      await button(page, 'Revoke…').click();
      await button(page, 'Revoke key').click();
      await page.getByText('Intake is revoked.').waitFor();
      expect([await use(key), await use(successor)]).toEqual([401, 200]);
      expect(await row.count()).toBe(1);
      await page.getByLabel('Show revoked and expired keys').check();
      await old.getByText('Revoked').waitFor();
      await visit.expectAccessible();
      await visit.end();
    });

    it('shows more of many keys, each once', async () => {
      const person = await colleague();
      const owner = { ...person, organizationId: tenant.organizationId };
      for (let n = 0; n < 101; n++) await addKey(api.db, owner);
      const visit = await visitOf(person);
      const { page } = visit;
      await page.goto(PAGES.apiKeys);
      const rows = page.getByRole('row').filter({ hasText: 'cbr_live_' });
      await button(page, 'Show more').click();
      await rows.nth(100).waitFor();
      expect(await rows.count()).toBe(101);
      expect(await button(page, 'Show more').count()).toBe(0);
      await visit.end();
    });

    it('begins with what is refused shown at its fields', async () => {
      const visit = await visitOf(await colleague());
      const { page } = visit;
      await page.goto(PAGES.apiKeys);
      await button(page, 'Create API Key').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('Restrictions').click();
      await dialog.getByLabel('Addresses').fill('everywhere');
      await button(dialog, 'Create key').click();
      await dialog.getByRole('alert').getByText(/./).first().waitFor();
      for (const name of ['name', 'allowedCidrs'])
        await dialog.locator(`[name=${name}][aria-invalid=true]`).waitFor();
      await visit.expectFocus('name');
      await visit.expectAccessible();
      expect(await dialog.getByLabel('admin:*').isDisabled()).toBe(true);
      expect(await dialog.getByRole('option', { name: 'Never' }).count()).toBe(0);
      await visit.end(['400 /api/api-keys']);
    });

    it('replaces a deprecated pair, which is marked', async () => {
      const person = await colleague();
      const owner = { ...person, organizationId: tenant.organizationId };
      const { accessKey, secretKey } = await addPair(api.db, owner);
      const visit = await visitOf(person);
      const { page } = visit;
      await page.goto(PAGES.apiKeys);
      await rowOf(page, 'Test key').getByText('Deprecated pair').waitFor();
      await runAction(page, 'Test key', 'Replace by an API key…');
      await button(page, 'Replace pair').click();
      await page.getByText('Save the key now.').waitFor();
      expect(await use(await shownKey(page))).toBe(200);
      const pair = { 'X-Api-Key': accessKey, 'X-Api-Secret': secretKey };
      expect((await api.http().get('/api/alerts').set(pair)).status).toBe(200);
      await visit.end();
    });
  });

  describe('the pages', () => {
    it.each<readonly [string, BrowserContextOptions]>([
      ['light', { colorScheme: 'light' }],
      ['dark', { colorScheme: 'dark' }],
      ['on a small screen', { viewport: { width: 960, height: 700 } }],
      ["on a phone's width", { viewport: PHONE }],
    ])(
      'are accessible, have a title each and fit, %s',
      async (_, options) => {
        const person = await colleague({ role: 'super-admin' });
        const owner = { ...person, organizationId: tenant.organizationId };
        await addPair(api.db, owner, { state: 'suspended' });
        const visit = await Visit.begin(browser, api, options);
        const { page } = visit;
        await page.goto(PAGES.signIn);
        await heading(page, 'Sign in').waitFor();
        await visit.expectAccessible();
        await visit.signIn(person);
        const titles = new Set<string>();
        for (const path of Object.values(PAGES).filter((each) => each !== PAGES.signIn)) {
          await page.goto(path);
          await page.getByRole('heading', { level: 1 }).waitFor();
          await page.waitForLoadState('networkidle');
          await visit.expectAccessible();
          titles.add(await page.title());
          const overflow = await visit.overflow();
          expect({ path, overflow }).toEqual({ path, overflow: 0 });
        }
        await page.locator('summary').first().click();
        await visit.expectAccessible();
        expect(titles.size).toBe(Object.keys(PAGES).length - 1);
        await page.goto('/nowhere');
        await visit.expectAccessible();
        await visit.end(['404 /nowhere']);
      },
      60_000,
    );

    it('show at a glance what is open', async () => {
      const visit = await visitOf(await colleague({ role: 'analyst' }));
      const { page } = visit;
      const figure = (name: string) => page.getByRole('region', { name }).locator('.figure');
      expect(await figure('Open alerts').textContent()).toBe('12');
      expect(await figure('Open cases').textContent()).toBe('5');
      await page.getByRole('img', { name: '12 alerts in the last 24 hours' }).waitFor();
      expect(
        await page.getByRole('table', { name: 'Newest alerts' }).getByRole('row').count(),
      ).toBe(9);
      expect(await page.getByRole('link', { name: 'Administration' }).count()).toBe(0);
      await page.goto(PAGES.users);
      await heading(page, 'For administrators').waitFor();
      await visit.end();
    });

    it('keep the chosen colours', async () => {
      const visit = await visitOf(await colleague(), { colorScheme: 'light' });
      const { page } = visit;
      const light = await visit.background();
      await page.locator('summary').click();
      await page.getByLabel('Colours').selectOption('Dark');
      const dark = await visit.background();
      expect(dark).not.toBe(light);
      await page.reload();
      expect(await visit.background()).toBe(dark);
      await visit.end();
    });

    it('change the name and the password of who is signed in', async () => {
      const person = await colleague();
      const visit = await visitOf(person);
      const { page } = visit;
      await page.goto(PAGES.profile);
      await page.getByLabel('First name').fill('Ada');
      await page.getByLabel('Last name').fill('Byron');
      await button(page, 'Save name').click();
      await page.locator('summary', { hasText: 'Ada Byron' }).waitFor();
      await page.getByLabel('Current password', { exact: true }).fill('not the password');
      await page.getByLabel('New password', { exact: true }).fill('four words nobody expects');
      await button(page, 'Change password').click();
      await page.getByText('is not your current password').first().waitFor();
      await page.getByLabel('Current password', { exact: true }).fill(PASSWORD);
      await button(page, 'Change password').click();
      await page.getByText('Your password is changed.').waitFor();
      await page.locator('summary').click();
      await button(page, 'Sign out').click();
      await heading(page, 'Sign in').waitFor();
      await visit.signIn(person, 'four words nobody expects');
      await visit.end(['400 /api/auth/password']);
    });

    it('let an administrator add a person, who may then sign in, and an organization', async () => {
      const visit = await visitOf(await colleague({ role: 'super-admin' }));
      const { page } = visit;
      await page.goto(PAGES.users);
      await button(page, 'Add user').click();
      const email = `new-${Date.now()}@casebender.test`;
      await page.getByLabel('E-mail address').fill(email);
      await page.getByLabel('First name').fill('Grace');
      await page.getByLabel(tenant.organizationName).check();
      await visit.expectAccessible();
      await button(page, 'Add user').last().click();
      await page.getByText('Hand the password over now.').waitFor();
      const password = (await page.locator('.copy-text').first().textContent()) ?? '';
      await button(page, 'Done').click();
      await runAction(page, email, 'Deactivate…');
      await button(page, 'Deactivate user').click();
      await rowOf(page, email).getByText('Inactive').waitFor();
      await runAction(page, email, 'Activate…');
      await button(page, 'Activate user').click();
      await rowOf(page, email).getByText('Active', { exact: true }).waitFor();

      const other = await Visit.begin(browser, api);
      await other.signIn({ email }, password);
      await heading(other.page, 'Choose a password').waitFor();
      await other.end();

      await page.goto(PAGES.organizations);
      await button(page, 'Add organization').click();
      await page.getByLabel('Name', { exact: true }).fill(tenant.organizationName);
      await button(page, 'Save').click();
      await page.getByText('is there already').waitFor();
      await page.getByLabel('Name', { exact: true }).fill(email);
      await button(page, 'Save').click();
      await runAction(page, email, 'Delete…');
      await button(page, 'Delete organization').click();
      await page.getByText(`${email} is deleted.`).waitFor();
      await visit.end(['409 /api/organizations']);
    });

    it('change nothing of a person but what is changed', async () => {
      const person = await colleague();
      const newer = await createTenant(api.db);
      const homes = [tenant.organizationId, newer.organizationId];
      const path = `/api/users/${person.userId}`;
      const before = await api.http(api.adminKey).patch(path).send({ organizations: homes });
      expect(before.body).toMatchObject({ papMax: 4, organizations: homes.map((id) => ({ id })) });
      const visit = await visitOf(await colleague({ role: 'super-admin' }));
      const { page } = visit;
      await page.goto(PAGES.users);
      await runAction(page, person.email, 'Change…');
      await page.getByLabel('First name').fill('Renamed');
      await button(page, 'Save').click();
      await page.getByText(`${person.email} is saved.`).waitFor();
      const changed = await api.http(api.adminKey).get(path);
      expect(changed.body).toEqual({
        ...(before.body as object),
        firstName: 'Renamed',
        updatedAt: expect.any(String) as string,
        version: 3,
      });

      await runAction(page, person.email, 'Change…');
      await page.getByLabel('First name').fill('Too late');
      const meanwhile = await api.http(api.adminKey).patch(path).send({ lastName: 'Meanwhile' });
      await button(page, 'Save').click();
      await page.getByText('changed').waitFor();
      const kept = await api.http(api.adminKey).get(path);
      expect(kept.body).toEqual(meanwhile.body);
      await visit.end([`412 ${path}`]);
    });
  });

  describe('without a pointer', () => {
    it('signs in, creates a key and finds the focus where it belongs', async () => {
      const visit = await Visit.begin(browser, api);
      const { page } = visit;
      const { email } = await colleague();
      const press = async (...keys: string[]) => {
        for (const key of keys) await page.keyboard.press(key);
      };
      /** Presses Tab until the focus is there. */
      const tabTo = async (text: string) => {
        for (let i = 0; i < 60 && (await visit.focused()) !== text; i++) await press('Tab');
        expect(await visit.focused()).toBe(text);
      };
      await page.goto(PAGES.signIn);
      await heading(page, 'Sign in').waitFor();
      await press('Tab');
      await visit.expectFocus('To the content');
      await page.getByLabel('E-mail address').focus();
      await page.keyboard.type(email);
      await press('Tab');
      await page.keyboard.type(PASSWORD);
      await press('Enter');
      await heading(page, 'Overview').waitFor();
      await visit.expectFocus('Overview');

      await page.reload();
      await heading(page, 'Overview').waitFor();
      await tabTo('Account');
      await press('Enter');
      await heading(page, 'API Keys').waitFor();
      await visit.expectFocus('API Keys');
      await tabTo('Create API Key');
      await press('Enter');
      await page.getByRole('dialog').getByLabel('Name', { exact: true }).waitFor();
      await press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await visit.expectFocus('Create API Key');

      await press('Enter');
      await page.getByRole('dialog').getByLabel('Name', { exact: true }).waitFor();
      await press('Tab');
      await page.keyboard.type('By keyboard');
      // Description, tier, and the first of the scopes.
      await press('Tab', 'Tab', 'Tab', 'Space', 'Enter');
      await page.getByText('Save the key now.').waitFor();
      await press('Escape', 'Escape');
      await page.getByText('Save the key now.').waitFor();
      await tabTo('I have saved it');
      await press('Enter');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await tabTo('Actions for By keyboard');
      await press('Enter', 'Tab');
      await visit.expectFocus('Rotate…');
      await press('Escape');
      await visit.expectFocus('Actions for By keyboard');
      await visit.end();
    });
  });

  describe('the documentation', () => {
    it('has the same head and sends requests with the key that is given there, not the session', async () => {
      const visit = await visitOf(await colleague());
      const { page } = visit;
      await page.goto(PAGES.apiKeys);
      await beginKey(page, 'For the documentation');
      await button(page, 'Create key').click();
      await page.getByText('Save the key now.').waitFor();
      const key = await shownKey(page);
      await page.goto('/docs');
      await page.getByRole('link', { name: 'API docs' }).waitFor();
      await page.locator('.btn.authorize').click();
      await page.getByLabel('auth-bearer-value').fill(key);
      await page.locator('.modal-ux .btn.authorize').first().click();
      await page.locator('.modal-ux .btn-done').first().click();
      const operation = page.locator('#operations-Alerts-alerts-list');
      await operation.locator('.opblock-summary-control').click();
      const sent = page.waitForRequest('**/api/alerts*');
      await operation.locator('.execute').click();
      const headers = await (await sent).allHeaders();
      expect(headers).toMatchObject({ authorization: `Bearer ${key}` });
      expect(headers).not.toHaveProperty('cookie');
      expect((await (await sent).response())?.status()).toBe(200);
      await visit.end();
    });

    it('tells what each error means, also on a phone', async () => {
      const visit = await Visit.begin(browser, api);
      const { page } = visit;
      for (const width of [960, 375]) {
        await page.setViewportSize({ width, height: 740 });
        await page.goto('/docs/errors#stale-version');
        await page.getByRole('link', { name: 'API docs' }).waitFor();
        await heading(page, 'Error codes').waitFor();
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
        await visit.expectAccessible();
      }
      await visit.end();
    });
  });
}

if (chromiumPath !== undefined) describe('the console in a browser', inTheBrowser);
else {
  it.todo(
    'the console in a browser, as there is no Chromium (Debian: apt-get install chromium; elsewhere set CHROMIUM to its path)',
  );
}
