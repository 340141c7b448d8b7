// Small pieces that every view uses.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { follow, only } from "../lib/address";
import { typeOf } from "../lib/message";
import { now } from "../lib/media";
import { UNTYPED, type Kept } from "../lib/types";
import { ago, brief, moment } from "../lib/words";
import { Icon, type IconName } from "./icon";

/** A type's class: colours are the style sheet's affair, and a hostile type has none. */
export const typeClass = (type: string): string => (type === UNTYPED ? "t-unknown" : `t-${type}`);

export function TypeMark({ type }: { type: string }) {
  return (
    <span class={`type ${typeClass(type)}`}>
      <span class="swatch" aria-hidden="true" />
      {type === UNTYPED ? "unknown" : type}
    </span>
  );
}

/** What is notable of an event, in a word each. */
export function Marks({ event }: { event: Kept }) {
  return (
    <>
      {!event.valid && (
        <span class="mark bad" title={event.problems.join("\n")}>
          {event.problems.length > 1 ? `${event.problems.length} problems` : "problem"}
        </span>
      )}
      {event.duplicate && <span class="mark">duplicate</span>}
      {event.retry > 0 && <span class="mark warn">retry {event.retry}</span>}
    </>
  );
}

/** Text of the sender's, kept from changing the direction of what is around it. */
export const Theirs = ({ children, class: name }: { children: string; class?: string }) => (
  <bdi class={name}>{children}</bdi>
);

export function Time({ at, full = false }: { at: string; full?: boolean }) {
  return (
    <time dateTime={at} title={at}>
      {full ? moment(at) : brief(at)}
    </time>
  );
}

export function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={at}>
      {ago(at, now.value)}
    </time>
  );
}

export function PersonLink({ id, children }: { id: string; children?: ComponentChildren }) {
  return (
    <a class="person-link" {...follow({ view: "people", id, open: undefined })}>
      {children ?? <Theirs>{id}</Theirs>}
    </a>
  );
}

export const EventLink = ({ name, type }: { name: string; type: string }) => (
  <a {...follow(only({ event: name, type }))}>
    <Theirs>{name}</Theirs>
  </a>
);

export function IconButton(props: {
  icon: IconName;
  label: string;
  onClick: () => void;
  keys?: string;
  pressed?: boolean;
  class?: string;
}) {
  return (
    <button
      type="button"
      class={`icon-button ${props.class ?? ""}`}
      aria-label={props.label}
      aria-pressed={props.pressed}
      title={props.keys ? `${props.label} (${props.keys})` : props.label}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

/** Copies a text, and says so for a moment. */
export function Copy({ text, label = "Copy", class: name = "quiet" }: { text: () => string; label?: string; class?: string }) {
  const done = useSignal<boolean | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    done.value = await toClipboard(text());
    clearTimeout(timer.current);
    timer.current = setTimeout(() => (done.value = null), 1600);
  };
  const words = done.value === null ? label : done.value ? "Copied" : "The browser refuses";
  return (
    <button type="button" class={name} onClick={copy}>
      <Icon name={done.value ? "check" : "copy"} />
      <span aria-live="polite">{words}</span>
    </button>
  );
}

/** False where the browser lets no page write there, as beyond localhost without https. */
export async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function Kbd({ children }: { children: string }) {
  return <kbd>{children}</kbd>;
}

export function Trouble({ words }: { words: string }) {
  return (
    <p class="trouble" role="alert">
      <Icon name="warning" /> {words}
    </p>
  );
}

export { typeOf };
