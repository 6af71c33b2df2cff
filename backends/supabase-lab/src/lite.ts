/**
 * Supabase Lite's command line over ../supabase, for the lab:
 *
 *     node src/lite.ts migration up
 *     node src/lite.ts start --no-admin
 *
 * It differs from `lite` itself in three ways: the configuration is config.ts, the
 * telemetry is off, and the keys that `lite start` prints do not reach the log.
 */
import path from "node:path";

const SECRETS = ["SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_DB_URL"];

function withoutSecrets(text: string): string {
  return SECRETS.reduce((rest, name) => {
    const value = process.env[name];
    return value ? rest.replaceAll(value, "[secret]") : rest;
  }, text);
}

for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write.bind(stream) as (chunk: string | Uint8Array, ...rest: unknown[]) => boolean;
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean =>
    write(typeof chunk === "string" ? withoutSecrets(chunk) : chunk, ...rest);
}

process.env.DO_NOT_TRACK = "1";
// Lite looks for supabase/migrations under the current folder, and for the configuration relative to it.
const backends = path.resolve(import.meta.dirname, "..", "..");
process.chdir(backends);
process.argv.push("--config", path.relative(backends, path.join(import.meta.dirname, "config.ts")));

await import(new URL("index.js", import.meta.resolve("@supabase/lite/cli")).href);
