import { useEffect, useRef, useState } from 'preact/hooks';
import { PAGES } from '../pages.js';
import { messageOf } from './api.js';
import { useAnnounce } from './announcer.js';
import { storeColorScheme, storedColorScheme } from './color-scheme.js';
import type { ColorScheme } from './color-scheme.js';
import { ROLE_LABELS } from './labels.js';
import { Link, usePath } from './router.js';
import { isAdministrator, useSession } from './session.js';

const SCHEMES: Readonly<Record<ColorScheme, string>> = {
  system: 'As the device',
  light: 'Light',
  dark: 'Dark',
};

interface HeaderProps {
  /** The id of what is below the head. */
  readonly content?: string;
  readonly isDocumentation?: boolean;
}

/** The head of every page, of the console and of the documentation alike. */
export function Header({ content = 'main', isDocumentation = false }: HeaderProps) {
  const { state } = useSession();
  const user = state.kind === 'open' ? state.session.user : null;
  return (
    <header class="site-header">
      <a class="skip-link" href={`#${content}`}>
        To the content
      </a>
      <div class="site-header-row">
        <a class="brand" href={PAGES.overview}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M4 8.5h16v10a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 18.5zM9 8.5V6a1.5 1.5 0 0 1 1.5-1.5h3A1.5 1.5 0 0 1 15 6v2.5M4 13h6.5m3 0H20m-9.5-1.2h3v2.6h-3z" />
          </svg>
          CaseBender
        </a>
        <nav aria-label="Main">
          {user && <Link to={PAGES.overview}>Overview</Link>}
          {user && (
            <Link to={PAGES.apiKeys} section="/account/">
              Account
            </Link>
          )}
          {user && isAdministrator(user) && (
            <Link to={PAGES.allApiKeys} section="/admin/">
              Administration
            </Link>
          )}
          <a href="/docs" {...(isDocumentation && { 'aria-current': 'page' })}>
            API docs
          </a>
        </nav>
        {user ? <PersonMenu /> : <Visitor isKnown={state.kind === 'none'} />}
      </div>
    </header>
  );
}

function Visitor({ isKnown }: { readonly isKnown: boolean }) {
  const isSigningIn = usePath() === PAGES.signIn;
  return (
    <div class="header-end">
      <ColorSchemeSelect />
      {isKnown && !isSigningIn && <Link to={PAGES.signIn}>Sign in</Link>}
    </div>
  );
}

/** Who is signed in, and what is that person's own. */
function PersonMenu() {
  const { state, leave } = useSession();
  const announce = useAnnounce();
  const menu = useRef<HTMLDetailsElement>(null);
  const close = () => {
    menu.current?.removeAttribute('open');
  };
  useEffect(() => {
    const onPointer = ({ target }: Event) => {
      if (target instanceof Node && !menu.current?.contains(target)) close();
    };
    addEventListener('pointerdown', onPointer);
    addEventListener('focusin', onPointer);
    return () => {
      removeEventListener('pointerdown', onPointer);
      removeEventListener('focusin', onPointer);
    };
  }, []);
  if (state.kind !== 'open') return null;
  const { user } = state.session;
  const name = `${user.firstName} ${user.lastName}`.trim();
  return (
    <details
      ref={menu}
      class="person-menu header-end"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        close();
        menu.current?.querySelector('summary')?.focus();
      }}
    >
      <summary>
        <span class="avatar" aria-hidden="true">
          {initialsOf(user)}
        </span>
        <span class="person-name">{name}</span>
      </summary>
      <div class="menu-panel">
        <p>
          <strong>{name}</strong>
          <br />
          {user.email}
          <br />
          <span class="hint">{ROLE_LABELS[user.role]}</span>
        </p>
        <Link to={PAGES.apiKeys} onFollow={close}>
          API Keys
        </Link>
        <Link to={PAGES.profile} onFollow={close}>
          Profile and password
        </Link>
        <ColorSchemeSelect />
        <button
          type="button"
          class="button"
          onClick={() => {
            leave().catch((error: unknown) => {
              announce(messageOf(error));
            });
          }}
        >
          Sign out
        </button>
      </div>
    </details>
  );
}

function initialsOf({
  firstName,
  lastName,
}: {
  readonly firstName: string;
  readonly lastName: string;
}): string {
  return (firstName.slice(0, 1) + lastName.slice(0, 1)).toUpperCase();
}

function ColorSchemeSelect() {
  const [scheme, setScheme] = useState(storedColorScheme);
  return (
    <label class="color-scheme">
      <span>Colours</span>
      <select
        value={scheme}
        onChange={({ currentTarget }) => {
          const chosen = currentTarget.value as ColorScheme;
          storeColorScheme(chosen);
          setScheme(chosen);
        }}
      >
        {Object.entries(SCHEMES).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
