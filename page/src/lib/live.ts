// The connection to `/_/stream`: numbers for the head of the page, and what arrives for the list of events.
import { batch, computed, effect, signal } from "@preact/signals";
import { filters, openId, view, type Address } from "./address";
import * as api from "./api";
import { Feed, type Load } from "./feed";
import type { Frame, Kept, Summary } from "./types";

const RETRY = 2000;
const CHART_SECONDS = 300;
const FEW = 12;

export const connected = signal(false);
export const summary = signal<Summary | null>(null);
export const byType = signal<Record<string, number>>({});
export const armed = signal(0);
export const heldAnswers = signal(0);
/** Events by type of each second; the same map, filled further: `version` tells. */
export const seconds = { counts: new Map<number, Record<string, number>>(), version: signal(0) };
/** Goes up with each change at the server, whatever it is. */
export const changes = signal(0);
/** Goes up when the server forgot everything. */
export const resets = signal(0);

/** So few arrive at a time that each can be marked as new. */
export const trickles = signal(true);

/** The reader stopped the list. */
export const paused = signal(false);
/** The reader is elsewhere than at its top. */
export const scrolled = signal(false);
/** The reader's pointer moves over it: a row that slips away from under it is the wrong one to click. */
export const pointing = signal(false);

export const held = computed(
  () => paused.value || (view.value === "events" && (scrolled.value || pointing.value || openId.value > 0)),
);

const load =
  (wanted: Address): Load<Kept> =>
  (slice, stop) =>
    api.events({ ...wanted, ...slice }, stop);

export const feed = new Feed<Kept>(load({}));

let source: EventSource | undefined;
let again: ReturnType<typeof setTimeout> | undefined;
// One after the other: what came while a gap was filled must not overtake it.
let turn: Promise<void> = Promise.resolve();
let known = false;

function connect(wanted: Address): void {
  disconnect();
  const opened = (source = new EventSource(`/_/stream?${api.query(wanted)}`));
  let first = true;
  opened.addEventListener("open", () => {
    first = true;
    connected.value = true;
  });
  opened.addEventListener("change", (event) => {
    const frame = JSON.parse(event.data as string) as Frame;
    const isFirst = first;
    first = false;
    turn = turn.then(() => (source === opened ? take(frame, isFirst, wanted) : undefined));
  });
  opened.addEventListener("reset", () => {
    turn = turn.then(() => (source === opened ? forget() : undefined));
  });
  opened.addEventListener("error", () => {
    connected.value = false;
    // A refusal ends it for good, as that of a filter which the server does not understand: the list tells of that.
    if (opened.readyState === EventSource.CLOSED) {
      if (!known) void feed.start(Number.MAX_SAFE_INTEGER, load(wanted));
      again = setTimeout(() => connect(wanted), RETRY);
    }
  });
}

function disconnect(): void {
  clearTimeout(again);
  source?.close();
  source = undefined;
}

async function take(frame: Frame, first: boolean, wanted: Address): Promise<void> {
  const isOther = frame.last < feed.last || frame.summary.total < (summary.value?.total ?? 0);
  batch(() => {
    summary.value = frame.summary;
    byType.value = frame.types;
    armed.value = frame.faults;
    heldAnswers.value = frame.held;
    trickles.value = frame.matched <= FEW;
    chart(frame, first);
    changes.value = changes.peek() + 1;
  });
  if (first && (!known || isOther || !feed.ready.value)) {
    known = true;
    await feed.start(frame.last, load(wanted));
  } else if (first) {
    if (frame.last > feed.last) await catchUp(frame.last, wanted);
  } else {
    feed.arrived({ last: frame.last, matched: frame.matched, items: frame.events }, held.peek(), frame.kept);
  }
}

/** What came while there was no connection. */
async function catchUp(last: number, wanted: Address): Promise<void> {
  try {
    const { items, total } = await api.events({ ...wanted, after: feed.last, upto: last, limit: 50 });
    feed.arrived({ last, matched: total, items }, held.peek());
  } catch {
    await feed.start(last, load(wanted));
  }
}

function chart(frame: Frame, first: boolean): void {
  if (first) seconds.counts.clear();
  for (const [second, counts] of Object.entries(frame.seconds)) seconds.counts.set(Number(second), counts);
  for (const second of seconds.counts.keys()) {
    if (seconds.counts.size <= CHART_SECONDS) break;
    seconds.counts.delete(second);
  }
  seconds.version.value = seconds.version.peek() + 1;
}

function forget(): void {
  seconds.counts.clear();
  summary.value = null;
  feed.clear();
  feed.ready.value = true;
  resets.value = resets.peek() + 1;
}

/** Follow the address's filters for as long as the page is open; not while it is hidden, since browsers open six connections. */
export function listen(): void {
  const visible = signal(document.visibilityState !== "hidden");
  document.addEventListener("visibilitychange", () => {
    visible.value = document.visibilityState !== "hidden";
  });
  let before: Address | undefined;
  effect(() => {
    const wanted = filters.value;
    if (wanted !== before) {
      known = false;
      turn = Promise.resolve();
      before = wanted;
    }
    if (visible.value) connect(wanted);
    else disconnect();
  });
  effect(() => {
    if (!held.value) feed.take();
  });
}
