import { ERROR_CODES } from '../common/error-codes.js';

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1e293b; background: #fff; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .5rem .75rem; border-bottom: 1px solid #e2e8f0; vertical-align: top; }
code { font-size: .9em; }
tr:target { background: #fef9c3; }
a { color: #1d4ed8; }
@media (prefers-color-scheme: dark) {
  body { color: #e2e8f0; background: #0f172a; }
  th, td { border-color: #334155; }
  tr:target { background: #422006; }
  a { color: #93c5fd; }
}`;

/** Every error code with its status and meaning; the `type` of a problem body points here. */
export function errorsPage(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { status, meaning }]) =>
      `<tr id="${code.toLowerCase().replaceAll('_', '-')}"><td><code>${code}</code></td><td>${status}</td><td>${withCode(meaning)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Error codes</title><style>${STYLE}</style></head>
<body><h1>Error codes</h1>
<p>Errors are problem bodies (RFC 9457). <code>code</code> is stable, <code>errors</code> names the path of each broken rule,
and <code>requestId</code> finds the request in the log. <a href="/docs">API documentation</a></p>
<table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></body></html>`;
}

function withCode(text: string): string {
  return text.replace(/`([^`]+)`/g, '<code>$1</code>');
}
