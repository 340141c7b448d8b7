// One person's path, from anonymous to known; and who was here lately, to choose from.
import { useSignal } from "@preact/signals";
import { address, follow, go, openId } from "../lib/address";
import * as api from "../lib/api";
import { useKeys } from "../lib/keys";
import { resets, summary } from "../lib/live";
import { whoOf } from "../lib/message";
import { useRefresh } from "../lib/refresh";
import type { Kept } from "../lib/types";
import { lasting, plural } from "../lib/words";
import { Icon } from "../parts/icon";
import { Ago, PersonLink, Theirs, Trouble } from "../parts/small";
import { close, Detail } from "./detail";
import { EventRow } from "./row";
import { focusSearch } from "./filters";

const STEP = 200;
const LATELY = 500;
const REFRESH = 1500;
const PAUSE = 60_000;

export function People() {
  const id = address.value.id ?? "";
  useKeys(() => ({
    title: "People",
    bindings: [
      { keys: ["/"], words: "look for an id", run: focusSearch },
      { keys: ["Escape"], words: "close the open event", run: close },
    ],
  }));
  return (
    <div class={openId.value ? "people with-detail" : "people"}>
      <div class="split">
        <div class="page">
          <header class="page-head">
            <h1>{id ? <Theirs>{id}</Theirs> : "People"}</h1>
            {!id && <p>One visitor’s path, under all the ids that a message joins: from anonymous to known.</p>}
            <form
              class="page-tools"
              role="search"
              onSubmit={(event) => {
                event.preventDefault();
                const wanted = new FormData(event.currentTarget).get("id");
                go({ id: String(wanted ?? "").trim(), open: undefined });
              }}
            >
              <div class="field search">
                <Icon name="search" />
                <input key={id} id="search" name="id" type="search" aria-label="User or visitor id" placeholder="User or visitor id" defaultValue={id} />
              </div>
              <button type="submit" class="button">
                Show
              </button>
              {id && (
                <a class="link" {...follow({ id: undefined, open: undefined })}>
                  Everyone
                </a>
              )}
            </form>
          </header>
          {id ? <Path key={id} id={id} /> : <Lately />}
        </div>
        {openId.value > 0 && <Detail />}
      </div>
    </div>
  );
}

interface Person {
  id: string;
  known: boolean;
  count: number;
  last: string;
}

function Lately() {
  const people = useSignal<Person[] | null>(null);
  const error = useSignal("");
  useRefresh(REFRESH, async () => {
    try {
      const { items } = await api.events({ limit: LATELY });
      people.value = gather(items);
      error.value = "";
    } catch (reason) {
      error.value = (reason as Error).message;
    }
  }, []);
  if (error.value) return <Trouble words={error.value} />;
  if (!people.value) return null;
  if (!people.value.length) return <p class="nothing">Nobody has been here yet.</p>;
  return (
    <section aria-labelledby="lately">
      <h2 id="lately" class="section">
        Seen lately
      </h2>
      <ul class="person-list">
        {people.value.map((person) => (
          <li key={person.id}>
            <PersonLink id={person.id}>
              <Icon name="person" />
              <Theirs class={person.known ? "title" : "title ours"}>{person.id}</Theirs>
              <span class="dim">{person.known ? "known" : "anonymous"}</span>
              <span class="dim">{plural(person.count, "event")} of the last {LATELY}</span>
              <span class="dim">
                <Ago at={person.last} />
              </span>
            </PersonLink>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Those of the newest events, each by the best id that a message has for them. */
function gather(events: Kept[]): Person[] {
  const userOf = new Map<string, string>();
  for (const event of events) {
    const { user, visitor } = whoOf(event.message);
    if (user && visitor && !userOf.has(visitor)) userOf.set(visitor, user);
  }
  const people = new Map<string, Person>();
  for (const event of events) {
    const { user, visitor } = whoOf(event.message);
    const id = user ?? (visitor && (userOf.get(visitor) ?? visitor));
    if (!id) continue;
    const known = user !== undefined || userOf.has(visitor ?? "");
    const person = people.get(id) ?? { id, known, count: 0, last: event.receivedAt };
    person.count++;
    people.set(id, person);
  }
  return [...people.values()];
}

interface Found {
  ids: string[];
  events: Kept[];
  total: number;
}

function Path({ id }: { id: string }) {
  const limit = useSignal(STEP);
  const found = useSignal<Found | null>(null);
  const error = useSignal("");
  useRefresh(REFRESH, async (stop) => {
    try {
      found.value = await api.person(id, limit.value, 0, stop);
      error.value = "";
    } catch (reason) {
      if (!stop.aborted) error.value = (reason as Error).message;
    }
  }, [id, limit.value, resets.value]);
  if (error.value) return <Trouble words={error.value} />;
  if (!found.value) return null;
  const { ids, events, total } = found.value;
  if (!total) return <p class="nothing">No event of {summary.value?.total ? "those that are kept" : "anyone"} has this id.</p>;
  return (
    <>
      <Ids id={id} ids={ids} events={events} total={total} />
      <ol class="path">
        {events.map((event, place) => (
          <Step key={event.id} event={event} earlier={events.slice(0, place)} before={events[place - 1]} />
        ))}
      </ol>
      {events.length < total && (
        <button type="button" class="button" onClick={() => (limit.value += STEP)}>
          {plural(Math.min(STEP, total - events.length), "later event")} of {total - events.length}
        </button>
      )}
    </>
  );
}

function Ids({ id, ids, events, total }: Found & { id: string }) {
  const users = new Set(events.map((event) => whoOf(event.message).user));
  const first = events[0]!;
  return (
    <dl class="facts person-facts">
      <dt>Ids</dt>
      <dd class="id-list">
        {ids.map((each) => (
          <PersonLink key={each} id={each}>
            <span class={users.has(each) ? "id known" : "id"} aria-current={each === id ? "true" : undefined}>
              <Theirs>{each}</Theirs>
            </span>
          </PersonLink>
        ))}
      </dd>
      <dt>Events</dt>
      <dd>
        {plural(total, "event")}, the first <Ago at={first.receivedAt} />
      </dd>
    </dl>
  );
}

function Step({ event, earlier, before }: { event: Kept; earlier: Kept[]; before: Kept | undefined }) {
  const { user } = whoOf(event.message);
  const known = user !== undefined && !earlier.some((each) => whoOf(each.message).user === user);
  const gap = before ? Date.parse(event.receivedAt) - Date.parse(before.receivedAt) : 0;
  return (
    <>
      {gap > PAUSE && <li class="path-gap">{lasting(gap)} later</li>}
      {known && (
        <li class="path-known">
          <Icon name="person" /> {before ? "became known as" : "known as"} <Theirs class="title">{user}</Theirs>
        </li>
      )}
      <li class={user === undefined ? "path-step anonymous" : "path-step"}>
        <EventRow event={event} />
      </li>
    </>
  );
}
