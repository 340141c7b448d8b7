// A list of rows of one height, of which only those in sight are in the document.
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useLayoutEffect, useReducer, useRef } from "preact/hooks";

export interface ListHandle {
  scrollTo: (index: number) => void;
  toTop: () => void;
}

interface Props {
  label: string;
  count: number;
  rowHeight: number;
  row: (index: number) => ComponentChildren;
  rowKey: (index: number) => string | number;
  onRange?: (from: number, to: number) => void;
  onScroll?: (top: number) => void;
  onPointerMove?: () => void;
  handle?: { current: ListHandle | null };
  class?: string;
}

export function VirtualList(props: Props) {
  const { label, count, rowHeight, row, rowKey, onRange, onScroll } = props;
  const box = useRef<HTMLDivElement>(null);
  const [, redraw] = useReducer((turns: number) => turns + 1, 0);
  const held = useRef<Virtualizer<HTMLDivElement, HTMLElement> | undefined>(undefined);
  // Rows keep their index as the library's key, and these stay the same functions: a new one has it measure every row.
  const estimateSize = useCallback(() => rowHeight, [rowHeight]);
  const options = {
    count,
    estimateSize,
    getScrollElement: () => box.current,
    overscan: 8,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw(undefined),
  };
  const virtual = (held.current ??= new Virtualizer<HTMLDivElement, HTMLElement>(options));
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), []);
  useLayoutEffect(() => virtual._willUpdate());
  useLayoutEffect(() => virtual.measure(), [rowHeight]);
  useLayoutEffect(() => {
    if (!props.handle) return;
    props.handle.current = {
      scrollTo: (index) => virtual.scrollToIndex(index, { align: "auto" }),
      toTop: () => box.current?.scrollTo({ top: 0 }),
    };
  }, []);
  const items = virtual.getVirtualItems();
  const [from, to] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => {
    if (items.length) onRange?.(from, to);
  });
  return (
    <div
      ref={box}
      class={`virtual ${props.class ?? ""}`}
      role="region"
      aria-label={label}
      tabIndex={0}
      onScroll={() => onScroll?.(box.current?.scrollTop ?? 0)}
      onPointerMove={props.onPointerMove}
    >
      <div class="virtual-all" role={count ? "list" : undefined} style={{ height: `${virtual.getTotalSize()}px` }}>
        {items.map((item) => (
          <div
            key={rowKey(item.index)}
            class="virtual-row"
            role="listitem"
            aria-setsize={count}
            aria-posinset={item.index + 1}
            style={{ height: `${item.size}px`, transform: `translateY(${item.start}px)` }}
          >
            {row(item.index)}
          </div>
        ))}
      </div>
    </div>
  );
}
