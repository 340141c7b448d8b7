// Times, sizes and faults as people read them.
import type { Fault } from "./types";

const TWO = (value: number): string => String(value).padStart(2, "0");

export const whole = (value: number): string => value.toLocaleString("en-GB");

export const plural = (count: number, one: string, many = `${one}s`): string => `${whole(count)} ${count === 1 ? one : many}`;

/** "once", "twice", "7 times". */
export const often = (count: number): string => ["never", "once", "twice"][count] ?? `${whole(count)} times`;

/** 14:03:27.512, in the reader's own time. */
export function clock(text: string, { millis = true } = {}): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  const seconds = `${TWO(time.getHours())}:${TWO(time.getMinutes())}:${TWO(time.getSeconds())}`;
  return millis ? `${seconds}.${String(time.getMilliseconds()).padStart(3, "0")}` : seconds;
}

const isToday = (time: Date): boolean => time.toDateString() === new Date().toDateString();

/** As long as a clock with its milliseconds: of another day than this, the day and the minute. */
export function brief(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()) || isToday(time)) return clock(text);
  return `${TWO(time.getDate())} ${time.toLocaleString("en-GB", { month: "short" }).slice(0, 3)} ${TWO(time.getHours())}:${TWO(time.getMinutes())}`;
}

/** With its day, where that is not today. */
export function moment(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  const day = `${time.getFullYear()}-${TWO(time.getMonth() + 1)}-${TWO(time.getDate())}`;
  return isToday(time) ? clock(text) : `${day} ${clock(text)}`;
}

/** A length of time, from milliseconds: "48 ms", "3.2 s", "12 min", "5 h", "3 d". */
export function lasting(millis: number): string {
  const size = Math.abs(millis);
  const sign = millis < 0 ? "−" : "";
  if (size < 10 && !Number.isInteger(size)) return `${sign}${Math.max(0.1, size).toFixed(1)} ms`;
  if (size < 1000) return `${sign}${Math.round(size)} ms`;
  if (size < 10_000) return `${sign}${(size / 1000).toFixed(1)} s`;
  if (size < 90_000) return `${sign}${Math.round(size / 1000)} s`;
  if (size < 5_400_000) return `${sign}${Math.round(size / 60_000)} min`;
  if (size < 129_600_000) return `${sign}${Math.round(size / 3_600_000)} h`;
  return `${sign}${whole(Math.round(size / 86_400_000))} d`;
}

export function ago(text: string, now: number): string {
  const millis = now - Date.parse(text);
  return millis < 1500 ? "just now" : `${lasting(millis)} ago`;
}

/** The delay between a call and its arrival, in a sentence's end. */
export function delayed(millis: number | undefined): string {
  if (millis === undefined) return "unknown: the message tells no time";
  if (millis < -50) return `${lasting(millis)}: the caller's clock is ahead of this machine's`;
  return lasting(Math.max(0, millis));
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  if (count < 1_000_000) return `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

const STATUSES: Record<number, string> = {
  200: "OK",
  204: "No content",
  400: "Bad request",
  401: "Unauthorised",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  408: "Request time-out",
  413: "Too large",
  415: "Unsupported encoding",
  429: "Too many requests",
  500: "Internal error",
  502: "Bad gateway",
  503: "Unavailable",
  504: "Gateway time-out",
};

export const statusWords = (status: number): string => STATUSES[status] ?? (status < 400 ? "Accepted" : "Refused");

/** What a fault does to a request: "answered 429, to come again in 2 s". */
export function faultWords(fault: Fault): string {
  const parts: string[] = [];
  if (fault.drop === "before") return "the connection is reset, nothing is taken";
  if (fault.delay) parts.push(`answered ${fault.delay} s late`);
  if (fault.drop === "after") return ["taken, then the connection is reset and the answer lost", ...parts].join(", ");
  if (fault.hold) parts.push("taken, and never answered until released");
  if (fault.status) parts.push(`answered ${fault.status} ${statusWords(fault.status).toLowerCase()}`);
  for (const [name, value] of Object.entries(fault.headers ?? {})) parts.push(`with ${name}: ${value}`);
  return parts.join(", ") || "answered as usual";
}

/** Which requests it hits. */
export function faultScope({ times = 1, share = 1 }: Fault): string {
  const part = share < 1 ? `${Math.round(share * 1000) / 10} % of requests` : "every request";
  if (times === null) return `${part}, until removed`;
  if (share < 1) return `${part}, ${plural(times, "time")}`;
  return times === 1 ? "the next request" : `the next ${whole(times)} requests`;
}
