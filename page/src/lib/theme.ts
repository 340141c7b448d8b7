// Light or dark: the system's choice until the reader makes another.
import { computed, signal } from "@preact/signals";

const KEY = "segment-gevent.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
const chosen = signal(document.documentElement.dataset.theme);

system.addEventListener("change", () => {
  systemDark.value = system.matches;
});

export const dark = computed(() => (chosen.value === undefined ? systemDark.value : chosen.value === "dark"));

/** The other one; where that is what the system says, the system decides again. */
export function toggleTheme(): void {
  const next = dark.value ? "light" : "dark";
  const own = (next === "dark") === systemDark.value ? undefined : next;
  chosen.value = own;
  if (own === undefined) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = own;
  try {
    if (own === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, own);
  } catch {
    // Forbidden storage: it holds until the page is loaded anew.
  }
}
