import { parseCommandLine, USAGE } from "./cli.ts";
import { StartupError } from "./errors.ts";

const EXIT_USAGE = 2;

async function main(): Promise<void> {
  const options = parseCommandLine(process.argv.slice(2));
  if (options === "help") {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  // Stack traces of functions then name their source files.
  process.setSourceMapsEnabled(true);
  // A promise that a function forgot must not take the host down.
  process.on("unhandledRejection", (reason) => {
    process.stderr.write(`convex-lab: unhandled rejection in a function: ${String(reason)}\n`);
  });
  // Loaded late, so that a bad command line is answered at once.
  const { startHost } = await import("./host.ts");
  const host = await startHost(options, process.env);
  const stop = () => {
    process.removeAllListeners("SIGTERM").removeAllListeners("SIGINT");
    void host.close().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop).once("SIGINT", stop);
  process.stdout.write(`${JSON.stringify({ ready: true, port: host.port, site_port: host.sitePort })}\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof StartupError)) throw error;
  process.stderr.write(`convex-lab: ${error.message}\n`);
  process.exit(EXIT_USAGE);
}
