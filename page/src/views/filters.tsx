// What narrows the stream: words, a name, a person, validity, a time. The types are the chart's legend.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { address, FILTERS, filters, go, noFilters, type Patch } from "../lib/address";
import * as api from "../lib/api";
import { byType } from "../lib/live";
import { narrow } from "../lib/media";
import { ALL_TYPES, UNTYPED, type Name } from "../lib/types";
import { moment, whole } from "../lib/words";
import { Icon } from "../parts/icon";
import { Kbd, typeClass } from "../parts/small";

const TYPING = 250;
const SPANS: [string, number][] = [
  ["the last minute", 60],
  ["the last 5 minutes", 300],
  ["the last 15 minutes", 900],
  ["the last hour", 3600],
  ["the last day", 86_400],
];

export function Types() {
  const chosen = (address.value.type ?? "").split(",").filter(Boolean);
  const toggle = (type: string) => {
    const next = chosen.includes(type) ? chosen.filter((each) => each !== type) : [...chosen, type];
    go({ type: ALL_TYPES.filter((each) => next.includes(each)).join(",") });
  };
  return (
    <div class="types" role="group" aria-label="Types of message">
      {ALL_TYPES.filter((type) => type !== UNTYPED || byType.value[type] || chosen.includes(type)).map((type) => (
        <button
          key={type}
          type="button"
          class={`type-toggle ${typeClass(type)}`}
          aria-pressed={chosen.includes(type)}
          onClick={() => toggle(type)}
        >
          <span class="swatch" aria-hidden="true" />
          {type === UNTYPED ? "unknown" : type} <span class="count">{whole(byType.value[type] ?? 0)}</span>
        </button>
      ))}
    </div>
  );
}

export function Filters() {
  const isOpen = useSignal(false);
  const given = FILTERS.filter((name) => filters.value[name] !== undefined && name !== "text" && name !== "type");
  const all = !narrow.value || isOpen.value;
  return (
    <form class="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <div class="field search">
        <Icon name="search" />
        <Typed name="text" label="Search all text" placeholder="Search all text" id="search" />
        {!narrow.value && <Kbd>/</Kbd>}
      </div>
      {narrow.value && (
        <button type="button" class="quiet" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
          <Icon name="filter" /> Filters{given.length ? ` · ${given.length}` : ""}
        </button>
      )}
      {all && (
        <>
          <EventName />
          <div class="field">
            <Typed name="user" label="User or visitor" placeholder="User or visitor id" />
          </div>
          <Validity />
          <Span />
        </>
      )}
      <Chips />
      {Object.keys(filters.value).length > 0 && (
        <button type="button" class="link clear-filters" onClick={() => go(noFilters())}>
          Clear filters
        </button>
      )}
    </form>
  );
}

function Typed(props: { name: string; label: string; placeholder: string; id?: string; list?: string }) {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const box = useRef<HTMLInputElement>(null);
  const value = address.value[props.name] ?? "";
  useEffect(() => {
    // What the address says, unless it is what is being typed here.
    if (box.current && document.activeElement !== box.current) box.current.value = value;
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const set = (text: string) => {
    clearTimeout(timer.current);
    go({ [props.name]: text }, { replace: true });
  };
  const setSoon = (text: string) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => set(text), TYPING);
  };
  return (
    <input
      ref={box}
      id={props.id}
      type="search"
      list={props.list}
      aria-label={props.label}
      placeholder={props.placeholder}
      autocomplete="off"
      autocapitalize="off"
      spellcheck={false}
      defaultValue={value}
      onInput={(event) => setSoon(event.currentTarget.value)}
      onChange={(event) => set(event.currentTarget.value)}
    />
  );
}

function EventName() {
  const names = useSignal<Name[]>([]);
  const refresh = async () => {
    try {
      names.value = await api.names();
    } catch {
      // Without suggestions a name can be typed.
    }
  };
  const known = [...new Set(names.value.map((name) => name.event))].slice(0, 300);
  return (
    <div class="field" onFocusIn={() => void refresh()}>
      <Typed name="event" label="Event name" placeholder="Event name" list="event-names" />
      <datalist id="event-names">
        {known.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </div>
  );
}

const VALIDITY: [string, Patch][] = [
  ["all", { valid: undefined, duplicate: undefined }],
  ["valid", { valid: "true", duplicate: undefined }],
  ["with problems", { valid: "false", duplicate: undefined }],
  ["duplicates", { valid: undefined, duplicate: "true" }],
];

function Validity() {
  const { valid, duplicate } = address.value;
  const chosen = duplicate === "true" ? "duplicates" : valid === "false" ? "with problems" : valid === "true" ? "valid" : "all";
  return (
    <div class="field">
      <select
        aria-label="Validity"
        value={chosen}
        onChange={(event) => go(VALIDITY.find(([name]) => name === event.currentTarget.value)![1])}
      >
        {VALIDITY.map(([name]) => (
          <option key={name} value={name}>
            {name === "all" ? "valid or not" : name}
          </option>
        ))}
      </select>
    </div>
  );
}

function Span() {
  const choose = (value: string) => {
    const span = SPANS.find(([words]) => words === value);
    if (span) go({ since: new Date(Date.now() - span[1] * 1000).toISOString(), until: undefined });
    else if (value === "all") go({ since: undefined, until: undefined });
    else if (value === "own") {
      const start = new Date(Date.now() - 600_000);
      go({ since: new Date(start.getTime() - (start.getTime() % 60_000)).toISOString() });
    }
  };
  const { since, until } = address.value;
  const isGiven = Boolean(since || until);
  return (
    <>
      <div class="field">
        <select aria-label="Time" value={isGiven ? "own" : "all"} onChange={(event) => choose(event.currentTarget.value)}>
          <option value="all">any time</option>
          {SPANS.map(([words]) => (
            <option key={words} value={words}>
              {words}
            </option>
          ))}
          <option value="own">from … to …</option>
        </select>
      </div>
      {isGiven && (
        <div class="field span">
          <TimeInput name="since" label="From" />
          <span aria-hidden="true">–</span>
          <TimeInput name="until" label="To" />
        </div>
      )}
    </>
  );
}

function TimeInput({ name, label }: { name: string; label: string }) {
  const value = address.value[name];
  return (
    <input
      type="datetime-local"
      step="1"
      aria-label={label}
      value={value ? localOf(value) : ""}
      onChange={(event) => {
        const text = event.currentTarget.value;
        go({ [name]: text ? new Date(text).toISOString() : undefined });
      }}
    />
  );
}

/** As the input wants it: local time, no zone. */
function localOf(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** What has no field of its own. */
function Chips() {
  const { batch, since, until } = filters.value;
  return (
    <>
      {batch && (
        <button type="button" class="chip" onClick={() => go({ batch: undefined })}>
          of request {batch} <Icon name="close" />
        </button>
      )}
      {narrow.value && (since || until) && (
        <button type="button" class="chip" onClick={() => go({ since: undefined, until: undefined })}>
          {since ? `from ${moment(since)}` : `to ${moment(until!)}`} <Icon name="close" />
        </button>
      )}
    </>
  );
}

export function focusSearch(): void {
  document.getElementById("search")?.focus();
}
