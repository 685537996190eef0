import type { AppConfig } from '../config/config.js';
import type { FirstStart } from './first-start.js';

/** What the first start prints, framed: where the server is, who may enter, and a request to begin with. */
export function banner(config: AppConfig, url: string, first: FirstStart): string {
  const rows = [
    'First start. These secrets are shown this once: save them now.',
    '',
    `URL            ${url}`,
    `Sign in        ${url}/sign-in`,
    `Documentation  ${url}/docs`,
    `Administrator  ${first.email}`,
    `Password       ${config.admin.password ? '(from ADMIN_PASSWORD)' : first.password}`,
    `API key        ${first.apiKey}`,
  ];
  const width = Math.max(...rows.map((row) => row.length));
  const line = '─'.repeat(width + 2);
  const framed = rows.map((row) => `│ ${row.padEnd(width)} │`);
  return [
    `┌${line}┐`,
    ...framed,
    `└${line}┘`,
    '',
    'Try it:',
    '',
    `  curl -H 'Authorization: Bearer ${first.apiKey}' ${url}/api/users/me`,
    '',
  ].join('\n');
}
