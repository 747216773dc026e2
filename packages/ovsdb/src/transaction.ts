import { failureOf } from "./connection.ts";
import { ProtocolError, TransactionError, within } from "./errors.ts";
import { excerpt, isArray, isObject, type Json } from "./json.ts";
import type { Operation, Results } from "./operations.ts";

/**
 * Reads the reply to a transact request (RFC 7047 section 4.1.3): one result per operation; after the one that failed
 * there is null; one more where all succeeded and the commit did not.
 * @throws {TransactionError} naming the operation
 * @throws {ProtocolError} `bad-reply`
 */
export function readResults<const Ops extends readonly Operation<unknown>[]>(
  operations: Ops,
  reply: Json,
): Results<Ops> {
  if (!isArray(reply)) throw badReply(reply);
  for (const [index, result] of reply.entries()) {
    const failure = isObject(result) ? failureOf(result) : undefined;
    if (failure === undefined) continue;
    const operation = operations[index];
    const place = operation === undefined ? undefined : index;
    throw new TransactionError({ ...failure, index: place, operation: operation?.title }, reply);
  }
  const results = operations.map((operation, index) => {
    const result = reply[index];
    if (!isObject(result)) throw badReply(reply);
    return within(operation.title, () => operation.result(result));
  });
  // Each result was read by its own operation; that a map over a tuple is a tuple is beyond the compiler.
  return results as Results<Ops>;
}

function badReply(reply: Json): ProtocolError {
  return new ProtocolError("bad-reply", `not what transact answers: ${excerpt(reply)}`);
}
