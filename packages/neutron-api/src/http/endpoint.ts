import type { Call } from "../core/collection-service.ts";

export const METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"] as const;
export type Method = (typeof METHODS)[number];

export interface Answer {
  /** Default: 200, and 204 for no body. */
  readonly status?: number;
  readonly body?: unknown;
}
export type Handler = (call: Call, params: Readonly<Record<string, string>>) => Promise<Answer> | Answer;

/** One path and what each method does there; the methods that are not named are not allowed. */
export interface Endpoint {
  /** `:name` is a part that the handler gets as a parameter. */
  readonly path: string;
  readonly on: { readonly [M in Method]?: Handler };
}
