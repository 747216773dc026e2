import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { checkServerIdentity as tlsCheck } from "node:tls";
import type * as Grpc from "@grpc/grpc-js";
import { loadClient } from "@dragonflow/store";
import type { EtcdAddress } from "./address.ts";
import { EtcdFault, faultOf, STATUS } from "./faults.ts";
import { authenticate, type Call, status, WATCH_PATH } from "./wire/calls.ts";
import { type WatchRequest, type WatchResponse, watchRequest, watchResponse } from "./wire/messages.ts";
import { encoded, Reader } from "./wire/protobuf.ts";

const CONNECT_MILLISECONDS = 3000;
export const CALL_MILLISECONDS = 8000;
/** etcd refuses clients that ping more often than each five seconds, or without a call under way. */
const CHANNEL_OPTIONS = {
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.enable_retries": 0,
  // A connection of another client must not be taken over: each new one is looked at before it is used.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // A member that is away is not asked again by the library: the driver goes on to the next.
  "grpc.initial_reconnect_backoff_ms": 60_000,
} as const;

/**
 * What TLS is told for a server's name where the endpoint is an address: a name must be told to the library, and an address is none (RFC 6066 section 3).
 * The certificate is checked against the address all the same.
 */
const NO_NAME = "etcd";
function addressOf(endpoint: string): string | undefined {
  const host = endpoint.slice(0, endpoint.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return isIP(host) === 0 ? undefined : host;
}

/** What is needed to reach any of the members, read once. */
export interface Access {
  readonly grpc: typeof Grpc;
  credentialsOf(endpoint: string): Grpc.ChannelCredentials;
  readonly login: { readonly name: string; readonly password: string } | undefined;
}

/** @throws {Unsupported} where etcd's client is not installed; what reading the files throws. */
export async function prepareAccess(address: EtcdAddress): Promise<Access> {
  const grpc = await loadClient("etcd", "@grpc/grpc-js", () => import("@grpc/grpc-js"));
  const read = async (file: string | undefined): Promise<Buffer | null> =>
    file === undefined ? null : await readFile(file);
  const password =
    address.passwordFile === undefined
      ? (address.password ?? "")
      : (await readFile(address.passwordFile, "utf8")).replace(/\r?\n$/, "");
  const login = address.user === undefined ? undefined : { name: address.user, password };
  if (!address.tls) return { grpc, login, credentialsOf: () => grpc.credentials.createInsecure() };
  const [ca, key, cert] = [await read(address.caFile), await read(address.keyFile), await read(address.certFile)];
  const credentialsOf = (endpoint: string): Grpc.ChannelCredentials => {
    const address = addressOf(endpoint);
    const checkServerIdentity: typeof tlsCheck = (host, certificate) => tlsCheck(address ?? host, certificate);
    return grpc.credentials.createSsl(ca, key, cert, { checkServerIdentity });
  };
  return { grpc, login, credentialsOf };
}

/** One stream of watches; ends with its link. */
export interface WatchStream {
  send(request: WatchRequest): void;
}

/** One connection to one member. Once it is lost it does not come back: whoever wants to go on opens another, and looks at what it finds there. */
export class Link {
  readonly endpoint: string;
  readonly #grpc: typeof Grpc;
  readonly #client: Grpc.Client;
  readonly #login: Access["login"];
  readonly #lost = new AbortController();
  #token: string | undefined;

  private constructor(endpoint: string, access: Access) {
    this.endpoint = endpoint;
    this.#grpc = access.grpc;
    this.#login = access.login;
    const named = addressOf(endpoint) === undefined ? {} : { "grpc.ssl_target_name_override": NO_NAME };
    const options = { ...CHANNEL_OPTIONS, ...named };
    this.#client = new access.grpc.Client(endpoint, access.credentialsOf(endpoint), options);
  }

  /** @throws {EtcdFault} */
  static async open(endpoint: string, access: Access): Promise<Link> {
    const link = new Link(endpoint, access);
    try {
      await link.#connected();
      await link.#logIn();
      return link;
    } catch (error) {
      link.lose(`${endpoint}: ${String(error)}`);
      throw faultOf(error);
    }
  }

  /** Aborts when the connection is lost, or was given up; the reason is an {@link EtcdFault}. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }
  lose(why: string): void {
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(new EtcdFault(STATUS.unavailable, why));
    this.#client.close();
  }

  /** One call. A fault of the member's makes the link lost. @throws {EtcdFault} */
  async call<Q, A>(call: Call<Q, A>, request: Q, milliseconds = CALL_MILLISECONDS): Promise<A> {
    try {
      return await this.#send(call, request, milliseconds);
    } catch (error) {
      const fault = faultOf(error);
      // Its watches have the old token too: a new link has a new one for all.
      if (fault.isMembers || fault.needsLogin) this.lose(`${this.endpoint}: ${fault.message}`);
      throw fault;
    }
  }

  /** A member that has no leader refuses the stream, and ends it when it loses its leader: it must not serve what is old. */
  watch(take: (response: WatchResponse) => Promise<void>): WatchStream {
    const decode = (bytes: Buffer): WatchResponse => watchResponse(new Reader(bytes));
    const encode = (request: WatchRequest): Buffer => encoded(watchRequest, request);
    const stream = this.#client.makeBidiStreamRequest(WATCH_PATH, encode, decode, this.#metadata());
    const follow = async (): Promise<void> => {
      const responses: AsyncIterable<WatchResponse> = stream;
      for await (const response of responses) await take(response);
    };
    // Closing the client does not end it: it would hold the connection, and the process, until the next keepalive.
    this.lost.addEventListener("abort", () => stream.cancel(), { once: true });
    follow().then(
      () => this.lose(`${this.endpoint} ended the watches`),
      (error: unknown) => this.lose(`${this.endpoint}: ${faultOf(error).message}`),
    );
    return {
      send: (request) => {
        if (!this.lost.aborted) stream.write(request);
      },
    };
  }

  #send<Q, A>(call: Call<Q, A>, request: Q, milliseconds: number): Promise<A> {
    if (this.#lost.signal.aborted) return Promise.reject(this.#lost.signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<A>();
    const options = { deadline: Date.now() + milliseconds };
    this.#client.makeUnaryRequest(
      call.path,
      call.encode,
      call.decode,
      request,
      this.#metadata(),
      options,
      (error: Grpc.ServiceError | null, answer?: A) => {
        if (error !== null) reject(error);
        else if (answer === undefined) reject(new EtcdFault(STATUS.unavailable, "an answer without a message"));
        else resolve(answer);
      },
    );
    return promise;
  }

  #metadata(): Grpc.Metadata {
    const metadata = new this.#grpc.Metadata();
    metadata.set("hasleader", "true");
    if (this.#token !== undefined) metadata.set("token", this.#token);
    return metadata;
  }

  async #logIn(): Promise<void> {
    if (this.#login === undefined) return;
    this.#token = (await this.#send(authenticate, this.#login, CALL_MILLISECONDS)).token;
  }

  async #connected(): Promise<void> {
    // A call, because it fails at once, and says why; asking the channel to be ready waits for the next attempt.
    await this.#send(status, undefined, CONNECT_MILLISECONDS);
    const channel = this.#client.getChannel();
    const ready = this.#grpc.connectivityState.READY;
    // What leaves this state would connect again by itself, unseen, perhaps to a store that was put back in time.
    channel.watchConnectivityState(ready, Number.POSITIVE_INFINITY, () =>
      this.lose(`the connection to ${this.endpoint} broke`),
    );
    if (channel.getConnectivityState(false) !== ready) throw new EtcdFault(STATUS.unavailable, "not connected");
  }
}
