import type { StoreDriver } from "./contract.ts";
import { Unsupported } from "./errors.ts";

/** What a driver is given to open a store by its URL. */
export interface StoreOpening {
  readonly url: string;
  /** Gives up waiting for a store that is away. */
  readonly signal?: AbortSignal;
  /** Told when a store that was there got a new lineage by this process, and why. */
  readonly onNewLineage?: (reason: string) => void;
}
export type OpenByUrl = (opening: StoreOpening) => Promise<StoreDriver>;

/** A store's URL as it may be shown: without a password. */
export function withoutSecrets(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/[^@/?#:]*):[^@/?#]*@/i, "$1:***@");
}

/**
 * The client library of a driver, which only those have who use its database.
 * @param packageName as npm knows it
 * @throws {Unsupported} that says what to install.
 */
export async function loadClient<T>(store: string, packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new Unsupported(`a store in ${store} needs the package ${packageName}: npm install ${packageName}`);
  }
}
