/** Puts a deployment together: data, functions, ports; and takes it down again in order. */
import { rm } from "node:fs/promises";
import { loadFunctions } from "./runtime/bundle.ts";
import { Executor } from "./runtime/executor.ts";
import { Functions } from "./runtime/functions.ts";
import { installGlobals, type LogSink } from "./runtime/globals.ts";
import { FunctionsApi } from "./http/api.ts";
import { HttpActions } from "./http/actions.ts";
import { Authenticator } from "./http/auth.ts";
import { ImportApi } from "./http/imports.ts";
import { HttpServer, routeMain, type Handlers } from "./http/server.ts";
import { Imports } from "./imports/imports.ts";
import { Store } from "./storage/store.ts";
import type { Options } from "./cli.ts";
import { VERSION } from "./version.ts";

export interface Host {
  port: number;
  sitePort: number;
  executor: Executor;
  close(): Promise<void>;
}

const logToStderr: LogSink = (path, level, message) => {
  process.stderr.write(`${path} [${level}] ${message}\n`);
};

/** Throws StartupError, leaving nothing behind, when something is not as it should be. */
export async function startHost(
  options: Options,
  environment: NodeJS.ProcessEnv,
  log: LogSink = logToStderr,
): Promise<Host> {
  const cleanups: (() => unknown)[] = [];
  const closeAll = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    const store = new Store(options.data);
    cleanups.push(() => store.close());
    const ready = Promise.withResolvers<Handlers>();
    // Nobody may be waiting for the handlers when starting fails.
    ready.promise.catch(() => undefined);
    const main = new HttpServer(async (request, response) => routeMain(request, response, await ready.promise));
    const site = new HttpServer(async (request, response) =>
      (await ready.promise).actions.handle(request, response, request.url ?? "/"),
    );
    cleanups.push(() => main.close(), () => site.close());
    const port = await main.listen("--port", options.host, options.port);
    const sitePort = await site.listen("--site-port", options.host, options.sitePort);

    installGlobals(functionEnvironment(options, environment, port, sitePort), log);
    const bundle = `${options.data}.functions`;
    // Undone in reverse: the ports are closed before the bundle goes, the data goes last.
    cleanups.splice(1, 0, () => rm(bundle, { recursive: true, force: true }));
    const functions = new Functions(await loadFunctions(options.functions, bundle));
    store.useSchema(functions.schema);
    const executor = new Executor(store, functions, { folder: options.functions, queryCache: options.queryCache });
    const authenticator = new Authenticator(environment["CONVEX_ADMIN_KEY"]);
    const imports = new Imports(store, executor, `${options.data}.imports`);
    await imports.uploads.close();
    ready.resolve({
      api: new FunctionsApi(executor, authenticator, imports),
      imports: new ImportApi(imports, authenticator),
      actions: new HttpActions(executor, functions.router),
      version: `convex-lab-${VERSION}`,
    });
    cleanups.splice(2, 0, () => executor.idle(), () => imports.close());
    return { port, sitePort, executor, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function functionEnvironment(
  { host, env }: Options,
  environment: NodeJS.ProcessEnv,
  port: number,
  sitePort: number,
): Record<string, string> {
  const named = env.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]] as const]));
  return {
    ...Object.fromEntries(named),
    CONVEX_CLOUD_URL: `http://${host}:${port}`,
    CONVEX_SITE_URL: `http://${host}:${sitePort}`,
  };
}
