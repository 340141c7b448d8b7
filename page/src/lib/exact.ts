// JSON whose numbers stay as they were written: 12345678901234567890 is an id, and no float has room for it.

/** A number that a float would change. */
export class Exact {
  constructor(readonly source: string) {}
}

type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

const keepExact: Reviver = (_key, value, context) =>
  typeof value === "number" && context?.source !== undefined && isLost(value, context.source)
    ? new Exact(context.source)
    : value;

/** Parse JSON; browsers that do not tell a number's source round it. */
export function parse(text: string): unknown {
  return JSON.parse(text, keepExact as (key: string, value: unknown) => unknown);
}

function isLost(value: number, source: string): boolean {
  return (/^-?\d+$/.test(source) && !Number.isSafeInteger(value)) || !Number.isFinite(value);
}

/** Two spaces an indent, as JSON.stringify. */
export function print(value: unknown, indent = ""): string {
  if (value instanceof Exact) return value.source;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const deeper = `${indent}  `;
  const [open, close, parts] = Array.isArray(value)
    ? ["[", "]", value.map((each) => print(each, deeper))]
    : ["{", "}", Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${print(each, deeper)}`)];
  return parts.length ? `${open}\n${parts.map((part) => deeper + part).join(",\n")}\n${indent}${close}` : open + close;
}
