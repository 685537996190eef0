import { useEffect } from 'preact/hooks';
import type { ComponentType } from 'preact';
import { PAGES } from '../pages.js';
import type { PagePath } from '../pages.js';
import { Announcer } from './announcer.js';
import { Header } from './header.js';
import { AllApiKeysPage, ApiKeysPage } from './pages/api-keys.js';
import { OrganizationsPage } from './pages/organizations.js';
import { OverviewPage } from './pages/overview.js';
import { PasswordChangePage, ProfilePage } from './pages/profile.js';
import { SignInPage } from './pages/sign-in.js';
import { UsersPage } from './pages/users.js';
import { Link, PageHeading, RouterProvider, isPage, useRouter } from './router.js';
import { SessionProvider, isAdministrator, useSession, useUser } from './session.js';

const CONTENT: Readonly<Record<Exclude<PagePath, '/sign-in'>, ComponentType>> = {
  '/': OverviewPage,
  '/account/api-keys': ApiKeysPage,
  '/account/profile': ProfilePage,
  '/admin/api-keys': AllApiKeysPage,
  '/admin/users': UsersPage,
  '/admin/organizations': OrganizationsPage,
};

export function App() {
  return (
    <RouterProvider>
      <SessionProvider>
        <Announcer>
          <Header />
          <main id="main" tabIndex={-1}>
            <Content />
          </main>
        </Announcer>
      </SessionProvider>
    </RouterProvider>
  );
}

function Content() {
  const { state } = useSession();
  const { path, navigate } = useRouter();
  const isSignIn = path === PAGES.signIn;
  useEffect(() => {
    if (state.kind === 'none' && !isSignIn) {
      const query = path === PAGES.overview ? '' : `?next=${encodeURIComponent(path)}`;
      navigate(PAGES.signIn, { replace: true, query });
    }
    if (state.kind === 'open' && isSignIn) navigate(nextPage(), { replace: true });
  }, [state, isSignIn, path, navigate]);
  if (state.kind === 'none' && isSignIn) return <SignInPage />;
  if (state.kind !== 'open' || isSignIn) return null;
  if (state.session.mustChangePassword) return <PasswordChangePage />;
  return <PageContent path={path} />;
}

/** Where somebody wanted to go before signing in; only pages of the console count. */
function nextPage(): PagePath {
  const next = new URLSearchParams(location.search).get('next') ?? '';
  return isPage(next) && next !== PAGES.signIn ? next : PAGES.overview;
}

function PageContent({ path }: { readonly path: Exclude<PagePath, '/sign-in'> }) {
  const user = useUser();
  const isForAdministrators = path.startsWith('/admin/');
  if (isForAdministrators && !isAdministrator(user)) return <ForAdministrators />;
  const Page = CONTENT[path];
  return (
    <>
      {path.startsWith('/account/') && (
        <nav class="tabs" aria-label="Account">
          <Link to={PAGES.apiKeys}>API Keys</Link>
          <Link to={PAGES.profile}>Profile</Link>
        </nav>
      )}
      {isForAdministrators && (
        <nav class="tabs" aria-label="Administration">
          <Link to={PAGES.allApiKeys}>API Keys</Link>
          <Link to={PAGES.users}>Users</Link>
          <Link to={PAGES.organizations}>Organizations</Link>
        </nav>
      )}
      <Page key={path} />
    </>
  );
}

function ForAdministrators() {
  return (
    <>
      <PageHeading title="For administrators" />
      <p>
        Your role does not open this page. <Link to={PAGES.overview}>To the overview</Link>
      </p>
    </>
  );
}
