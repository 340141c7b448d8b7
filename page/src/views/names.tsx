// The names of events: how often, when first and last, and which properties of which types each carried.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { address, follow, go, only } from "../lib/address";
import * as api from "../lib/api";
import { useRefresh } from "../lib/refresh";
import type { Name } from "../lib/types";
import { plural, whole } from "../lib/words";
import { Icon } from "../parts/icon";
import { Ago, Theirs, Trouble, TypeMark } from "../parts/small";

const REFRESH = 2000;

type Order = "count" | "event" | "last";
const ORDERS: Record<Order, (a: Name, b: Name) => number> = {
  count: (a, b) => b.count - a.count,
  event: (a, b) => a.event.localeCompare(b.event),
  last: (a, b) => b.lastSeen.localeCompare(a.lastSeen),
};

export function Names() {
  const names = useSignal<Name[] | null>(null);
  const error = useSignal("");
  useRefresh(REFRESH, async () => {
    try {
      names.value = await api.names();
      error.value = "";
    } catch (reason) {
      error.value = (reason as Error).message;
    }
  });
  const wanted = (address.value.q ?? "").toLowerCase();
  const order = (address.value.order ?? "count") as Order;
  const all = names.value ?? [];
  const shown = all.filter((name) => name.event.toLowerCase().includes(wanted)).sort(ORDERS[order] ?? ORDERS.count);
  // While one is read the others stay where they are, and new ones come after them.
  const places = useRef(new Map<string, number>());
  if (address.value.name) shown.sort((a, b) => placeOf(places.current, a) - placeOf(places.current, b));
  else places.current = new Map(shown.map((name, place) => [keyOf(name), place]));
  return (
    <div class="page names">
      <header class="page-head">
        <h1>Names</h1>
        <p>
          {names.value ? plural(all.length, "name") : "…"} of tracked events, pages and screens, with the properties that came with each
          since the start or the last reset.
        </p>
        <div class="page-tools">
          <div class="field search">
            <Icon name="search" />
            <input
              type="search"
              id="search"
              aria-label="Search names"
              placeholder="Search names"
              value={address.value.q ?? ""}
              onInput={(event) => go({ q: event.currentTarget.value }, { replace: true })}
            />
          </div>
          <div class="switch" role="group" aria-label="Order">
            {(["count", "event", "last"] as const).map((each) => (
              <button
                key={each}
                type="button"
                aria-pressed={order === each}
                onClick={() => go({ order: each === "count" ? undefined : each }, { replace: true })}
              >
                {{ count: "Most frequent", event: "By name", last: "Latest" }[each]}
              </button>
            ))}
          </div>
        </div>
      </header>
      {error.value && <Trouble words={error.value} />}
      {names.value && !all.length && <p class="nothing">No event has had a name yet.</p>}
      {all.length > 0 && !shown.length && <p class="nothing">No name has “{address.value.q}” in it.</p>}
      <ul class="name-list">
        {shown.map((name) => (
          <NameItem key={keyOf(name)} name={name} />
        ))}
      </ul>
    </div>
  );
}

const keyOf = ({ type, event }: Name): string => `${type}:${event}`;

const placeOf = (places: Map<string, number>, name: Name): number => places.get(keyOf(name)) ?? places.size;

function NameItem({ name }: { name: Name }) {
  const key = keyOf(name);
  const isOpen = address.value.name === key;
  const properties = Object.entries(name.properties);
  return (
    <li class={isOpen ? "name open" : "name"}>
      <button type="button" class="name-row" aria-expanded={isOpen} onClick={() => go({ name: isOpen ? undefined : key }, { replace: true })}>
        <Icon name="right" />
        <Theirs class="title">{name.event}</Theirs>
        <TypeMark type={name.type} />
        <span class="name-count">
          {whole(name.count)}
          {name.invalid > 0 && <span class="mark bad">{whole(name.invalid)} with problems</span>}
        </span>
        <span class="name-times">
          <span>
            last <Ago at={name.lastSeen} />
          </span>
          <span class="dim">
            first <Ago at={name.firstSeen} />
          </span>
        </span>
        <span class="name-properties dim">{plural(properties.length, "property", "properties")}</span>
      </button>
      {isOpen && (
        <div class="name-open">
          {properties.length ? <Properties name={name} /> : <p class="dim">It never carried a property.</p>}
          <p>
            <a {...follow({ ...only({ event: name.event, type: name.type }), name: undefined })}>Show its events</a>
          </p>
        </div>
      )}
    </li>
  );
}

function Properties({ name }: { name: Name }) {
  const rows = Object.entries(name.properties).map(([key, kinds]) => {
    const count = Object.values(kinds).reduce((sum, each) => sum + each, 0);
    return { key, kinds: Object.entries(kinds).sort((a, b) => b[1] - a[1]), count };
  });
  rows.sort((a, b) => b.count - a.count || a.key.localeCompare(b.key));
  return (
    <table class="properties">
      <thead>
        <tr>
          <th scope="col">property</th>
          <th scope="col">type</th>
          <th scope="col">carried by</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ key, kinds, count }) => (
          <tr key={key}>
            <th scope="row">
              <Theirs>{key}</Theirs>
            </th>
            <td>
              {kinds.map(([kind, times]) => (
                <span key={kind} class={`kind kind-${kind}`}>
                  {kind}
                  {kinds.length > 1 && <span class="dim"> {whole(times)}</span>}
                </span>
              ))}
              {kinds.filter(([kind]) => kind !== "null").length > 1 && <span class="mark warn">mixed types</span>}
            </td>
            <td>
              <span class="bar" aria-hidden="true">
                <span style={{ width: `${Math.min(100, (count / name.count) * 100)}%` }} />
              </span>
              {share(count, name.count)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function share(count: number, all: number): string {
  if (count >= all) return "all";
  return `${Math.max(1, Math.min(99, Math.round((count / all) * 100)))} %`;
}
