import type { ConsoleAssets } from './console-assets.js';
import { PAGES } from './pages.js';

/** The one document of the console; its script shows the page that the path names. */
export function consolePage(assets: ConsoleAssets): string {
  return documentOf(
    assets,
    'CaseBender',
    `<script src="${assets['console.js'].path}" defer></script>`,
    `<div id="console"></div>
<noscript><main class="plain"><h1>CaseBender</h1>
<p>The console needs JavaScript. The API does not: see the <a href="/docs">documentation</a>.</p></main></noscript>`,
  );
}

/** What people see at a path that does not exist. */
export function missingPage(assets: ConsoleAssets): string {
  return documentOf(
    assets,
    'Page not found · CaseBender',
    '',
    `<main class="plain"><p class="plain-code">404</p><h1>There is no such page</h1>
<p>The address may be mistyped, or the page may have moved.</p>
<p><a class="button primary" href="${PAGES.overview}">To the overview</a> <a class="button" href="/docs">API documentation</a></p></main>`,
  );
}

/** A page of the server in the style of the console. */
export function documentOf(
  assets: ConsoleAssets,
  title: string,
  script: string,
  body: string,
): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="${assets['icon.svg'].path}" type="image/svg+xml">
<link rel="stylesheet" href="${assets['console.css'].path}">
<script src="${assets['theme.js'].path}"></script>
${script}
</head>
<body>
${body}
</body>
</html>
`;
}
