// What shall go wrong, to see one's application come through; and how the last requests fared.
import { useSignal } from "@preact/signals";
import { follow } from "../lib/address";
import * as api from "../lib/api";
import { heldAnswers } from "../lib/live";
import { useRefresh } from "../lib/refresh";
import type { Fault, RequestEntry } from "../lib/types";
import { faultScope, faultWords, plural, statusWords } from "../lib/words";
import { Icon } from "../parts/icon";
import { IconButton, Trouble } from "../parts/small";

const REFRESH = 500;
const SHOWN = 60;

interface Kind {
  name: string;
  words: string;
  seconds?: { label: string; least: number; usual: number };
  make: (seconds: number) => Fault;
}

const KINDS: Kind[] = [
  {
    name: "Rate limit",
    words: "429, with Retry-After",
    seconds: { label: "Retry-After, in seconds", least: 0, usual: 2 },
    make: (seconds) => ({ status: 429, headers: { "Retry-After": String(seconds) } }),
  },
  { name: "Server error", words: "500, nothing is taken", make: () => ({ status: 500 }) },
  { name: "Unavailable", words: "503, nothing is taken", make: () => ({ status: 503 }) },
  { name: "Refusal", words: "400, as for a bad message", make: () => ({ status: 400 }) },
  {
    name: "Slow",
    words: "taken, and answered late",
    seconds: { label: "Late by, in seconds", least: 0.1, usual: 3 },
    make: (seconds) => ({ delay: seconds }),
  },
  { name: "Never", words: "no answer until released", make: () => ({ hold: true }) },
  { name: "Reset before", words: "the connection ends, nothing is taken", make: () => ({ drop: "before" }) },
  { name: "Reset after", words: "taken, but the answer is lost", make: () => ({ drop: "after" }) },
];

export function Faults() {
  const waiting = useSignal<Fault[]>([]);
  const requests = useSignal<RequestEntry[]>([]);
  const error = useSignal("");
  // What a button met, which no refresh may wipe away.
  const refusal = useSignal("");
  const told = async (where: typeof error, work: () => Promise<unknown>) => {
    try {
      await work();
      waiting.value = await api.faults();
      where.value = "";
    } catch (reason) {
      where.value = (reason as Error).message;
    }
  };
  const attempt: Attempt = (work) => told(refusal, work);
  useRefresh(REFRESH, () =>
    told(error, async () => {
      requests.value = (await api.requests({ limit: SHOWN })).requests;
    }),
  );
  return (
    <div class="page faults">
      <header class="page-head">
        <h1>Faults</h1>
        <p>Make the next requests go wrong, and watch how your application comes through.</p>
      </header>
      {(refusal.value || error.value) && <Trouble words={refusal.value || error.value} />}
      <div class="fault-columns">
        <Order attempt={attempt} />
        <div>
          <Waiting faults={waiting.value} attempt={attempt} />
          <Fared requests={requests.value} />
        </div>
      </div>
    </div>
  );
}

type Attempt = (work: () => Promise<unknown>) => Promise<void>;

