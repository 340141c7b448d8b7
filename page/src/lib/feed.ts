// A list of what arrives, newest first, of which only what is looked at is held: 100,000 rows cost as much as 1,000.
//
// Rows are known by their rank from the oldest, which an arrival does not change. So a row that was loaded keeps its
// place however much comes above it. What is asked for is bounded by `upto`, the newest that the list knows: the answer
// fits the list even if more came meanwhile. While the list is held, arrivals wait, and are counted; and though the server
// lets go of its oldest events, the list keeps its length, or its end would come up to meet the reader.
import { signal } from "@preact/signals";
import type { Found } from "./api";

const PAGE = 100;
const MOST = 3000;
const NEAR = 500;
const THROTTLE = 40;
const NEWEST = 50;
const RETRY = 1000;

export interface Slice {
  upto: number;
  offset: number;
  limit: number;
}

export type Load<T> = (slice: Slice, signal: AbortSignal) => Promise<Found<T>>;

/** What came: how many, the newest of them (none, or fewer than came, if they are to be loaded), and the last id. */
export interface Arrived<T> {
  last: number;
  matched: number;
  items: T[];
}

export class Feed<T> {
  readonly length = signal(0);
  readonly waiting = signal(0);
  readonly version = signal(0);
  readonly ready = signal(false);
  readonly error = signal("");
  #load: Load<T>;
  #rows = new Map<number, T>();
  #count = 0;
  #gone = 0;
  #cut = 0;
  #upto = 0;
  #pending: Arrived<T> | null = null;
  #asked = new Map<number, AbortController>();
  #seen: [number, number] = [0, 0];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #starting = false;
  #stop = new AbortController();

  constructor(load: Load<T>) {
    this.#load = load;
  }

  /** The newest id that the list knows of, waiting ones included. */
  get last(): number {
    return this.#pending?.last ?? this.#upto;
  }

