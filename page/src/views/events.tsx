// The stream: numbers, chart and filters over the list, and the open event beside it.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { filters, go, noFilters, openId } from "../lib/address";
import { useKeys } from "../lib/keys";
import { feed, paused, pointing, scrolled, summary } from "../lib/live";
import { narrow } from "../lib/media";
import { plural, whole } from "../lib/words";
import { Chart } from "../parts/chart";
import { Icon } from "../parts/icon";
import { Kbd, Trouble } from "../parts/small";
import { VirtualList, type ListHandle } from "../parts/virtual-list";
import { Detail } from "./detail";
import { NothingFits, NothingYet } from "./empty";
import { Filters, focusSearch, Types } from "./filters";
import { EventRow } from "./row";

const ROW = 36;
const ROW_NARROW = 62;
const AT_TOP = 4;
const POINTER_RESTS = 1500;

export function togglePause(): void {
  paused.value = !paused.value;
}

export function Events() {
  const list = useRef<ListHandle>(null);
  const place = useSignal(-1);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      pointing.value = scrolled.value = false;
    },
    [],
  );
  const point = () => {
    pointing.value = true;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => (pointing.value = false), POINTER_RESTS);
  };
  const step = (by: number) => {
    const found = feed.find((event) => event.id === openId.value);
    const from = found >= 0 ? found : place.value;
    const next = openId.value ? Math.max(0, Math.min(feed.length.value - 1, from + by)) : 0;
    const event = feed.at(next);
    if (!event) return;
    place.value = next;
    list.current?.scrollTo(next);
    go({ open: event.id }, { replace: openId.value > 0 });
  };
  useKeys(() => ({
    title: "The stream",
    bindings: [
      { keys: ["j", "ArrowDown"], words: "open the next event, an older one", run: () => step(1) },
      { keys: ["k", "ArrowUp"], words: "open the one before, a newer one", run: () => step(-1) },
      { keys: ["p", " "], words: "pause, resume", run: togglePause },
      { keys: ["n"], words: "show what waits, at the top", run: () => top(list.current) },
      { keys: ["/"], words: "search", run: focusSearch },
      { keys: ["x"], words: "clear the filters", run: () => go(noFilters()) },
    ],
  }));
  return (
    <div class={openId.value ? "events with-detail" : "events"}>
      <h1 class="unseen">Events</h1>
      <div class="events-head">
        <Numbers />
        <Chart />
        <Types />
      </div>
      <Filters />
      <div class="split">
        <div class="stream">
          <Waiting list={list} />
          <Stream list={list} point={point} />
        </div>
        {openId.value > 0 && <Detail step={step} />}
      </div>
    </div>
  );
}

function top(list: ListHandle | null): void {
  feed.take();
  list?.toTop();
}

function Numbers() {
  const counts = summary.value;
  return (
    <dl class="numbers">
      <div>
        <dt>{counts?.total === 1 ? "event" : "events"}</dt>
        <dd>{whole(counts?.total ?? 0)}</dd>
      </div>
      <div class={counts?.invalid ? "bad" : ""}>
        <dt>with problems</dt>
        <dd>{whole(counts?.invalid ?? 0)}</dd>
      </div>
      <div>
        <dt>{counts?.duplicates === 1 ? "duplicate" : "duplicates"}</dt>
        <dd>{whole(counts?.duplicates ?? 0)}</dd>
      </div>
    </dl>
  );
}

/** The line over the list: how much there is, and what came that is not shown. */
function Waiting({ list }: { list: { current: ListHandle | null } }) {
  const waits = feed.waiting.value;
  const isFiltered = Object.keys(filters.value).length > 0;
  const because = paused.value ? "paused" : openId.value ? "held while an event is open" : scrolled.value ? "held while you read" : "live";
  return (
    <div class="stream-line">
      <span class={`state ${because === "live" ? "state-live" : "state-held"}`} data-state={because === "live" ? "live" : "held"}>
        <span class="dot" aria-hidden="true" /> {because}
      </span>
      <span class="dim" data-testid="length">
        {plural(feed.length.value, "event")}
        {isFiltered ? " found" : ""}
      </span>
      <span class="spacer" />
      <span class="hint">
        <span>
          <Kbd>j</Kbd> <Kbd>k</Kbd> open
        </span>
        <span>
          <Kbd>p</Kbd> pause
        </span>
        <span>
          <Kbd>?</Kbd> all keys
        </span>
      </span>
      {waits > 0 && (
        <button type="button" class="waiting" onClick={() => top(list.current)}>
          <Icon name="up" /> {whole(waits)} new
        </button>
      )}
      <button type="button" class="quiet pause" aria-pressed={paused.value} title="Pause or resume (p)" onClick={togglePause}>
        <Icon name={paused.value ? "play" : "pause"} /> {paused.value ? "Resume" : "Pause"}
      </button>
    </div>
  );
}

function Stream({ list, point }: { list: { current: ListHandle | null }; point: () => void }) {
  void feed.version.value;
  const count = feed.length.value;
  const isFiltered = Object.keys(filters.value).length > 0;
  useEffect(() => {
    // A list that begins anew begins at its top.
    list.current?.toTop();
    scrolled.value = false;
  }, [filters.value]);
  if (feed.error.value) return <Trouble words={feed.error.value} />;
  if (!count && feed.ready.value) return isFiltered && summary.value?.total ? <NothingFits /> : <NothingYet />;
  return (
    <VirtualList
      label="Events, newest first"
      class="event-list"
      count={count}
      rowHeight={narrow.value ? ROW_NARROW : ROW}
      rowKey={(index) => feed.keyOf(index)}
      row={(index) => <EventRow event={feed.at(index)} gone={feed.isGone(index)} />}
      onRange={(from, to) => feed.need(from, to)}
      onScroll={(offset) => (scrolled.value = offset > AT_TOP)}
      onPointerMove={point}
      handle={list}
    />
  );
}
