import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What `npm run build` makes of `client/`, seen from `src` and from `dist` alike. */
const BUILT = new URL('../../src/generated/console/', import.meta.url);

const TYPES = {
  'console.js': 'text/javascript; charset=utf-8',
  'console.css': 'text/css; charset=utf-8',
  'docs.js': 'text/javascript; charset=utf-8',
  'docs.css': 'text/css; charset=utf-8',
  'theme.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;

type AssetName = keyof typeof TYPES;

export interface Asset {
  /** Names its content, so that it may be kept for ever: `/assets/console-0123456789ab.js`. */
  readonly path: string;
  readonly type: string;
  readonly content: Buffer;
}

export type ConsoleAssets = Readonly<Record<AssetName, Asset>>;

/** The scripts, styles and icon of the console and of the documentation. */
export function readConsoleAssets(): ConsoleAssets {
  const names = Object.keys(TYPES) as AssetName[];
  return Object.fromEntries(names.map((name) => [name, readAsset(name)])) as ConsoleAssets;
}

function readAsset(name: AssetName): Asset {
  const content = contentOf(name);
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 12);
  const path = `/assets/${name.replace('.', `-${digest}.`)}`;
  return { path, type: TYPES[name], content };
}

function contentOf(name: AssetName): Buffer {
  try {
    return readFileSync(new URL(name, BUILT));
  } catch (cause) {
    throw new Error('The console is not built. Run: npm run build', { cause });
  }
}
