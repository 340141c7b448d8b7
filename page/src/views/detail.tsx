// One event, opened: what is wrong with it, how it came here, and its JSON.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { address, follow, go, only, openId } from "../lib/address";
import * as api from "../lib/api";
import { parse, print } from "../lib/exact";
import { useKeys } from "../lib/keys";
import { resets } from "../lib/live";
import { delayOf, fields, nameOf, titleOf, typeOf, whoOf } from "../lib/message";
import { narrow } from "../lib/media";
import type { Kept, RequestEntry } from "../lib/types";
import { bytes, delayed, lasting, often, plural, statusWords } from "../lib/words";
import { Icon } from "../parts/icon";
import { Ago, Copy, EventLink, IconButton, PersonLink, Theirs, Time, toClipboard, Trouble, TypeMark } from "../parts/small";
import { Tree } from "../parts/tree";

export const close = (): void => go({ open: undefined });

export function Detail({ step }: { step?: (by: number) => void }) {
  const id = openId.value;
  const event = useSignal<Kept | null>(null);
  const error = useSignal("");
  useEffect(() => {
    const stop = new AbortController();
    error.value = "";
    api
      .eventText(id, stop.signal)
      .then((text) => {
        const found = (parse(text) as { events: Kept[] }).events[0];
        event.value = found ?? null;
        if (!found) error.value = "This event is no longer kept.";
      })
      .catch((reason: Error) => {
        if (stop.signal.aborted) return;
        event.value = null;
        error.value = reason.message;
      });
    return () => stop.abort();
  }, [id, resets.value]);
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    box.current?.scrollTo({ top: 0 });
    // On a phone it covers the list: the focus goes with the eye.
    if (narrow.value) box.current?.focus();
  }, [id]);
  useEffect(
    () => () => {
      if (narrow.value) document.querySelector<HTMLElement>(`[data-id="${id}"]`)?.focus({ preventScroll: true });
    },
    [id],
  );
  const shown = event.value;
  return (
    <section ref={box} class="detail" aria-label="Event" tabIndex={-1}>
      <header class="detail-head">
        <div class="detail-bar">
          <TypeMark type={shown ? typeOf(shown.message) : "track"} />
          <span class="spacer" />
          {step && (
            <>
              <IconButton icon="left" label="Newer event" keys="k" class="turn-up" onClick={() => step(-1)} />
              <IconButton icon="right" label="Older event" keys="j" class="turn-up" onClick={() => step(1)} />
            </>
          )}
          <IconButton icon="close" label="Close" keys="Esc" onClick={close} />
        </div>
        {shown && (
          <h2>
            <Theirs>{titleOf(shown.message).text}</Theirs>
          </h2>
        )}
      </header>
      {error.value && <Trouble words={error.value} />}
      {shown && <Body event={shown} />}
    </section>
  );
}

function Body({ event }: { event: Kept }) {
  return (
    <>
      <Problems event={event} />
      <Facts event={event} />
      <Json value={event.message} />
    </>
  );
}

function Problems({ event }: { event: Kept }) {
  const { messageId } = fields(event.message);
  return (
    <>
      {!event.valid && (
        <div class="callout bad">
          <h3>
            <Icon name="warning" /> {plural(event.problems.length, "problem")}
          </h3>
          <ul>
            {event.problems.map((problem, place) => (
              <li key={place}>
                <Theirs>{problem}</Theirs>
              </li>
            ))}
          </ul>
        </div>
      )}
      {event.duplicate && (
        <div class="callout">
          <h3>
            <Icon name="repeat" /> A duplicate
          </h3>
          <p>
            A message with this messageId came before; Segment would keep the first.{" "}
            {typeof messageId === "string" && <a {...follow(only({ text: messageId, open: event.id }))}>Show them all</a>}
          </p>
        </div>
      )}
    </>
  );
}

