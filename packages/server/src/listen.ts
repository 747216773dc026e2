import type { AddressInfo, Server } from "node:net";
import { type ListenSettings, StartError } from "./settings.ts";

/**
 * Connections that wait to be accepted; the kernel allows at most `net.core.somaxconn`. Those beyond are not refused but dropped, and tried again by
 * the kernel of their clients after 1, 3, 7 ... seconds: of a fleet that comes at once, with the usual 511, most.
 */
const BACKLOG = 4096;

type Address = Pick<ListenSettings, "host" | "port">;

/** @throws {StartError} naming the address and what is wrong with it. */
export function listen(server: Server, { host, port }: Address): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>();
  const refused = (error: Error): void => reject(listenError(error, { host, port }));
  server.once("error", refused);
  server.listen({ host, port, backlog: BACKLOG }, () => {
    server.off("error", refused);
    const address = server.address();
    if (address === null || typeof address === "string") reject(new StartError(`${host} is not an address`));
    else resolve(address);
  });
  return promise;
}

export function listenError(error: unknown, { host, port }: Address): Error {
  const words = error instanceof Error ? error.message : String(error);
  return new StartError(`cannot listen on ${host} port ${port}: ${words}`, { cause: error });
}

export function urlOf(scheme: string, { address, family, port }: AddressInfo): string {
  return `${scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
