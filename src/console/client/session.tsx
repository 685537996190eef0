import { createContext } from 'preact';
import type { ComponentChildren } from 'preact';
import { useContext, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Session } from '../../sessions/sessions.schema.js';
import type { UserDetail } from '../../users/users.schema.js';
import { ApiError, get, post, connectSession } from './api.js';

/** Remembers that somebody signed in here, so that nothing is asked of the server before. No secret. */
const STORED = 'signed-in';

/** What tabs tell each other. */
const ENTERED = 'entered';
const LEFT = 'left';

type State =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'none'; readonly isOver: boolean }
  | { readonly kind: 'open'; readonly session: Session };

interface SessionControl {
  readonly state: State;
  readonly enter: (session: Session) => void;
  readonly leave: () => Promise<void>;
  /** Reads the session again, as it stands at the server. */
  readonly refresh: () => Promise<void>;
  readonly showUser: (user: UserDetail) => void;
}

const SessionContext = createContext<SessionControl | null>(null);

/** Holds who is signed in, the same in all tabs. */
export function SessionProvider({ children }: { readonly children: ComponentChildren }) {
  const [state, setState] = useState<State>({ kind: 'unknown' });
  const current = useRef<Session | null>(null);
  const control = useMemo<Omit<SessionControl, 'state'>>(() => {
    const tabs = new BroadcastChannel('session');
    const open = (session: Session) => {
      current.current = session;
      localStorage.setItem(STORED, 'yes');
      setState({ kind: 'open', session });
    };
    const close = (isOver: boolean) => {
      current.current = null;
      localStorage.removeItem(STORED);
      setState({ kind: 'none', isOver });
    };
    const read = async () => {
      try {
        open(await get<Session>('/api/auth/session'));
      } catch (error) {
        if (!(error instanceof ApiError) || error.problem.status !== 401) throw error;
      }
    };
    connectSession({
      csrfToken: () => current.current?.csrfToken ?? '',
      ended: () => {
        close(true);
      },
      renewed: async () => {
        const before = current.current;
        await read();
        return before !== null && before.user.id === current.current?.user.id;
      },
    });
    // What another tab stores may be seen here only after its message.
    tabs.onmessage = ({ data }) => {
      if (data === LEFT) close(false);
      else void read().catch(() => undefined);
    };
    return {
      enter(session) {
        open(session);
        tabs.postMessage(ENTERED);
      },
      async leave() {
        await post('/api/auth/logout');
        close(false);
        tabs.postMessage(LEFT);
      },
      refresh: async () => {
        if (localStorage.getItem(STORED) === null) close(false);
        else await read();
      },
      showUser(user) {
        if (current.current) open({ ...current.current, user });
      },
    };
  }, []);
  useEffect(() => {
    const refresh = () =>
      void control.refresh().catch(() => {
        setState({ kind: 'none', isOver: false });
      });
    const onShow = (event: PageTransitionEvent) => {
      if (event.persisted) refresh();
    };
    refresh();
    addEventListener('pageshow', onShow);
    return () => {
      removeEventListener('pageshow', onShow);
    };
  }, [control]);
  const value = useMemo(() => ({ ...control, state }), [control, state]);
  return <SessionContext.Provider value={value}>{children}</SessionContext.Provider>;
}

export function useSession(): SessionControl {
  const control = useContext(SessionContext);
  if (!control) throw new Error('There is no session around this.');
  return control;
}

/** The person who is signed in, for pages that only such a person sees. */
export function useUser(): UserDetail {
  const { state } = useSession();
  if (state.kind !== 'open') throw new Error('Nobody is signed in.');
  return state.session.user;
}

/** Whether the person has the pages of administrators; the server says what they may do there. */
export function isAdministrator({ role }: UserDetail): boolean {
  return role === 'org-admin' || role === 'super-admin';
}
