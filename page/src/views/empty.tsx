// What a list says when there is nothing in it: how to send the first event, or which filter hides them all.
import { go, noFilters } from "../lib/address";
import { Copy } from "../parts/small";

const python = (host: string): string => `import segment_gevent as segment

segment.initialize("any-key", host="${host}")
segment.track("visitor-17", "ilya@example.org", "Played a Song", {"plays": 1})
segment.flush()`;

const curl = (host: string): string => `curl ${host}/v1/track -u any-key: --json '{
  "userId": "ilya@example.org", "event": "Played a Song", "properties": {"plays": 1}
}'`;

export function NothingYet() {
  const host = location.origin;
  return (
    <div class="empty">
      <h2>Nothing has arrived yet</h2>
      <p>
        Have an application send here, by <code>SEGMENT_HOST={host}</code> in its environment, or try one of these. Events
        appear as they come.
      </p>
      <Example title="Python" code={python(host)} />
      <Example title="Shell" code={curl(host)} />
    </div>
  );
}

function Example({ title, code }: { title: string; code: string }) {
  return (
    <figure class="example">
      <figcaption>
        {title} <Copy text={() => code} />
      </figcaption>
      <pre tabIndex={0} aria-label={`Example: ${title}`}>
        {code}
      </pre>
    </figure>
  );
}

export function NothingFits() {
  return (
    <div class="empty">
      <h2>No event passes these filters</h2>
      <p>What arrives and passes them will appear here.</p>
      <button type="button" class="button" onClick={() => go(noFilters())}>
        Clear filters
      </button>
    </div>
  );
}
