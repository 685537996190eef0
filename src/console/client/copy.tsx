import { useRef } from 'preact/hooks';
import { useAnnounce } from './announcer.js';

interface CopyFieldProps {
  readonly label: string;
  readonly value: string;
  readonly isCode?: boolean;
}

/** A text to be taken along, with a button that copies it. */
export function CopyField({ label, value, isCode = false }: CopyFieldProps) {
  const announce = useAnnounce();
  const text = useRef<HTMLElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      announce(`${label} copied.`);
    } catch {
      // Without TLS browsers have no clipboard: it is at least selected.
      if (text.current) getSelection()?.selectAllChildren(text.current);
      announce(`${label} selected: press Ctrl+C, or ⌘C, to copy it.`);
    }
  };
  return (
    <div class="copy-field">
      <div class="copy-head">
        <span class="label">{label}</span>
        <button
          type="button"
          class="button small"
          aria-label={`Copy ${label.toLowerCase()}`}
          onClick={() => void copy()}
        >
          Copy
        </button>
      </div>
      <code ref={text} class={isCode ? 'copy-text command' : 'copy-text'}>
        {value}
      </code>
    </div>
  );
}
