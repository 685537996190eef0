import { existsSync } from 'node:fs';

const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Where the browser of the tests is: `CHROMIUM`, else the usual places; undefined when there is none. */
export const chromiumPath = [process.env.CHROMIUM ?? '', ...USUAL_PLACES].find(existsSync);
