// Events a second by type, over the last minutes; dragging over it filters the stream by that time.
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { address, go } from "../lib/address";
import { seconds } from "../lib/live";
import { now } from "../lib/media";
import { ALL_TYPES, UNTYPED } from "../lib/types";
import { clock, plural, whole } from "../lib/words";
import { typeClass } from "./small";

const HEIGHT = 64;
const LEAST_BAR = 4;
const GAP = 1;
const MOST = 300;
const LEAST_TOP = 4;

const isoOf = (second: number): string => new Date(second * 1000).toISOString();

export function Chart() {
  const box = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  const hover = useSignal<number | null>(null);
  const drag = useSignal<{ from: number; to: number } | null>(null);
  useLayoutEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => (width.value = element.clientWidth));
    observer.observe(element);
    width.value = element.clientWidth;
    return () => observer.disconnect();
  }, []);
  const bars = Math.max(1, Math.min(MOST, Math.floor(width.value / LEAST_BAR)));
  const bar = width.value / bars;
  const newest = lastSecond();
  const first = newest - bars + 1;
  const version = seconds.version.value;
  const { paths, top, total } = useMemo(() => draw(first, bars, bar), [first, bars, bar, version]);
  const at = (event: PointerEvent): number => {
    const { left } = box.current!.getBoundingClientRect();
    const place = Math.floor((event.clientX - left) / bar);
    return first + Math.max(0, Math.min(bars - 1, place));
  };
  const xOf = (second: number): number => (second - first) * bar;
  const end = () => {
    const range = drag.value;
    drag.value = null;
    if (range) go({ since: isoOf(Math.min(range.from, range.to)), until: isoOf(Math.max(range.from, range.to) + 1) });
  };
  useEffect(() => {
    const drop = (event: KeyboardEvent) => {
      if (event.key === "Escape") drag.value = null;
    };
    addEventListener("keydown", drop);
    return () => removeEventListener("keydown", drop);
  }, []);
  const chosen = drag.value ? [Math.min(drag.value.from, drag.value.to), Math.max(drag.value.from, drag.value.to) + 1] : filtered();
  return (
    <div class="chart">
      <div
        ref={box}
        class="chart-plot"
        onPointerDown={(event) => {
          if (event.button) return;
          box.current?.setPointerCapture(event.pointerId);
          drag.value = { from: at(event), to: at(event) };
        }}
        onPointerMove={(event) => {
          hover.value = at(event);
          if (drag.value) drag.value = { ...drag.value, to: at(event) };
        }}
        onPointerLeave={() => (hover.value = null)}
        onPointerUp={end}
        onPointerCancel={() => (drag.value = null)}
      >
        <svg
          width={width.value}
          height={HEIGHT}
          role="img"
          aria-label={`Events a second over the last ${whole(bars)} seconds: ${plural(total, "event")}, at most ${whole(top)} in a second`}
        >
          {gridOf(newest, bars).map((second) => (
            <line key={second} class="chart-grid" x1={xOf(second) - 0.5} x2={xOf(second) - 0.5} y1="0" y2={HEIGHT} />
          ))}
          {chosen && (
            <rect class="chart-range" x={xOf(chosen[0]!)} width={Math.max(bar, (chosen[1]! - chosen[0]!) * bar)} y="0" height={HEIGHT} />
          )}
          {hover.value !== null && <rect class="chart-hover" x={xOf(hover.value) - GAP} width={bar + GAP} y="0" height={HEIGHT} />}
          <g>
            {paths.map(([type, path]) => (
              <path key={type} class={typeClass(type)} d={path} />
            ))}
          </g>
          <line class="chart-base" x1="0" x2={width.value} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
        </svg>
        <span class="chart-top">{total ? `${whole(top)} / s` : ""}</span>
        {hover.value !== null && <Reading second={hover.value} x={xOf(hover.value) + bar / 2} width={width.value} />}
      </div>
      <div class="chart-axis" aria-hidden="true">
        <span>{bars >= 120 ? `${Math.round(bars / 60)} minutes ago` : `${bars} seconds ago`}</span>
        <span class="chart-hint">drag to choose a time</span>
        <span>now</span>
      </div>
    </div>
  );
}

/** The right-most second: this one, or the server's where its clock is ahead. */
function lastSecond(): number {
  let newest = Math.floor(now.value / 1000);
  for (const second of seconds.counts.keys()) newest = Math.max(newest, second);
  return newest;
}

/** The full minutes in sight. */
function gridOf(newest: number, bars: number): number[] {
  const lines: number[] = [];
  for (let second = newest - (newest % 60); second > newest - bars; second -= 60) lines.push(second);
  return lines;
}

function filtered(): [number, number] | null {
  const { since, until } = address.value;
  if (!since && !until) return null;
  const newest = lastSecond();
  const from = since ? Date.parse(since) / 1000 : newest - MOST;
  const to = until ? Date.parse(until) / 1000 : newest + 1;
  return Number.isFinite(from) && Number.isFinite(to) ? [Math.max(from, newest - MOST), Math.min(to, newest + 1)] : null;
}

/** A path a type, the types on top of each other. */
function draw(first: number, bars: number, bar: number): { paths: [string, string][]; top: number; total: number } {
  const columns = Array.from({ length: bars }, (_, place) => seconds.counts.get(first + place));
  const sums = columns.map((counts) => (counts ? Object.values(counts).reduce((sum, count) => sum + count, 0) : 0));
  const top = Math.max(0, ...sums);
  const scale = (HEIGHT - 8) / Math.max(top, LEAST_TOP);
  // Before it is laid out it has no width.
  const width = Math.max(0, bar - GAP).toFixed(2);
  const levels = new Array<number>(bars).fill(HEIGHT - 1);
  const paths = ALL_TYPES.map((type): [string, string] => {
    let path = "";
    columns.forEach((counts, place) => {
      const count = counts?.[type];
      if (!count) return;
      const height = Math.max(1, count * scale);
      const level = (levels[place]! -= height);
      path += `M${(place * bar).toFixed(2)} ${level.toFixed(1)}h${width}v${height.toFixed(1)}h-${width}z`;
    });
    return [type, path];
  });
  return { paths, top, total: sums.reduce((sum, count) => sum + count, 0) };
}

function Reading({ second, x, width }: { second: number; x: number; width: number }) {
  const counts = seconds.counts.get(second) ?? {};
  const found = ALL_TYPES.filter((type) => counts[type]);
  return (
    <div class={x > width / 2 ? "chart-reading left" : "chart-reading"} style={{ left: `${x}px` }}>
      <strong>{clock(isoOf(second), { millis: false })}</strong>
      {found.map((type) => (
        <span key={type} class={typeClass(type)}>
          <span class="swatch" /> {whole(counts[type]!)} {type === UNTYPED ? "unknown" : type}
        </span>
      ))}
      {!found.length && <span>nothing</span>}
    </div>
  );
}
