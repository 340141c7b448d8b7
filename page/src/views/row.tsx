// One event in a line: when, what, about whom, and what is notable of it.
import { useState } from "preact/hooks";
import { go, href, openId } from "../lib/address";
import { trickles } from "../lib/live";
import { delayOf, gistOf, titleOf, typeOf, whoOf } from "../lib/message";
import { type Kept } from "../lib/types";
import { lasting } from "../lib/words";
import { Marks, Theirs, Time, TypeMark } from "../parts/small";

const SLOW = 5000;
const FRESH = 1000;

/** A row that is on its way, or that the server let go of while the list was held. */
export function Missing({ gone }: { gone: boolean }) {
  return gone ? <div class="row row-gone">no longer kept</div> : <div class="row row-wait" aria-hidden="true" />;
}

export function EventRow({ event, gone = false }: { event: Kept | undefined; gone?: boolean }) {
  // Where a few come at a time the eye is led to them; in a flood everything would blink.
  const fresh = useState(() => event !== undefined && trickles.peek() && Date.now() - Date.parse(event.receivedAt) < FRESH)[0];
  if (!event) return <Missing gone={gone} />;
  const title = titleOf(event.message);
  const who = whoOf(event.message);
  const delay = delayOf(event);
  const isOpen = openId.value === event.id;
  return (
    <a
      class={`row${event.valid ? "" : " row-bad"}${fresh ? " fresh" : ""}`}
      href={href({ open: event.id })}
      data-id={event.id}
      aria-current={isOpen ? "true" : undefined}
      onClick={(click) => {
        if (click.ctrlKey || click.metaKey || click.shiftKey || click.altKey || click.button) return;
        click.preventDefault();
        go({ open: isOpen ? undefined : event.id });
      }}
    >
      <span class="cell-time">
        <Time at={event.receivedAt} />
      </span>
      <span class="cell-type">
        <TypeMark type={typeOf(event.message)} />
      </span>
      <span class="cell-what">
        <Theirs class={title.own ? "title" : "title ours"}>{title.text}</Theirs>
        <span class="gist">
          <Theirs>{gistOf(event.message)}</Theirs>
        </span>
      </span>
      <span class="cell-marks">
        <Marks event={event} />
      </span>
      <span class="cell-who">
        {who.user ? <Theirs>{who.user}</Theirs> : who.visitor && <Theirs class="visitor">{who.visitor}</Theirs>}
      </span>
      <span class={`cell-delay ${delay !== undefined && delay > SLOW ? "slow" : ""}`}>
        {delay === undefined ? "–" : lasting(Math.abs(delay) < 50 ? Math.max(0, delay) : delay)}
      </span>
    </a>
  );
}
