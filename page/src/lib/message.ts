// What a message is about, in a line. A message may be anything that JSON can hold: nothing here trusts its form.
import { TYPES, UNTYPED, type Kept } from "./types";

export type Fields = Record<string, unknown>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const fields = (value: unknown): Fields => (isFields(value) ? value : {});

const asText = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

export function typeOf(message: unknown): string {
  const type = fields(message).type;
  return TYPES.find((each) => each === type) ?? UNTYPED;
}

/** The name that the server filters by; undefined where there is none. */
export function nameOf(message: unknown): string | undefined {
  const { type, event, name } = fields(message);
  return asText(type === "page" || type === "screen" ? name : event);
}

/** What the row is called, and whether the message itself says so or we do. */
export function titleOf(message: unknown): { text: string; own: boolean } {
  const name = nameOf(message);
  if (name !== undefined) return { text: name, own: true };
  const { type, event, name: given, groupId, userId, previousId, properties } = fields(message);
  const { path, url, title } = fields(properties);
  const place = asText(path) ?? asText(url) ?? asText(title);
  if (type === "identify") return { text: "traits of a visitor", own: false };
  if (type === "group") return { text: asText(groupId) ?? "a group without its id", own: groupId !== undefined };
  if (type === "alias") return { text: `${short(previousId)} → ${short(userId)}`, own: true };
  if (type === "page" || type === "screen") return { text: place ?? `a ${type} without a name`, own: place !== undefined };
  const odd = event ?? given;
  return odd === undefined ? { text: "without a name", own: false } : { text: short(odd), own: true };
}

export interface Who {
  user?: string;
  visitor?: string;
}

export function whoOf(message: unknown): Who {
  const { userId, anonymousId } = fields(message);
  return { user: asText(userId), visitor: asText(anonymousId) };
}

/** Its properties or traits in a line. */
export function gistOf(message: unknown): string {
  const { properties, traits } = fields(message);
  const pairs = Object.entries(fields(isFields(properties) && Object.keys(properties).length ? properties : traits));
  const shown = pairs.slice(0, 6).map(([key, value]) => `${key.slice(0, 40)}: ${short(value)}`);
  return shown.join("  ·  ");
}

function short(value: unknown): string {
  if (typeof value === "string") return value.slice(0, 80);
  if (Array.isArray(value)) return `[${value.length}]`;
  if (isFields(value)) return "{…}";
  return String(value ?? "–");
}

/** Milliseconds from the call to the arrival, by the two clocks; undefined where the message tells no time. */
export function delayOf({ message, receivedAt }: Kept): number | undefined {
  const { originalTimestamp, timestamp } = fields(message);
  const called = Date.parse(asText(originalTimestamp) ?? asText(timestamp) ?? "");
  return Number.isNaN(called) ? undefined : Date.parse(receivedAt) - called;
}
