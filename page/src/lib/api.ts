// Calls of the server's API. Each throws an ApiError with the server's own words.
import type { About, Fault, Kept, Name, RequestEntry } from "./types";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type Parameters = Record<string, string | number | undefined>;

export function query(parameters: Parameters): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

export async function text(path: string, init: RequestInit = {}): Promise<string> {
  const answer = await fetch(path, { cache: "no-store", ...init });
  const body = await answer.text();
  if (!answer.ok) throw new ApiError(answer.status, reason(body) ?? `the server answers ${answer.status}`);
  return body;
}

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  return JSON.parse(await text(path, init)) as T;
}

function reason(body: string): string | undefined {
  try {
    const error: unknown = (JSON.parse(body) as { error?: unknown }).error;
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}

export interface Found<T> {
  items: T[];
  total: number;
}

export async function events(parameters: Parameters, signal?: AbortSignal): Promise<Found<Kept>> {
  const found = await ask<{ events: Kept[]; total: number }>(`/_/events?${query(parameters)}`, { signal });
  return { items: found.events, total: found.total };
}

/** One event as the text that the server sent, whose numbers no parser has rounded yet. */
export const eventText = (id: number, signal?: AbortSignal): Promise<string> =>
  text(`/_/events?${query({ after: id - 1, upto: id })}`, { signal });

export const names = async (): Promise<Name[]> => (await ask<{ names: Name[] }>("/_/names")).names;

export const person = (id: string, limit: number, offset: number, signal?: AbortSignal) =>
  ask<{ ids: string[]; events: Kept[]; total: number }>(`/_/user?${query({ id, limit, offset })}`, { signal });

export const requests = (parameters: Parameters, signal?: AbortSignal) =>
  ask<{ requests: RequestEntry[]; total: number; kept: number }>(`/_/requests?${query(parameters)}`, { signal });

export const about = (): Promise<About> => ask<About>("/_/about");

export const faults = (): Promise<Fault[]> => ask<Fault[]>("/_/faults");

const send = (method: string, path: string, value?: unknown): Promise<string> =>
  text(path, { method, body: value === undefined ? null : JSON.stringify(value) });

export const addFaults = (list: Fault[]) => send("POST", "/_/faults", list);
export const replaceFaults = (list: Fault[]) => send("PUT", "/_/faults", list);
export const clearFaults = () => send("DELETE", "/_/faults");
export const release = () => send("POST", "/_/release");
export const reset = () => send("POST", "/_/reset");
