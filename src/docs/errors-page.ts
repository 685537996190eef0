import { ERROR_CODES } from '../common/error-codes.js';
import type { ConsoleAssets } from '../console/console-assets.js';
import { documentOf } from '../console/console-pages.js';

/** Every error code with its status and meaning; the `type` of a problem body points here. */
export function errorsPage(assets: ConsoleAssets): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { status, meaning }]) =>
      `<tr id="${code.toLowerCase().replaceAll('_', '-')}"><th scope="row"><code>${code}</code></th>
<td data-label="Status">${status}</td><td data-label="Meaning"><span class="prose">${withCode(meaning)}</span></td></tr>`,
  );
  return documentOf(
    assets,
    'Error codes · CaseBender',
    `<script src="${assets['docs.js'].path}" defer></script>`,
    `<main id="main" tabindex="-1"><h1>Error codes</h1>
<p>Errors are problem bodies (RFC 9457). <code>code</code> is stable, <code>errors</code> names the path of each broken rule,
and <code>requestId</code> finds the request in the log. <a href="/docs">API documentation</a></p>
<div class="table-frame"><table aria-label="Error codes">
<thead><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">Meaning</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div></main>`,
  );
}

function withCode(text: string): string {
  return text.replace(/`([^`]+)`/g, '<code>$1</code>');
}
