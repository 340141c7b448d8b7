// The keyboard: one table of what keys do, which the help shows too.
import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";

export interface Binding {
  keys: string[];
  words: string;
  run: () => void;
}

export interface Group {
  title: string;
  bindings: Binding[];
}

/** Those of the view in sight, over those that are always there. */
export const groups = signal<Group[]>([]);

function addGroup(group: Group, isBelow: boolean): () => void {
  groups.value = isBelow ? [group, ...groups.peek()] : [...groups.peek(), group];
  return () => {
    groups.value = groups.peek().filter((each) => each !== group);
  };
}

/** Keys of a view, from the moment it is in sight: an effect comes later, when keys would still be the last view's. */
export function useKeys(group: () => Group, inputs: unknown[] = []): void {
  useLayoutEffect(() => addGroup(group(), false), inputs);
}

/** Keys of the frame, below those of any view, whichever of the two came in sight first. */
export function useFrameKeys(group: () => Group): void {
  useLayoutEffect(() => addGroup(group(), true), []);
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));

// Enter and Space are a focused button's own.
const isOwn = (event: KeyboardEvent): boolean =>
  event.key === " " && event.target instanceof HTMLElement && event.target.closest("button, a, summary") !== null;

export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape") (event.target as HTMLElement).blur();
      return;
    }
    if (isOwn(event) || document.querySelector("dialog[open]")) return;
    for (const { bindings } of [...groups.value].reverse()) {
      const found = bindings.find(({ keys }) => keys.includes(event.key));
      if (found) {
        event.preventDefault();
        found.run();
        return;
      }
    }
  });
}
