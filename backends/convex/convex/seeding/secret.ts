import { ConvexError, v } from "convex/values";
import type { ObjectType, PropertyValidators, VString } from "convex/values";

import { equalInConstantTime, secretFromEnvironment } from "../lib/secrets.ts";

type Operation<Ctx, Args, Returns, Arguments, Value> = {
  args: Args;
  returns: Returns;
  handler: (ctx: Ctx, args: Arguments) => Promise<Value>;
};
type Secret = { secret: string };

/** The same operation with one more argument, `secret`, which must equal SEED_SECRET. */
export function withSecret<Ctx, Args extends PropertyValidators, Returns, Value>(
  operation: Operation<Ctx, Args, Returns, ObjectType<Args>, Value>,
): Operation<Ctx, Args & { secret: VString }, Returns, ObjectType<Args> & Secret, Value> {
  return {
    args: { ...operation.args, secret: v.string() },
    returns: operation.returns,
    handler: async (ctx, { secret, ...args }) => {
      const expected = secretFromEnvironment("SEED_SECRET");
      if (expected === null) {
        throw new ConvexError(
          "SEED_SECRET is not set in the deployment: set it there, or seed with the admin key.",
        );
      }
      if (!equalInConstantTime(secret, expected)) throw new ConvexError("Unauthorized");
      return await operation.handler(ctx, args as unknown as ObjectType<Args>);
    },
  };
}
