// What the server's API answers, as far as the page reads it. docs/local-segment.md describes it.

export interface Kept {
  id: number;
  message: unknown;
  valid: boolean;
  problems: string[];
  duplicate: boolean;
  receivedAt: string;
  batch: number;
  retry: number;
}

export interface Summary {
  total: number;
  valid: number;
  invalid: number;
  duplicates: number;
  requests: number;
}

/** Events of each second (unix, as text), by type. */
export type Seconds = Record<string, Record<string, number>>;

/** One frame of `/_/stream`: the newest of what matched since the frame before. */
export interface Frame {
  last: number;
  matched: number;
  kept: number;
  events: Kept[];
  summary: Summary;
  seconds: Seconds;
  types: Record<string, number>;
  faults: number;
  held: number;
}

export interface Name {
  type: string;
  event: string;
  count: number;
  invalid: number;
  firstSeen: string;
  lastSeen: string;
  properties: Record<string, Record<string, number>>;
}

export interface RequestEntry {
  number: number;
  method: string;
  path: string;
  headers: Record<string, string>;
  receivedAt: string;
  status: number | null;
  duration: number | null;
  client: string | null;
  encoding: string | null;
  size: number;
  inflated: number;
  count: number;
  retryCount: number;
  sentAt: string | null;
  problems: string[];
  fault: Fault | null;
}

export interface Fault {
  status?: number;
  headers?: Record<string, string>;
  delay?: number;
  hold?: boolean;
  drop?: "before" | "after";
  times?: number | null;
  share?: number;
}

export interface About {
  version: string;
  strict: boolean;
  plan: unknown;
  db: string | null;
  capacity: number;
}

export const TYPES = ["track", "identify", "page", "screen", "group", "alias"] as const;
export const UNTYPED = "(unknown type)";
export const ALL_TYPES: readonly string[] = [...TYPES, UNTYPED];
