import axe from 'axe-core';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import type { TestApp } from './app.js';
import { chromiumPath } from './chromium.js';
import { eventually } from './eventually.js';
import type { Person } from './factories.js';
import { PASSWORD } from './sign-in.js';

export const PHONE = { width: 375, height: 740 };

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath ?? '' });
}

/** A browser of its own for one test, with what went wrong in it. */
export class Visit {
  private readonly failures: string[] = [];

  private constructor(
    private readonly api: TestApp,
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    this.watch(page);
  }

  static async begin(
    browser: Browser,
    api: TestApp,
    options: BrowserContextOptions = {},
  ): Promise<Visit> {
    const context = await browser.newContext({ baseURL: api.url, ...options });
    context.setDefaultTimeout(10_000);
    return new Visit(api, context, await context.newPage());
  }

  /** Opens a second tab. */
  async openTab(path: string): Promise<Page> {
    const tab = await this.context.newPage();
    this.watch(tab);
    await tab.goto(path);
    return tab;
  }

  /** Signs in by the form and waits until it is left. */
  async signIn(person: Pick<Person, 'email'>, password: string = PASSWORD, page = this.page) {
    if (!page.url().includes('/sign-in')) await page.goto('/sign-in');
    await page.getByLabel('E-mail address').fill(person.email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor({ state: 'detached' });
  }

  /** The focus comes to what is called so. */
  async expectFocus(name: string): Promise<void> {
    const isThere = (focused: string) => focused === name;
    expect(await eventually(() => this.focused(), isThere)).toBe(name);
  }

  /** What the element with the focus is called; its `name` if it is a control of a form. */
  focused(): Promise<string> {
    return this.page.evaluate<string>(
      `(({ name, ariaLabel, textContent }) => (name || ariaLabel || textContent).trim())(document.activeElement)`,
    );
  }

  clipboard(): Promise<string> {
    return this.page.evaluate<string>('navigator.clipboard.readText()');
  }

  background(): Promise<string> {
    return this.page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
  }

  /** How many pixels of the page are beside the window. */
  overflow(): Promise<number> {
    return this.page.evaluate<number>(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
  }

  /** No rule of WCAG 2.2 AA is broken by what the page shows now. */
  async expectAccessible(page = this.page): Promise<void> {
    await page.evaluate(axe.source);
    const violations = await page.evaluate(async (rules) => {
      const { axe: checker } = globalThis as unknown as { axe: typeof axe };
      const results = await checker.run({ runOnly: rules });
      return results.violations.map(({ id, nodes }) => ({ id, html: nodes.map((n) => n.html) }));
    }, RULES);
    expect({ url: page.url(), violations }).toMatchObject({ violations: [] });
  }

  /** Ends the visit; nothing failed in it but these answers, as `401 /api/auth/login`. */
  async end(expected: readonly string[] = []): Promise<void> {
    await this.context.close();
    expect(this.failures).toEqual(expected);
  }

  /** Notes errors of scripts and policies, answers that are refusals, and requests to other hosts. */
  private watch(page: Page): void {
    page.on('pageerror', ({ message }) => this.failures.push(message));
    page.on('console', (entry) => {
      const isBad = entry.type() === 'error' || entry.type() === 'warning';
      // Refusals are told by their answers; Swagger UI warns of what it does not miss.
      const isKnown =
        entry.text().startsWith('Failed to load resource: the server responded') ||
        entry.location().url.includes('/docs/swagger-ui-bundle.js');
      if (isBad && !isKnown) this.failures.push(entry.text());
    });
    page.on('response', (answer) => {
      const path = new URL(answer.url()).pathname;
      if (answer.status() >= 400) this.failures.push(`${answer.status()} ${path}`);
    });
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.api.url && protocol !== 'data:') this.failures.push(request.url());
    });
  }
}
