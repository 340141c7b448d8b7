// The request log: what each sent, in which size, what it was answered, and what a fault did to it.
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { address, follow, go, only } from "../lib/address";
import * as api from "../lib/api";
import { Feed } from "../lib/feed";
import { useKeys } from "../lib/keys";
import { resets, summary } from "../lib/live";
import { narrow } from "../lib/media";
import type { RequestEntry } from "../lib/types";
import { bytes, faultWords, lasting, often, plural, statusWords, whole } from "../lib/words";
import { Icon } from "../parts/icon";
import { Missing } from "./row";
import { IconButton, Theirs, Time, Trouble } from "../parts/small";
import { VirtualList, type ListHandle } from "../parts/virtual-list";

const ROW = 36;
const ROW_NARROW = 62;
const RENEW = 1000;

const load = async ({ upto, offset, limit }: { upto: number; offset: number; limit: number }, stop: AbortSignal) => {
  const { requests, total, kept } = await api.requests({ upto, offset, limit }, stop);
  return { items: requests, total: upto - (total - kept) };
};

/** A fault may refuse a request; what it carried is then not kept. */
const isTaken = ({ fault }: RequestEntry): boolean => fault?.drop !== "before" && (fault?.status ?? 200) < 300;

const isOpenEnded = (entry: RequestEntry): boolean => entry.duration === null;

export function Requests() {
  const list = useRef<ListHandle>(null);
  const away = useSignal(false);
  const feed = useMemo(() => new Feed<RequestEntry>(load), []);
  const chosen = Number(address.value.request ?? 0);
  const held = away.value || chosen > 0;
  // An effect runs a moment later: all that it goes by is of one moment.
  const isKnown = summary.value !== null;
  const total = summary.value?.requests ?? 0;
  const begun = useRef(false);
  useEffect(() => {
    begun.current = false;
  }, [resets.value]);
  useEffect(() => {
    if (!isKnown) feed.clear();
    else if (!begun.current || total < feed.last) {
      begun.current = true;
      void feed.start(total).then(() => {
        if (chosen) list.current?.scrollTo(Math.max(0, feed.last - chosen));
      });
    } else if (total > feed.last) {
      feed.arrived({ last: total, matched: total - feed.last, items: [] }, held);
    }
  }, [total, resets.value, isKnown]);
  useEffect(() => {
    if (!held) feed.take();
  }, [held]);
  useKeys(() => ({
    title: "Requests",
    bindings: [
      { keys: ["j", "ArrowDown"], words: "open the next, an older one", run: () => step(-1) },
      { keys: ["k", "ArrowUp"], words: "open the one before, a newer one", run: () => step(1) },
      { keys: ["Escape"], words: "close it", run: () => go({ request: undefined }) },
    ],
  }));
  useEffect(() => {
    const timer = setInterval(() => feed.renew(isOpenEnded), RENEW);
    return () => {
      clearInterval(timer);
      feed.stop();
    };
  }, []);
  const step = (by: number) => {
    const open = Number(address.peek().request ?? 0);
    const next = open ? Math.max(1, Math.min(feed.last, open + by)) : feed.last;
    if (!next) return;
    const index = feed.find((entry) => entry.number === next);
    if (index >= 0) list.current?.scrollTo(index);
    go({ request: next }, { replace: open > 0 });
  };
  void feed.version.value;
  const count = feed.length.value;
  return (
    <div class={chosen ? "requests with-detail" : "requests"}>
      <div class="split">
        <div class="stream">
          <div class="stream-line">
            <h1>Requests</h1>
            <span class="dim">{plural(total, "request")}</span>
            <span class="spacer" />
            {feed.waiting.value > 0 && (
              <button
                type="button"
                class="waiting"
                onClick={() => {
                  feed.take();
                  list.current?.toTop();
                }}
              >
                <Icon name="up" /> {whole(feed.waiting.value)} new
              </button>
            )}
          </div>
          {feed.error.value && <Trouble words={feed.error.value} />}
          {!count && feed.ready.value && <p class="nothing">No request has come yet.</p>}
          <VirtualList
            label="Requests, newest first"
            class="request-list"
            count={count}
            rowHeight={narrow.value ? ROW_NARROW : ROW}
            rowKey={(index) => feed.keyOf(index)}
            row={(index) => <RequestRow entry={feed.at(index)} chosen={chosen} gone={feed.isGone(index)} />}
            onRange={(from, to) => feed.need(from, to)}
            onScroll={(offset) => (away.value = offset > 4)}
            handle={list}
          />
        </div>
        {chosen > 0 && <RequestDetail number={chosen} />}
      </div>
    </div>
  );
}

export function Status({ entry }: { entry: RequestEntry }) {
  if (entry.status === null) {
    const words = entry.duration === null ? "under way" : "no answer";
    return <span class={`status ${entry.duration === null ? "s-open" : "s-lost"}`}>{words}</span>;
  }
  return (
    <span class={`status s-${Math.floor(entry.status / 100)}`} title={statusWords(entry.status)}>
      {entry.status}
    </span>
  );
}