function Facts({ event }: { event: Kept }) {
  // Undefined until it is known. A file of events outlives the server's log of requests, whose numbers then begin anew.
  const request = useSignal<RequestEntry | null | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    request.value = undefined;
    api
      .requests({ number: event.batch }, stop.signal)
      .then(({ requests }) => (request.value = requests.find((entry) => entry.receivedAt === event.receivedAt) ?? null))
      .catch(() => {
        if (!stop.signal.aborted) request.value = null;
      });
    return () => stop.abort();
  }, [event.batch, event.receivedAt]);
  const { messageId, timestamp, originalTimestamp, previousId, groupId, context } = fields(event.message);
  const who = whoOf(event.message);
  const name = nameOf(event.message);
  const { name: library, version } = fields(fields(context).library);
  const called = typeof originalTimestamp === "string" ? originalTimestamp : typeof timestamp === "string" ? timestamp : undefined;
  return (
    <dl class="facts">
      {name !== undefined && (
        <Fact name="Name">
          <EventLink name={name} type={typeOf(event.message)} />
        </Fact>
      )}
      {who.user !== undefined && (
        <Fact name="User">
          <PersonLink id={who.user} />
        </Fact>
      )}
      {who.visitor !== undefined && (
        <Fact name="Visitor">
          <PersonLink id={who.visitor} />
        </Fact>
      )}
      {typeof previousId === "string" && (
        <Fact name="Before">
          <PersonLink id={previousId} />
        </Fact>
      )}
      {typeof groupId === "string" && (
        <Fact name="Group">
          <Theirs>{groupId}</Theirs>
        </Fact>
      )}
      <Fact name="Arrived">
        <Time at={event.receivedAt} full /> <span class="dim"><Ago at={event.receivedAt} /></span>
      </Fact>
      {called !== undefined && (
        <Fact name="Called">
          <Time at={called} full />
        </Fact>
      )}
      <Fact name="Delay">
        {delayed(delayOf(event))}
        <Waits event={event} called={called} sent={request.value?.sentAt ?? undefined} />
      </Fact>
      <Fact name="Request">
        {request.value === null ? (
          <span class="dim">no. {event.batch}, no longer in the log</span>
        ) : (
          <>
            <a {...follow({ view: "requests", request: event.batch, open: undefined })}>no. {event.batch}</a>
            <span class="dim">{request.value ? ` ${requestWords(request.value)}` : ""}</span>{" "}
            <a {...follow(only({ batch: event.batch, open: event.id }))}>its events</a>
          </>
        )}
      </Fact>
      {event.retry > 0 && <Fact name="Retries">{`sent ${often(event.retry)} before`}</Fact>}
      {typeof messageId === "string" && (
        <Fact name="messageId">
          <Theirs class="mono">{messageId}</Theirs>
        </Fact>
      )}
      {typeof library === "string" && (
        <Fact name="Library">
          <Theirs>{typeof version === "string" ? `${library} ${version}` : library}</Theirs>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** Where the time went: in the client's queue, or on the way. */
function Waits({ event, called, sent }: { event: Kept; called: string | undefined; sent: string | undefined }) {
  const queued = Date.parse(sent ?? "") - Date.parse(called ?? "");
  const way = Date.parse(event.receivedAt) - Date.parse(sent ?? "");
  if (Number.isNaN(queued) || Number.isNaN(way) || queued < 0 || way < 0) return null;
  return <span class="dim">{` ${lasting(queued)} in the client, ${lasting(way)} on the way`}</span>;
}

function requestWords(request: RequestEntry): string {
  const parts = [plural(request.count, "message"), bytes(request.size)];
  if (request.encoding) parts.push(request.encoding);
  parts.push(request.status === null ? "no answer" : `${request.status} ${statusWords(request.status)}`);
  return parts.join(", ");
}

function Json({ value }: { value: unknown }) {
  const isRaw = address.value.raw === "1";
  const text = () => print(value);
  const show = (raw: boolean) => go({ raw: raw ? "1" : undefined }, { replace: true });
  useKeys(
    () => ({
      title: "An open event",
      bindings: [
        { keys: ["r"], words: "raw JSON, or the tree", run: () => show(address.value.raw !== "1") },
        { keys: ["c"], words: "copy the JSON", run: () => void toClipboard(text()) },
        { keys: ["Escape"], words: "close it", run: close },
      ],
    }),
    [value],
  );
  return (
    <div class="json">
      <div class="json-bar">
        <div class="switch" role="group" aria-label="How to show the JSON">
          <button type="button" aria-pressed={!isRaw} onClick={() => show(false)}>
            Readable
          </button>
          <button type="button" aria-pressed={isRaw} onClick={() => show(true)}>
            Raw
          </button>
        </div>
        <Copy text={text} label="Copy JSON" />
      </div>
      {isRaw ? (
        <pre class="raw" tabIndex={0} aria-label="Raw JSON">
          {text()}
        </pre>
      ) : (
        <Tree value={value} />
      )}
    </div>
  );
}

