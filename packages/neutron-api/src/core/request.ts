/** Who asks. Without authentication everybody is an administrator, as with Neutron's `noauth`. */
export interface Caller {
  readonly projectId: string;
  readonly isAdmin: boolean;
}

/** Headers of a request, names in lower case. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The one place where authentication plugs in. @throws {NeutronError} 401 */
export type Authenticate = (headers: Headers) => Caller | Promise<Caller>;

export function noAuthentication(defaultProjectId: string): Authenticate {
  return (headers) => {
    const project = headers["x-project-id"];
    return { projectId: typeof project === "string" && project !== "" ? project : defaultProjectId, isAdmin: true };
  };
}
