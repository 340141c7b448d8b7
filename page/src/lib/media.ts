// Facts of the screen, and the time, as signals.
import { signal } from "@preact/signals";

function media(query: string) {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener("change", () => {
    matches.value = list.matches;
  });
  return matches;
}

/** A phone, or a window as narrow. */
export const narrow = media("(max-width: 719px)");

/** Unix milliseconds, a second at a time. */
export const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 1000);