/** How much smaller it was on the wire. */
function packed({ size, inflated }: RequestEntry): string {
  return size && inflated > size ? `${bytes(inflated)}, ${Math.round((1 - size / inflated) * 100)} % less` : "";
}

function RequestRow({ entry, chosen, gone }: { entry: RequestEntry | undefined; chosen: number; gone: boolean }) {
  if (!entry) return <Missing gone={gone} />;
  const isOpen = entry.number === chosen;
  const link = follow({ request: isOpen ? undefined : entry.number });
  return (
    <a class="row request-row" {...link} aria-current={isOpen ? "true" : undefined}>
      <span class="cell-number">{entry.number}</span>
      <span class="cell-time">
        <Time at={entry.receivedAt} />
      </span>
      <span class="cell-status">
        <Status entry={entry} />
      </span>
      <span class="cell-path">
        <span class="title">
          <Theirs>{`${entry.method} ${entry.path}`}</Theirs>
        </span>
        <span class="gist">
          <Theirs>{entry.client ?? ""}</Theirs>
        </span>
      </span>
      <span class="cell-marks">
        {entry.fault && <span class="mark warn">fault</span>}
        {entry.retryCount > 0 && <span class="mark warn">retry {entry.retryCount}</span>}
        {entry.problems.length > 0 && <span class="mark bad">{plural(entry.problems.length, "problem")}</span>}
      </span>
      <span class="cell-messages">{plural(entry.count, "message")}</span>
      <span class="cell-size" title={packed(entry)}>
        {bytes(entry.size)}
        {entry.encoding && <span class="dim"> {entry.encoding}</span>}
      </span>
      <span class="cell-delay">{entry.duration === null ? "–" : lasting(entry.duration * 1000)}</span>
    </a>
  );
}

function RequestDetail({ number }: { number: number }) {
  const entry = useSignal<RequestEntry | null>(null);
  const error = useSignal("");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const stop = new AbortController();
    const refresh = async () => {
      try {
        const { requests } = await api.requests({ number }, stop.signal);
        entry.value = requests[0] ?? null;
        error.value = entry.value ? "" : "This request is no longer kept.";
        if (entry.value?.duration === null) timer = setTimeout(() => void refresh(), RENEW);
      } catch (reason) {
        if (!stop.signal.aborted) error.value = (reason as Error).message;
      }
    };
    void refresh();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [number]);
  const shown = entry.value;
  const close = () => go({ request: undefined });
  return (
    <section class="detail" aria-label="Request" tabIndex={-1}>
      <header class="detail-head">
        <div class="detail-bar">
          <span class="dim">no. {number}</span>
          <span class="spacer" />
          <IconButton icon="close" label="Close" keys="Esc" onClick={close} />
        </div>
        {shown && (
          <h2>
            <Theirs>{`${shown.method} ${shown.path}`}</Theirs>
          </h2>
        )}
      </header>
      {error.value && <Trouble words={error.value} />}
      {shown && (
        <>
          {shown.problems.length > 0 && (
            <div class="callout bad">
              <h3>
                <Icon name="warning" /> {plural(shown.problems.length, "problem")}
              </h3>
              <ul>
                {shown.problems.map((problem, place) => (
                  <li key={place}>
                    <Theirs>{problem}</Theirs>
                  </li>
                ))}
              </ul>
            </div>
          )}
          {shown.fault && (
            <div class="callout">
              <h3>
                <Icon name="warning" /> A fault that was asked for
              </h3>
              <p>{faultWords(shown.fault)}</p>
            </div>
          )}
          <dl class="facts">
            <dt>Answer</dt>
            <dd>
              <Status entry={shown} /> {shown.status !== null && statusWords(shown.status)}
              {shown.duration !== null && <span class="dim"> after {lasting(shown.duration * 1000)}</span>}
            </dd>
            <dt>Arrived</dt>
            <dd>
              <Time at={shown.receivedAt} full />
            </dd>
            {shown.sentAt && (
              <>
                <dt>Sent</dt>
                <dd>
                  <Theirs>{shown.sentAt}</Theirs>
                </dd>
              </>
            )}
            <dt>Messages</dt>
            <dd>
              {whole(shown.count)}{" "}
              {shown.count > 0 && isTaken(shown) && (
                <a {...follow({ ...only({ batch: shown.number }), request: undefined })}>{shown.count > 1 ? "show them" : "show it"}</a>
              )}
              {shown.count > 0 && !isTaken(shown) && <span class="dim">not taken, as the fault has it</span>}
            </dd>
            <dt>Size</dt>
            <dd>
              {bytes(shown.size)} as sent{shown.encoding ? ` (${shown.encoding})` : ", not compressed"}
              <span class="dim"> {packed(shown)}</span>
            </dd>
            <dt>Retries</dt>
            <dd>{shown.retryCount ? `sent ${often(shown.retryCount)} before` : "the first attempt"}</dd>
          </dl>
          <h3 class="section">Headers</h3>
          <dl class="facts mono">
            {Object.entries(shown.headers).map(([name, value]) => [
              <dt key={`${name} name`}>{name}</dt>,
              <dd key={name}>
                <Theirs>{value}</Theirs>
              </dd>,
            ])}
          </dl>
        </>
      )}
    </section>
  );
}
