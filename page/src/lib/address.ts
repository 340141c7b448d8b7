// The state of the page as its address has it, so that a view can be shared, gone back to and bookmarked.
import { computed, signal } from "@preact/signals";

export const VIEWS = ["events", "names", "people", "requests", "faults"] as const;
export type View = (typeof VIEWS)[number];

export type Address = Readonly<Record<string, string>>;
export type Patch = Record<string, string | number | undefined>;

/** Those that narrow the stream: the server knows them by the same names. */
export const FILTERS = ["type", "event", "user", "valid", "duplicate", "text", "since", "until", "batch"] as const;

const read = (): Address => Object.fromEntries(new URLSearchParams(location.search));

export const address = signal<Address>(read());

export const view = computed<View>(() => {
  const wanted = address.value.view as View;
  return VIEWS.includes(wanted) ? wanted : "events";
});

// By value, so that opening an event is no new question to the server.
const filterText = computed(() => JSON.stringify(FILTERS.map((name) => address.value[name] ?? "")));

export const filters = computed<Address>(() => {
  const values = JSON.parse(filterText.value) as string[];
  return Object.fromEntries(FILTERS.map((name, place) => [name, values[place] ?? ""]).filter(([, value]) => value !== ""));
});

export const openId = computed(() => Number(address.value.open ?? 0) || 0);

/** The address with the patch over it; an empty or undefined value leaves its name out. */
export function href(patch: Patch, from: Address = address.value): string {
  const merged = { ...from, ...patch };
  const given = Object.entries(merged).filter(([name, value]) => value !== undefined && value !== "" && name !== "token");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `/?${text}` : "/";
}

/** Go there. `replace` leaves no step to go back to, as for every letter that is typed. */
export function go(patch: Patch, { replace = false } = {}): void {
  const target = href(patch);
  if (target === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  address.value = read();
}

export const noFilters = (): Patch => Object.fromEntries(FILTERS.map((name) => [name, undefined]));

/** A filter on one thing alone, in the stream. */
export const only = (patch: Patch): Patch => ({ ...noFilters(), view: undefined, open: undefined, ...patch });

addEventListener("popstate", () => {
  address.value = read();
});

/** For links of ours: a plain click goes without loading the page; any other is the browser's. */
export function follow(patch: Patch) {
  return {
    href: href(patch),
    onClick: (event: MouseEvent) => {
      if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      go(patch);
    },
  };
}