function Order({ attempt }: { attempt: Attempt }) {
  const chosen = useSignal(0);
  const amount = useSignal(KINDS[0]!.seconds!.usual);
  const scope = useSignal<"next" | "share">("next");
  const times = useSignal(3);
  const percent = useSignal(30);
  const kind = KINDS[chosen.value]!;
  const fault = (): Fault => ({
    ...kind.make(amount.value),
    ...(scope.value === "next" ? { times: times.value } : { share: percent.value / 100, times: null }),
  });
  return (
    <form
      class="fault-form"
      onSubmit={(event) => {
        event.preventDefault();
        void attempt(() => api.addFaults([fault()]));
      }}
    >
      <fieldset class="fault-kinds">
        <legend>What goes wrong</legend>
        {KINDS.map((each, place) => (
          <label key={each.name} class="fault-kind">
            <input
              type="radio"
              name="kind"
              checked={chosen.value === place}
              onChange={() => {
                chosen.value = place;
                amount.value = each.seconds?.usual ?? 0;
              }}
            />
            <span>
              <strong>{each.name}</strong>
              <span class="dim">{each.words}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {kind.seconds && (
        <label class="line">
          {kind.seconds.label}
          <input
            type="number"
            min={kind.seconds.least}
            max={600}
            step="any"
            required
            value={amount.value}
            onInput={(event) => (amount.value = event.currentTarget.valueAsNumber)}
          />
        </label>
      )}
      <fieldset class="fault-scope">
        <legend>For which requests</legend>
        <div class="line">
          <label>
            <input type="radio" name="scope" checked={scope.value === "next"} onChange={() => (scope.value = "next")} /> the next
          </label>
          <input
            type="number"
            aria-label="How many requests"
            min={1}
            max={1_000_000}
            required
            value={times.value}
            onFocus={() => (scope.value = "next")}
            onInput={(event) => (times.value = event.currentTarget.valueAsNumber)}
          />
          {times.value === 1 ? "request" : "requests"}
        </div>
        <div class="line">
          <label>
            <input type="radio" name="scope" checked={scope.value === "share"} onChange={() => (scope.value = "share")} /> a share of
          </label>
          <input
            type="number"
            aria-label="Share of requests, in per cent"
            min={0.1}
            max={100}
            step="any"
            required
            value={percent.value}
            onFocus={() => (scope.value = "share")}
            onInput={(event) => (percent.value = event.currentTarget.valueAsNumber)}
          />
          %, until removed
        </div>
      </fieldset>
      <button type="submit" class="button primary">
        Add fault
      </button>
    </form>
  );
}

function Waiting({ faults, attempt }: { faults: Fault[]; attempt: Attempt }) {
  return (
    <section class="fault-queue" aria-labelledby="queue">
      <div class="section-line">
        <h2 id="queue" class="section">
          To come
        </h2>
        <span class="spacer" />
        {heldAnswers.value > 0 && (
          <button type="button" class="button" onClick={() => void attempt(api.release)}>
            Release {plural(heldAnswers.value, "answer")}
          </button>
        )}
        {faults.length > 0 && (
          <button type="button" class="quiet" onClick={() => void attempt(api.clearFaults)}>
            <Icon name="trash" /> Remove all
          </button>
        )}
      </div>
      {!faults.length && <p class="dim">Nothing: every request is answered as it deserves.</p>}
      <ol>
        {faults.slice(0, 50).map((fault, place) => (
          <li key={place}>
            <span class="fault-place">{place + 1}</span>
            <span>
              <strong>{faultScope(fault)}</strong>
              <span class="dim">{faultWords(fault)}</span>
            </span>
            <IconButton
              icon="close"
              label={`Remove fault ${place + 1}`}
              onClick={() => void attempt(() => api.replaceFaults(faults.filter((_, other) => other !== place)))}
            />
          </li>
        ))}
      </ol>
      {faults.length > 50 && <p class="dim">and {plural(faults.length - 50, "more", "more")}</p>}
    </section>
  );
}

/** A stroke a request, the newest at the right. */
function Fared({ requests }: { requests: RequestEntry[] }) {
  return (
    <section aria-labelledby="fared">
      <h2 id="fared" class="section">
        How the last requests fared
      </h2>
      {!requests.length && <p class="dim">None has come yet.</p>}
      <ol class="fared">
        {[...requests].reverse().map((entry) => (
          <li key={entry.number}>
            <a
              {...follow({ view: "requests", request: entry.number })}
              class={outcomeClass(entry)}
              aria-label={`request ${entry.number}: ${outcome(entry)}`}
              title={`request ${entry.number}: ${outcome(entry)}`}
            >
              <span>{entry.status ?? (entry.duration === null ? "…" : "×")}</span>
            </a>
          </li>
        ))}
      </ol>
    </section>
  );
}

function outcome(entry: RequestEntry): string {
  const words = entry.status === null ? (entry.duration === null ? "under way" : "no answer") : `${entry.status} ${statusWords(entry.status)}`;
  const retry = entry.retryCount ? `, retry ${entry.retryCount}` : "";
  return `${words}, ${plural(entry.count, "message")}${retry}`;
}

const outcomeClass = ({ status, duration }: RequestEntry): string =>
  status === null ? (duration === null ? "f-open" : "f-lost") : status < 400 ? "f-good" : status === 429 ? "f-wait" : "f-bad";
