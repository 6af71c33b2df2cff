/** The queries by which the Convex CLI watches imports. */
import { CallError } from "../errors.ts";
import type { Access, Outcome } from "../runtime/executor.ts";
import { describeThrown } from "../runtime/function-error.ts";
import { tableNumberOf } from "../values/ids.ts";
import type { ConvexJson } from "../values/json.ts";
import { IMPORTS_TABLE_NUMBER, type Imports } from "./imports.ts";

/** Undefined when the path is none of these, or the caller may not see them. */
export function systemQuery(imports: Imports, path: string, args: unknown, access: Access): Outcome | undefined {
  if (access !== "all") return undefined;
  const name = path.replace(/\.js(?=:|$)/, "").replace(/:default$/, "");
  if (name === "_system/cli/queryImport:list") return success(imports.list());
  if (name !== "_system/cli/queryImport") return undefined;
  const importId = (args as { importId?: unknown } | null)?.importId;
  if (typeof importId === "string" && tableNumberOf(importId) === IMPORTS_TABLE_NUMBER) return success(imports.get(importId));
  const error = new CallError(
    "ArgumentValidationError: Value does not match validator.\nPath: .importId\n" +
      `Value: ${JSON.stringify(importId) ?? "undefined"}\nValidator: v.id("_snapshot_imports")`,
  );
  return { error: describeThrown(error, ""), logLines: [] };
}

function success(value: ConvexJson): Outcome {
  return { value: JSON.stringify(value), logLines: [] };
}
