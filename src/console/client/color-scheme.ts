/** What somebody chose to see; `system` follows the device. */
export type ColorScheme = 'system' | 'light' | 'dark';

const STORED = 'color-scheme';
const darkDevice = matchMedia('(prefers-color-scheme: dark)');

export function storedColorScheme(): ColorScheme {
  const stored = localStorage.getItem(STORED);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

export function storeColorScheme(scheme: ColorScheme): void {
  localStorage.setItem(STORED, scheme);
  applyColorScheme();
}

/** Shows the page in the chosen colours, and again whenever the choice, here or in another tab, or the device changes. */
export function followColorScheme(): void {
  applyColorScheme();
  darkDevice.addEventListener('change', applyColorScheme);
  window.addEventListener('storage', applyColorScheme);
}

function applyColorScheme(): void {
  const scheme = storedColorScheme();
  const root = document.documentElement;
  root.dataset.colorScheme = scheme;
  // The name that Swagger UI gives its dark colours.
  root.classList.toggle('dark-mode', scheme === 'system' ? darkDevice.matches : scheme === 'dark');
}
