// JSON as a tree that opens and closes. Long lists and texts are cut until asked for.
import { useSignal } from "@preact/signals";
import { Exact } from "../lib/exact";
import { plural } from "../lib/words";
import { Icon } from "./icon";

const OPEN_DEPTH = 3;
const OPEN_MEMBERS = 40;
const STEP = 100;
const LONG = 600;
// What the caller gave comes first, and what a library adds by itself last.
const FIRST = ["properties", "traits"];
const LAST = ["context", "integrations"];

type Members = [string, unknown][];

export function Tree({ value }: { value: unknown }) {
  return (
    <div class="tree">
      {isBranch(value) ? <Rows members={inOrder(membersOf(value))} depth={0} isList={Array.isArray(value)} /> : <Leaf value={value} />}
    </div>
  );
}

const isBranch = (value: unknown): value is object => typeof value === "object" && value !== null && !(value instanceof Exact);

const membersOf = (value: object): Members => Object.entries(value);

const weight = (key: string): number => (FIRST.includes(key) ? 0 : LAST.includes(key) ? 2 : 1);

const inOrder = (members: Members): Members => members.toSorted(([one], [other]) => weight(one) - weight(other));

function Rows({ members, depth, isList }: { members: Members; depth: number; isList: boolean }) {
  const shown = useSignal(STEP);
  return (
    <ul>
      {members.slice(0, shown.value).map(([key, value]) => (
        <Row key={key} name={key} value={value} depth={depth} isPlace={isList} />
      ))}
      {members.length > shown.value && (
        <li>
          <button type="button" class="link" onClick={() => (shown.value += 10 * STEP)}>
            {plural(members.length - shown.value, "more")}
          </button>
        </li>
      )}
    </ul>
  );
}

function Row({ name, value, depth, isPlace }: { name: string; value: unknown; depth: number; isPlace: boolean }) {
  const isOpen = useSignal(depth < OPEN_DEPTH && !(depth === 0 && LAST.includes(name)) && isBranch(value) && membersOf(value).length <= OPEN_MEMBERS);
  const key = <bdi class={isPlace ? "tree-place" : "tree-key"}>{name}</bdi>;
  if (!isBranch(value)) {
    return (
      <li class="tree-row">
        {key} <Leaf value={value} />
      </li>
    );
  }
  const members = membersOf(value);
  const isList = Array.isArray(value);
  if (!members.length) {
    return (
      <li class="tree-row">
        {key} <span class="tree-empty">{isList ? "empty list" : "empty object"}</span>
      </li>
    );
  }
  return (
    <li class={isOpen.value ? "tree-branch open" : "tree-branch"}>
      <button type="button" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
        <Icon name="right" />
        {key} <span class="tree-size">{isList ? plural(members.length, "entry", "entries") : plural(members.length, "field")}</span>
      </button>
      {isOpen.value && <Rows members={members} depth={depth + 1} isList={isList} />}
    </li>
  );
}

function Leaf({ value }: { value: unknown }) {
  const isWhole = useSignal(false);
  if (value instanceof Exact) return <span class="v-number">{value.source}</span>;
  if (typeof value !== "string") return <span class={value === null ? "v-null" : `v-${typeof value}`}>{String(value)}</span>;
  if (value === "") return <span class="tree-empty">empty text</span>;
  const cut = !isWhole.value && value.length > LONG;
  return (
    <span class="v-string">
      <bdi>{cut ? `${value.slice(0, LONG)}…` : value}</bdi>
      {cut && (
        <button type="button" class="link" onClick={() => (isWhole.value = true)}>
          {" "}
          all {plural(value.length, "character")}
        </button>
      )}
    </span>
  );
}
