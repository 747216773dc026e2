import type { AddressInfo, Server } from "node:net";
import { type ListenSettings, StartError } from "./settings.ts";

type Address = Pick<ListenSettings, "host" | "port">;

/** @throws {StartError} naming the address and what is wrong with it. */
export function listen(server: Server, { host, port }: Address): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>();
  const refused = (error: Error): void => reject(listenError(error, { host, port }));
  server.once("error", refused);
  server.listen({ host, port }, () => {
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