  /** Begin anew with what there is up to an id. */
  async start(upto: number, load: Load<T> = this.#load): Promise<void> {
    this.stop();
    const stop = (this.#stop = new AbortController());
    this.#load = load;
    this.#upto = upto;
    this.#starting = true;
    this.ready.value = false;
    this.error.value = "";
    try {
      const { items, total } = await load({ upto, offset: 0, limit: PAGE }, stop.signal);
      if (stop.signal.aborted) return;
      this.#rows.clear();
      this.#count = total;
      this.#gone = this.#cut = 0;
      items.forEach((item, place) => this.#rows.set(total - 1 - place, item));
      this.ready.value = true;
      this.#tell();
    } catch (error) {
      if (!stop.signal.aborted) this.error.value = (error as Error).message;
    }
    if (stop.signal.aborted) return;
    this.#starting = false;
    if (!this.waiting.value) this.take();
  }

  /** Load nothing more; what waits is forgotten. */
  stop(): void {
    this.#stop.abort();
    for (const controller of this.#asked.values()) controller.abort();
    this.#asked.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#starting = false;
    this.#pending = null;
    this.waiting.value = 0;
  }

  /** Empty it at once. */
  clear(): void {
    this.stop();
    this.#rows.clear();
    this.#count = this.#gone = this.#cut = 0;
    this.#tell();
  }

  /** Let it wait if `held`, show it if not. The server keeps the newest `kept` of all, so no list can be longer. */
  arrived(what: Arrived<T>, held: boolean, kept = Infinity): void {
    this.#pending = this.#pending === null ? what : join(this.#pending, what);
    this.#gone = Math.max(this.#gone, this.#count + this.#pending.matched - kept);
    if (held) this.waiting.value = this.#pending.matched;
    else this.take();
  }

  /** Show what waits; what came while the list was being loaded, as soon as that is done. */
  take(): void {
    this.waiting.value = 0;
    const came = this.#pending;
    if (came === null || this.#starting) return;
    this.#pending = null;
    this.#upto = came.last;
    if (!came.matched && this.#cut === this.#gone) return;
    this.#cut = this.#gone;
    this.#count += came.matched;
    came.items.forEach((item, place) => this.#rows.set(this.#count - 1 - place, item));
    this.#prune();
    this.#tell();
  }

  /** True where the server keeps the row no longer. */
  isGone(index: number): boolean {
    return this.#count - 1 - index < this.#gone;
  }

  at(index: number): T | undefined {
    return this.#rows.get(this.#count - 1 - index);
  }

  /** What a row is known by, loaded or not, however many come above it. */
  keyOf(index: number): number {
    return this.#count - 1 - index;
  }

  /** Where the first row that fits is, among those at hand; -1 if none is. */
  find(fits: (item: T) => boolean): number {
    for (const [rank, item] of this.#rows) if (fits(item)) return this.#count - 1 - rank;
    return -1;
  }

  /** These rows are looked at: load what is missing of them, soon. */
  need(from: number, to: number): void {
    this.#seen = [from, to];
    this.#timer ??= setTimeout(() => this.#soon(), THROTTLE);
  }

  #soon(): void {
    this.#timer = undefined;
    this.#fetch(() => false);
  }

  /** Load those of the rows in view again that have gone stale. */
  renew(isStale: (item: T) => boolean): void {
    this.#fetch(isStale);
  }

  #fetch(isStale: (item: T) => boolean): void {
    if (!this.ready.value || !this.length.value) return;
    const [from, to] = this.#seen;
    const high = this.#count - 1 - Math.max(0, from);
    const low = Math.max(this.#gone, this.#count - 1 - to);
    const wanted = new Set<number>();
    for (let rank = low; rank <= high; rank++) {
      const item = this.#rows.get(rank);
      if (item === undefined || isStale(item)) wanted.add(Math.floor(rank / PAGE));
    }
    for (const [page, controller] of this.#asked) {
      if (page < Math.floor(low / PAGE) - 1 || page > Math.floor(high / PAGE) + 1) {
        controller.abort();
        this.#asked.delete(page);
      }
    }
    for (const page of wanted) if (!this.#asked.has(page)) void this.#fetchPage(page);
  }

  async #fetchPage(page: number): Promise<void> {
    const controller = new AbortController();
    this.#asked.set(page, controller);
    const count = this.#count;
    const top = Math.min((page + 1) * PAGE, count) - 1;
    const limit = top - page * PAGE + 1;
    try {
      const { items, total } = await this.#load({ upto: this.#upto, offset: count - 1 - top, limit }, controller.signal);
      if (controller.signal.aborted) return;
      items.forEach((item, place) => this.#rows.set(top - place, item));
      // The server keeps the newest: what it no longer has is off the end of the list.
      this.#gone = Math.max(this.#gone, count - total, items.length < limit ? top - items.length + 1 : 0);
      this.#prune();
      this.#tell();
    } catch {
      // The server may be away for a moment; what is still looked at then is asked for again.
      if (!controller.signal.aborted) this.#timer ??= setTimeout(() => this.#soon(), RETRY);
    } finally {
      if (this.#asked.get(page) === controller) this.#asked.delete(page);
    }
  }

  #prune(): void {
    if (this.#rows.size <= MOST) return;
    const [from, to] = this.#seen.map((index) => this.#count - 1 - index) as [number, number];
    for (const rank of this.#rows.keys()) if (rank > from + NEAR || rank < to - NEAR) this.#rows.delete(rank);
  }

  #tell(): void {
    this.length.value = Math.max(0, this.#count - this.#cut);
    this.version.value = this.version.peek() + 1;
  }
}

/** Two arrivals as one; the older items only where no gap lies between. */
function join<T>(older: Arrived<T>, newer: Arrived<T>): Arrived<T> {
  const whole = newer.items.length === newer.matched;
  const items = whole ? [...newer.items, ...older.items].slice(0, NEWEST) : newer.items;
  return { last: newer.last, matched: older.matched + newer.matched, items };
}
