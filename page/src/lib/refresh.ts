// What a view asks the server for again as things change there.
import { useEffect } from "preact/hooks";
import { changes } from "./live";

/** Runs at once, and after each change, at most every so many milliseconds; one at a time, or an older answer could be the last. */
export function useRefresh(every: number, work: () => Promise<void>, about: unknown[] = []): void {
  useEffect(() => {
    let seen = -1;
    let busy = false;
    const turn = async () => {
      if (busy || seen === changes.value) return;
      busy = true;
      seen = changes.value;
      await work();
      busy = false;
    };
    void turn();
    const timer = setInterval(() => void turn(), every);
    return () => clearInterval(timer);
  }, about);
}
