import type { ComponentChildren, TargetedSubmitEvent } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import { ApiError, messageOf } from './api.js';
import { counted } from './format.js';

/** What the server says of each field, by the first part of its path. */
type FieldErrors = Readonly<Record<string, string>>;

interface Submission {
  readonly errors: FieldErrors;
  /** What the server says of the whole; null while there is nothing to say. */
  readonly message: string | null;
  readonly isBusy: boolean;
  readonly onSubmit: (event: TargetedSubmitEvent<HTMLFormElement>) => void;
}

/** Sends a form and keeps what the server refuses, each refusal at its field; the first of those takes the focus. */
export function useSubmission(send: (data: FormData) => Promise<void>): Submission {
  const [errors, setErrors] = useState<FieldErrors>({});
  const [message, setMessage] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    if (isBusy) return;
    setBusy(true);
    setErrors({});
    setMessage(null);
    send(new FormData(form))
      .catch((error: unknown) => {
        const refused = refusalsOf(error);
        setErrors(refused);
        const values = Object.keys(refused).length;
        const areShown = values > 0 && Object.keys(refused).every((name) => name in form.elements);
        setMessage(areShown ? `${counted(values, 'value')} to be corrected.` : messageOf(error));
        requestAnimationFrame(() => {
          focusFirst(form, Object.keys(refused));
        });
      })
      .finally(() => {
        setBusy(false);
      });
  };
  return { errors, message, isBusy, onSubmit };
}

function refusalsOf(error: unknown): FieldErrors {
  const refusals = error instanceof ApiError ? (error.problem.errors ?? []) : [];
  const errors: Record<string, string> = {};
  for (const { path, message } of refusals) {
    const [field = path] = path.split(/[.[]/);
    errors[field] ??= message;
  }
  return errors;
}

function focusFirst(form: HTMLFormElement, names: readonly string[]): void {
  for (const element of form.elements) {
    if (!(element instanceof HTMLElement) || !names.includes(element.getAttribute('name') ?? ''))
      continue;
    element.closest('details')?.setAttribute('open', '');
    element.focus();
    // The message stands below a long choice, out of sight.
    element.closest('fieldset')?.querySelector('.field-error')?.scrollIntoView({ block: 'center' });
    return;
  }
}

/** The text of a field; nothing when it is empty. */
export function textOf(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === 'string' ? value : '';
}

export function textsOf(data: FormData, name: string): string[] {
  return data.getAll(name).filter((value) => typeof value === 'string');
}

interface ControlAttributes {
  readonly id: string;
  readonly name: string;
  readonly 'aria-describedby'?: string;
  readonly 'aria-invalid'?: 'true';
}

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly hint?: ComponentChildren;
  readonly errors?: FieldErrors;
  readonly children: (attributes: ControlAttributes) => ComponentChildren;
}

/** A control with its label, its hint and what is wrong with it. */
export function Field({ label, name, hint, errors = {}, children }: FieldProps) {
  const id = useId();
  const error = errors[name];
  const described = [
    ...(error === undefined ? [] : [`${id}-error`]),
    ...(hint === undefined ? [] : [`${id}-hint`]),
  ].join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        name,
        ...(described && { 'aria-describedby': described }),
        ...(error !== undefined && { 'aria-invalid': 'true' }),
      })}
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <FieldError id={`${id}-error`} error={error} />
    </div>
  );
}

interface ChoicesProps {
  readonly label: string;
  readonly name: string;
  readonly type: 'radio' | 'checkbox';
  readonly options: readonly {
    readonly value: string;
    readonly label: ComponentChildren;
    readonly hint: string;
    readonly isAllowed: boolean;
  }[];
  readonly chosen?: string;
  readonly errors?: FieldErrors;
}

/** A set of choices, each with what it means; those that are beyond the person cannot be chosen. */
export function Choices({ label, name, type, options, chosen, errors = {} }: ChoicesProps) {
  const id = useId();
  const error = errors[name];
  return (
    <fieldset class="choices" {...(error !== undefined && { 'aria-describedby': `${id}-error` })}>
      <legend>{label}</legend>
      <div class="choice-grid">
        {options.map((option) => (
          <label class="choice" key={option.value}>
            <input
              type={type}
              name={name}
              value={option.value}
              defaultChecked={option.value === chosen}
              disabled={!option.isAllowed}
              required={type === 'radio'}
            />
            <span>
              <span class="choice-name">{option.label}</span>
              <span class="hint">
                {option.hint}
                {!option.isAllowed && ' Not within your rights.'}
              </span>
            </span>
          </label>
        ))}
      </div>
      <FieldError id={`${id}-error`} error={error} />
    </fieldset>
  );
}

function FieldError({ id, error }: { readonly id: string; readonly error: string | undefined }) {
  if (error === undefined) return null;
  return (
    <p class="field-error" id={id}>
      {error}
    </p>
  );
}

/** What the server says of the whole form. */
export function FormMessage({ message }: { readonly message: string | null }) {
  return <div role="alert">{message !== null && <p class="notice danger">{message}</p>}</div>;
}

interface PasswordFieldProps {
  readonly label: string;
  readonly name: string;
  readonly autocomplete: 'current-password' | 'new-password';
  readonly hint?: string;
  readonly errors?: FieldErrors;
}

/** A password, which may be looked at. */
export function PasswordField({ label, name, autocomplete, hint, errors }: PasswordFieldProps) {
  const [isShown, setShown] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  return (
    <Field label={label} name={name} {...(hint !== undefined && { hint })} errors={errors ?? {}}>
      {(attributes) => (
        <div class="with-button">
          <input
            {...attributes}
            ref={input}
            {...(isShown ? { type: 'text' as const } : { type: 'password' as const })}
            autocomplete={autocomplete}
            autocapitalize="off"
            spellcheck={false}
            required
          />
          <button
            type="button"
            class="button"
            aria-label={`${isShown ? 'Hide' : 'Show'} ${label.toLowerCase()}`}
            onClick={() => {
              setShown(!isShown);
              input.current?.focus();
            }}
          >
            {isShown ? 'Hide' : 'Show'}
          </button>
        </div>
      )}
    </Field>
  );
}
