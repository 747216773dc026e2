import { shapes } from "@dragonflow/model";
import { StoreError } from "@dragonflow/store";
import { CliError } from "../errors.ts";
import { type StoreAnswer, StoreAsker } from "./asker.ts";
import { apiOfEnvironment, ask, findControllers, ofMachine, readAnswer, type Source, type Sources } from "./socket.ts";
import type { OpenStore } from "./store.ts";

const whose = shapes.object({ chassis: shapes.text });

/** Controllers to ask: through the store, and those that it does not lead to at their sockets, where these are at hand. */
export class Respondents implements AsyncDisposable {
  /** Where names of objects can be had; undefined: nowhere but in the store. */
  readonly api: string | undefined;
  readonly #asker: StoreAsker;
  readonly #sources: readonly Source[];
  #sockets: Promise<ReadonlyMap<string, Source>> | undefined;
  /** Hosts that answer at their sockets, and not through the store. */
  readonly #besideStore = new Set<string>();
  /** Why nothing is asked there any more. */
  readonly #silent = new Map<string, CliError>();

  /** @throws {CliError} there is no such lab. @throws {StoreError} */
  static async open(store: OpenStore, selection: { readonly socket?: string }): Promise<Respondents> {
    const { controllers, api } = await localOf(store, selection);
    return new Respondents(await StoreAsker.open(store.driver), controllers, api);
  }
  private constructor(asker: StoreAsker, sources: readonly Source[], api: string | undefined) {
    this.#asker = asker;
    this.#sources = sources;
    this.api = api;
  }

  /** Of the hosts that are alive, or have their sockets here. A host that has neither is one that the store knows of. */
  get chassis(): readonly string[] {
    const named = this.#sources.flatMap(({ host }) => (host === "" ? [] : [host]));
    return [...new Set([...this.#asker.alive, ...named])].sort();
  }

  /** Whoever did not answer is asked anew. */
  async lookAgain(): Promise<void> {
    this.#silent.clear();
    this.#sockets = undefined;
    await this.#asker.lookWhoLives();
  }
  /** These will be asked, each of them: that is said to the store once. @throws {StoreError} */
  async willAsk(chassis: readonly string[]): Promise<void> {
    await this.#asker.announce(chassis);
  }

  /** @throws {CliError} why the controller of this host does not say it: it is not reached in any way, or refuses. */
  async ask<T>(chassis: string, path: string, shape: shapes.Shape<T>): Promise<T> {
    const known = this.#silent.get(chassis);
    if (known !== undefined) throw known;
    const answer = await this.#byStore(chassis, path);
    if (!(answer instanceof CliError)) return readAnswer(`the controller of ${chassis}`, path, answer, shape);
    const failure = await this.#bySocket(chassis, path, shape, answer);
    if (!(failure instanceof CliError)) return failure;
    this.#silent.set(chassis, failure);
    throw failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#asker[Symbol.asyncDispose]();
  }

  async #byStore(chassis: string, path: string): Promise<StoreAnswer | CliError> {
    if (this.#besideStore.has(chassis)) return new CliError(`${chassis} is not asked through the store any more`);
    return this.#asker.ask(chassis, path).catch((error: unknown) => {
      if (error instanceof CliError) return error;
      // It may go another way.
      if (error instanceof StoreError) return new CliError(error.message, undefined, { cause: error });
      throw error;
    });
  }

  async #bySocket<T>(chassis: string, path: string, shape: shapes.Shape<T>, before: CliError): Promise<T | CliError> {
    const source = (await this.#ownSockets()).get(chassis);
    if (source === undefined) return before;
    try {
      const answer = await ask(source, path, shape);
      this.#besideStore.add(chassis);
      return answer;
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      this.#besideStore.delete(chassis);
      return new CliError(`${before.message}; ${error.message}`);
    }
  }

  /** Sockets by host: one that was given by its path says itself whose it is. */
  async #ownSockets(): Promise<ReadonlyMap<string, Source>> {
    this.#sockets ??= (async () => {
      const found = this.#sources.map(async (source): Promise<readonly [string, Source][]> => {
        if (source.host !== "") return [[source.host, source]];
        try {
          return [[(await ask(source, "/facts", whose)).chassis, source]];
        } catch (error) {
          if (error instanceof CliError) return [];
          throw error;
        }
      });
      return new Map((await Promise.all(found)).flat());
    })();
    return this.#sockets;
  }
}

/** What is at hand besides: of a lab all of it, else what runs on this machine. */
async function localOf({ lab }: OpenStore, { socket }: { readonly socket?: string }): Promise<Sources> {
  if (lab !== undefined) {
    const ofLab = await findControllers({ lab });
    return socket === undefined ? ofLab : { ...ofLab, controllers: [{ host: "", socket }] };
  }
  const controllers = socket === undefined ? ofMachine() : [{ host: "", socket }];
  return { controllers, api: apiOfEnvironment() };
}
