// What a view asks the server for again as things change there.
import { useEffect } from "preact/hooks";
import { changes } from "./live";

/**
 * Runs at once, and after each change, at most every so many milliseconds; one at a time, or an older answer could be the
 * last. `stop` is aborted when it is about something else, whose answer a late one must not replace.
 */
export function useRefresh(every: number, work: (stop: AbortSignal) => Promise<void>, about: unknown[] = []): void {
  useEffect(() => {
    const stop = new AbortController();
    let seen = -1;
    let busy = false;
    const turn = async () => {
      if (busy || seen === changes.value) return;
      busy = true;
      seen = changes.value;
      await work(stop.signal);
      busy = false;
    };
    void turn();
    const timer = setInterval(() => void turn(), every);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, about);
}
