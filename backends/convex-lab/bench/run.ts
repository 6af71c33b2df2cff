/**
 * How many lookups a second one core serves, through the HTTP action, over keep-alive connections.
 *   npm run bench -- [--contacts 100000] [--seconds 10] [--connections 16] [--data FILE] [--no-query-cache]
 * With --data the filled file is kept, and used again by the next run.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { parseArgs, promisify } from "node:util";
import { contextOf, workspaces } from "./contexts.ts";

const ROOT = path.join(import.meta.dirname, "..");
const ADMIN_KEY = "bench-admin-key";
const API_KEY = "bench-api-key";
const BATCH = 200;
const WARM_UP_S = 3;

const { values: options } = parseArgs({
  options: {
    contacts: { type: "string", default: "100000" },
    seconds: { type: "string", default: "10" },
    connections: { type: "string", default: "16" },
    data: { type: "string" },
    "no-query-cache": { type: "boolean", default: false },
    "cpu-prof": { type: "string" },
  },
});

const folder = mkdtempSync(path.join(tmpdir(), "convex-lab-bench-"));
try {
  await bench(options.data ?? path.join(folder, "data.sqlite"));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function bench(data: string): Promise<void> {
  const isNew = !existsSync(data);
  const { server, url, siteUrl } = await startServer(data);
  try {
    if (isNew) await fill(url);
    await drive(siteUrl, WARM_UP_S);
    const before_s = cpuSeconds(server.pid!);
    const figures = await drive(siteUrl, Number(options.seconds));
    const cpu_s = cpuSeconds(server.pid!) - before_s;
    const perSecond = figures.lookups / Number(options.seconds);
    console.log(
      `${options.contacts} contacts, ${options.connections} connections, query cache ${options["no-query-cache"] ? "off" : "on"}: ` +
        `${perSecond.toFixed(0)} lookups/s, ${figures.wrong} wrong, ` +
        `p50 ${figures.p50_ms.toFixed(2)} ms, p95 ${figures.p95_ms.toFixed(2)} ms, p99 ${figures.p99_ms.toFixed(2)} ms; ` +
        `server CPU ${((cpu_s / figures.lookups) * 1e6).toFixed(0)} µs a lookup = ${(figures.lookups / cpu_s).toFixed(0)} lookups/s on one full core`,
    );
  } finally {
    server.kill("SIGTERM");
    await once(server, "exit");
  }
}

async function startServer(data: string): Promise<{ server: ChildProcess; url: string; siteUrl: string }> {
  const command = [
    ...pinned(),
    process.execPath,
    ...(options["cpu-prof"] ? ["--cpu-prof", `--cpu-prof-dir=${options["cpu-prof"]}`] : []),
    path.join(ROOT, "src", "main.ts"),
    ...["--functions", path.join(ROOT, "..", "convex", "convex"), "--data", data, "--port", "0", "--site-port", "0", "--env", "CRM_API_KEY"],
    ...(options["no-query-cache"] ? ["--no-query-cache"] : []),
  ];
  const server = spawn(command[0]!, command.slice(1), {
    env: { ...process.env, CONVEX_ADMIN_KEY: ADMIN_KEY, CRM_API_KEY: API_KEY },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: server.stdout! }), "line")) as [string];
  const ready = JSON.parse(line) as { port: number; site_port: number };
  return { server, url: `http://127.0.0.1:${ready.port}`, siteUrl: `http://127.0.0.1:${ready.site_port}` };
}

/** One core for the server, where the system can pin it. */
function pinned(): string[] {
  try {
    execFileSync("taskset", ["-c", "0", "true"]);
    return ["taskset", "-c", "0"];
  } catch {
    return [];
  }
}

async function fill(url: string): Promise<void> {
  const contacts = Number(options.contacts);
  const start = performance.now();
  await mutate(url, "seed:writeWorkspaces", { workspaces: workspaces() });
  for (let from = 0; from < contacts; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, contacts - from) }, (_, i) => contextOf(from + i));
    await mutate(url, "seed:writeContexts", { contexts: batch });
  }
  const seconds = (performance.now() - start) / 1000;
  console.log(`filled ${contacts} contacts in ${seconds.toFixed(1)} s (${(contacts / seconds).toFixed(0)} contacts/s)`);
}

async function mutate(url: string, functionPath: string, args: unknown): Promise<void> {
  const response = await fetch(`${url}/api/mutation`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Convex ${ADMIN_KEY}` },
    body: JSON.stringify({ path: functionPath, args, format: "json" }),
  });
  const answer = (await response.json()) as { status?: string; errorMessage?: string };
  if (answer.status !== "success") throw new Error(answer.errorMessage ?? JSON.stringify(answer));
}

interface Figures {
  lookups: number;
  wrong: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
}

async function drive(siteUrl: string, seconds: number): Promise<Figures> {
  const client = path.join(import.meta.dirname, "client.ts");
  const args = [client, siteUrl, API_KEY, options.contacts, String(seconds), options.connections];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Figures;
}

/** User and system time that a process has used so far; NaN where /proc does not tell. */
function cpuSeconds(pid: number): number {
  try {
    const stat = execFileSync("cat", [`/proc/${pid}/stat`], { encoding: "utf8" });
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return NaN;
  }
}
