import type { StoreOptions } from "./opening.ts";

interface JsonOptions extends StoreOptions {
  readonly json: boolean;
}
export type ListOptions = JsonOptions;
export type WatchOptions = JsonOptions;
export type VerifyOptions = JsonOptions;
export type GetOptions = StoreOptions;
export type LoadOptions = StoreOptions;
export interface DumpOptions extends StoreOptions {
  readonly topic?: string;
}
