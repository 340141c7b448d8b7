// The frame around every view: where one can go, whether the connection stands, and what concerns all of it.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { follow, go, view, VIEWS, type View } from "./lib/address";
import * as api from "./lib/api";
import { useFrameKeys } from "./lib/keys";
import { armed, connected, heldAnswers, resets, summary } from "./lib/live";
import { dark, toggleTheme } from "./lib/theme";
import type { About } from "./lib/types";
import { plural, whole } from "./lib/words";
import { Dialog } from "./parts/dialog";
import { Icon } from "./parts/icon";
import { IconButton } from "./parts/small";
import { Events } from "./views/events";
import { Faults } from "./views/faults";
import { Help } from "./views/help";
import { Names } from "./views/names";
import { People } from "./views/people";
import { Requests } from "./views/requests";

const TITLES: Record<View, string> = { events: "Events", names: "Names", people: "People", requests: "Requests", faults: "Faults" };
const BODIES: Record<View, () => preact.JSX.Element> = { events: Events, names: Names, people: People, requests: Requests, faults: Faults };

export function App() {
  const help = useSignal(false);
  const forgetting = useSignal(false);
  const here = view.value;
  useEffect(() => {
    document.title = `${TITLES[here]} · Local Segment`;
  }, [here]);
  useFrameKeys(() => ({
    title: "Everywhere",
    bindings: [
      ...VIEWS.map((each, place) => ({ keys: [String(place + 1)], words: TITLES[each].toLowerCase(), run: () => to(each) })),
      { keys: ["t"], words: "dark or light", run: toggleTheme },
      { keys: ["?"], words: "these keys", run: () => (help.value = true) },
    ],
  }));
  const Body = BODIES[here];
  return (
    <>
      <header class="top">
        <a class="brand" {...follow({ view: undefined, open: undefined })}>
          <img src="/_/page/favicon.svg" alt="" width="22" height="22" />
          <span>Local Segment</span>
        </a>
        <nav aria-label="Views">
          {VIEWS.map((each) => (
            <a key={each} {...follow(toView(each))} aria-current={each === here ? "page" : undefined}>
              {TITLES[each]}
              {each === "faults" && armed.value > 0 && <span class="badge">{whole(armed.value)}</span>}
            </a>
          ))}
        </nav>
        <span class="spacer" />
        <Connection />
        <IconButton icon="trash" label="Forget everything" onClick={() => (forgetting.value = true)} />
        <IconButton icon={dark.value ? "sun" : "moon"} label={dark.value ? "Light" : "Dark"} keys="t" onClick={toggleTheme} />
        <IconButton icon="help" label="Keys" keys="?" onClick={() => (help.value = true)} />
      </header>
      <main>
        <Body />
      </main>
      {help.value && <Help onClose={() => (help.value = false)} />}
      {forgetting.value && <Forget onClose={() => (forgetting.value = false)} />}
    </>
  );
}

const toView = (each: View) => ({ view: each === "events" ? undefined : each, open: undefined });

const to = (each: View): void => go(toView(each));

/** Says so when what is shown may be old; else what is at the other end. */
function Connection() {
  const about = useSignal<About | null>(null);
  useEffect(() => {
    api.about().then(
      (found) => (about.value = found),
      () => undefined,
    );
  }, [connected.value, resets.value]);
  if (!connected.value && summary.value) {
    return (
      <span class="connection lost" role="status">
        <span class="dot" aria-hidden="true" /> not connected
      </span>
    );
  }
  const facts = [location.host];
  if (about.value?.strict) facts.push("strict");
  if (about.value?.plan) facts.push("with a plan");
  if (about.value?.db) facts.push(about.value.db.split("/").at(-1)!);
  return (
    <span class="connection" role="status">
      {heldAnswers.value > 0 && <span class="mark warn">{plural(heldAnswers.value, "answer")} held</span>}
      <span title={about.value ? `segment-gevent ${about.value.version}, keeps ${whole(about.value.capacity)} events` : ""}>
        {facts.join(" · ")}
      </span>
    </span>
  );
}

function Forget({ onClose }: { onClose: () => void }) {
  const error = useSignal("");
  const forget = async () => {
    try {
      await api.reset();
      go({ open: undefined, request: undefined });
      onClose();
    } catch (reason) {
      error.value = (reason as Error).message;
    }
  };
  return (
    <Dialog title="Forget everything?" onClose={onClose}>
      <p>
        {plural(summary.value?.total ?? 0, "event")}, {plural(summary.value?.requests ?? 0, "request")} and the faults to come. An
        application’s tests do the same by <code>POST /_/reset</code>.
      </p>
      {error.value && <p class="trouble">{error.value}</p>}
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={onClose}>
          Keep
        </button>
        <button type="button" class="button danger" onClick={() => void forget()}>
          <Icon name="trash" /> Forget
        </button>
      </div>
    </Dialog>
  );
}
