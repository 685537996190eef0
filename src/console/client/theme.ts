import { followColorScheme } from './color-scheme.js';

// Runs before anything is painted.
followColorScheme();
