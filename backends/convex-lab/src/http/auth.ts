import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { UserError } from "../errors.ts";
import type { Access } from "../runtime/executor.ts";

/** Who may call what: with the admin key everything, without a key what is public. */
export class Authenticator {
  readonly #adminKey: Buffer | undefined;

  constructor(adminKey: string | undefined) {
    this.#adminKey = adminKey ? digest(adminKey) : undefined;
  }

  /** Throws UserError (401) for a key or token that is not accepted: it is never just ignored. */
  accessOf(request: IncomingMessage): Access {
    const header = request.headers.authorization;
    if (header === undefined) return "public";
    if (header.length < 7) throw new UserError("InvalidHeaderFailure", "Invalid authentication header");
    const scheme = header.slice(0, 7).toLowerCase();
    if (scheme === "convex ") {
      if (this.#isAdminKey(header.slice(7))) return "all";
      throw new UserError("BadAdminKey", "The provided admin key was invalid for this instance", { status: 401 });
    }
    if (scheme !== "bearer ") throw new UserError("InvalidAdminKey", "Invalid admin key");
    throw new UserError(
      "NoAuthProvider",
      "No auth provider found matching the given token: convex-lab has no auth providers configured.",
      { status: 401 },
    );
  }

  #isAdminKey(key: string): boolean {
    return this.#adminKey !== undefined && timingSafeEqual(digest(key), this.#adminKey);
  }
}

/** Digests have one length, so comparing them tells nothing about the key's. */
function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
