import { PAGES } from '../../src/console/pages.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { expectProblem } from '../matchers.js';

let api: TestApp;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  http = api.http();
});

afterAll(() => api.close());

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

/** The addresses that a page loads. */
const loadedBy = (html: string) =>
  [...html.matchAll(/(?:src|href)="?'?(\/assets\/[^"']+)/g)].map(([, path = '']) => path);

describe('the pages of the console', () => {
  it.each(Object.values(PAGES))('are served at %s under a strict policy', async (path) => {
    const response = await http.get(path);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(response.headers['cache-control']).toBe('no-cache');
    expect(response.headers['content-security-policy']).toBe(POLICY);
    expect(response.text).not.toMatch(/<script>|<style|style="|\son\w+="/);
    expect(response.text).not.toMatch(/(?:src|href)="(?!\/)/);
  });

  it('answer HEAD and OPTIONS, and 405 to a change', async () => {
    const head = await http.head('/sign-in');
    expect([head.status, head.text]).toEqual([200, undefined]);
    expect((await http.options('/sign-in')).headers.allow).toBe('GET, HEAD');
    expectProblem(await http.post('/sign-in'), 405, 'METHOD_NOT_ALLOWED');
  });
});

describe('the assets of the console', () => {
  it('are kept for ever under a name that follows from their content', async () => {
    const pages = await Promise.all(['/', '/docs'].map((path) => http.get(path)));
    const paths = new Set(pages.flatMap(({ text }) => loadedBy(text)));
    expect([...paths].map((path) => path.replace(/-[0-9a-f]{12}\./, '.')).sort()).toEqual([
      '/assets/console.css',
      '/assets/console.js',
      '/assets/docs.css',
      '/assets/docs.js',
      '/assets/icon.svg',
      '/assets/theme.js',
    ]);
    for (const path of paths) {
      const response = await http.get(path);
      expect(response.status).toBe(200);
      expect(response.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(response.headers['content-type']).toMatch(/^(?:text\/(?:css|javascript)|image\/svg)/);
    }
  });

  it('are 404 under another name', async () => {
    for (const path of ['/assets/', '/assets/console.js', '/assets/console-000000000000.js'])
      expectProblem(await http.get(path).set('Accept', BROWSER), 404, 'ROUTE_NOT_FOUND');
  });
});

describe('a path that does not exist', () => {
  it.each(['/nowhere', '/account', '/admin/nowhere', '/sign-in/x'])(
    'is a page with the status 404 for a browser: %s',
    async (path) => {
      const response = await http.get(path).set('Accept', BROWSER);
      expect(response.status).toBe(404);
      expect(response.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(response.headers['content-security-policy']).toBe(POLICY);
      expect(response.text).toContain('There is no such page');
    },
  );

  it.each([
    ['/nowhere', '*/*'],
    ['/api/nowhere', BROWSER],
    ['/docs/nowhere', BROWSER],
    ['/api', BROWSER],
  ])('is a problem for a program and below /api: %s for %s', async (path, accept) => {
    expectProblem(await http.get(path).set('Accept', accept), 404, 'ROUTE_NOT_FOUND');
  });
});
