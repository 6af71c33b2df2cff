/** The command line. */
import { parseArgs } from "node:util";
import path from "node:path";
import { messageOf, StartupError } from "./errors.ts";

export interface Options {
  functions: string;
  data: string;
  host: string;
  port: number;
  sitePort: number;
  /** Names of environment variables that functions may read. */
  env: string[];
  queryCache: boolean;
}

export const USAGE = `usage: node src/main.ts --functions DIR --data FILE [options]
  --functions DIR     the Convex functions folder, such as backends/convex/convex
  --data FILE         the SQLite file that holds the data; created when absent
  --host ADDRESS      address to listen on (127.0.0.1)
  --port PORT         main port: functions API, and HTTP actions under /http (3210; 0 for any)
  --site-port PORT    site port: HTTP actions at their own paths (3211; 0 for any)
  --env NAME          an environment variable that functions may read; repeatable
  --no-query-cache    run every query, even when its result is known
CONVEX_ADMIN_KEY in the environment is the admin key.`;

/** Throws StartupError naming the flag at fault. */
export function parseCommandLine(args: string[]): Options | "help" {
  const { values } = parse(args);
  if (values.help) return "help";
  for (const name of ["functions", "data"] as const) {
    if (!values[name]) throw new StartupError(`--${name} is missing; see --help`);
  }
  return {
    functions: path.resolve(values.functions!),
    data: path.resolve(values.data!),
    host: values.host,
    port: portOf("--port", values.port),
    sitePort: portOf("--site-port", values["site-port"]),
    env: values.env.map(envName),
    queryCache: !values["no-query-cache"],
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        functions: { type: "string" },
        data: { type: "string" },
        host: { type: "string", default: "127.0.0.1" },
        port: { type: "string", default: "3210" },
        "site-port": { type: "string", default: "3211" },
        env: { type: "string", multiple: true, default: [] },
        "no-query-cache": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new StartupError(`${messageOf(error).split("\n")[0]}; see --help`);
  }
}

function portOf(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new StartupError(`${flag} ${text}: not a port number (0 to 65535)`);
}

function envName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new StartupError(`--env ${name.split("=")[0]}: give the name of a variable only; its value is read from the environment`);
}
