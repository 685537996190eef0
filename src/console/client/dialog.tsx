import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { messageOf } from './api.js';

interface DialogProps {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly onClose: () => void;
  /** Whether only the dialog's own button closes it, as what it shows will not be shown again. */
  readonly isHeld?: boolean;
  readonly isWide?: boolean;
}

/** What had the focus before a dialog took it; a dialog that follows another finds it nowhere. */
let opener: HTMLElement | null = null;

/** A modal dialog: open as long as it is rendered. The focus stays inside, and goes back where it was. */
export function Dialog({ title, children, onClose, isHeld = false, isWide = false }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const { activeElement, body } = document;
    if (activeElement instanceof HTMLElement && activeElement !== body) opener = activeElement;
    dialog.current?.showModal();
    return () => {
      opener?.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={isWide ? 'wide' : ''}
      aria-labelledby={id}
      onCancel={(event) => {
        if (event.target !== dialog.current) return;
        event.preventDefault();
        if (!isHeld) onClose();
      }}
      onClose={() => {
        // A browser closes a dialog that refuses twice.
        if (isHeld) dialog.current?.showModal();
        else onClose();
      }}
    >
      <header>
        <h2 id={id}>{title}</h2>
        {!isHeld && (
          <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d="M4 4l8 8M12 4l-8 8" />
            </svg>
          </button>
        )}
      </header>
      {children}
    </dialog>
  );
}

interface ConfirmationProps {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly action: string;
  readonly isDangerous?: boolean;
  readonly run: () => Promise<void>;
  readonly onClose: () => void;
}

/** Asks before something is done, and shows why it was refused. */
export function Confirmation({
  title,
  children,
  action,
  isDangerous = false,
  run,
  onClose,
}: ConfirmationProps) {
  const [isBusy, setBusy] = useState(false);
  const [message, setMessage] = useState<string | null>(null);
  const onConfirm = () => {
    setBusy(true);
    run().catch((error: unknown) => {
      setMessage(messageOf(error));
      setBusy(false);
    });
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="dialog-body">
        {children}
        <div role="alert">{message !== null && <p class="notice danger">{message}</p>}</div>
      </div>
      <footer>
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class={`button ${isDangerous ? 'dangerous' : 'primary'}`}
          disabled={isBusy}
          onClick={onConfirm}
        >
          {action}
        </button>
      </footer>
    </Dialog>
  );
}
