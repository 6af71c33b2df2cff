/** A real host as its own process, and a client of its API. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

const ROOT = path.join(import.meta.dirname, "..", "..");
export const MAIN = path.join(ROOT, "src", "main.ts");
export const FIXTURES = path.join(ROOT, "test", "fixtures", "convex");
export const ADMIN_KEY = "test-admin-key";

export function temporaryFolder(): { folder: string; [Symbol.dispose](): void } {
  const folder = mkdtempSync(path.join(tmpdir(), "convex-lab-test-"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface LabOptions {
  functions?: string;
  data?: string;
  flags?: string[];
  environment?: Record<string, string>;
}

export type Answer = {
  status: "success" | "error";
  value?: any;
  errorMessage?: string;
  errorData?: any;
  logLines?: string[];
};

export class Lab {
  readonly url: string;
  readonly siteUrl: string;
  readonly process: ChildProcessWithoutNullStreams;
  readonly data: string;
  #stderr = "";

  private constructor(child: ChildProcessWithoutNullStreams, data: string, port: number, sitePort: number) {
    this.process = child;
    this.data = data;
    this.url = `http://127.0.0.1:${port}`;
    this.siteUrl = `http://127.0.0.1:${sitePort}`;
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
  }

  static async start(folder: string, options: LabOptions = {}): Promise<Lab> {
    const data = options.data ?? path.join(folder, "data.sqlite");
    const child = spawnMain(
      ["--functions", options.functions ?? FIXTURES, "--data", data, "--port", "0", "--site-port", "0", ...(options.flags ?? [])],
      options.environment,
    );
    const lines = createInterface({ input: child.stdout });
    const early = once(child, "exit").then(async () => {
      throw new Error(`the host ended early: ${(await child.stderr.toArray()).join("")}`);
    });
    const [line] = (await Promise.race([once(lines, "line"), early])) as [string];
    early.catch(() => undefined);
    const ready = JSON.parse(line) as { port: number; site_port: number };
    return new Lab(child, data, ready.port, ready.site_port);
  }

  get stderr(): string {
    return this.#stderr;
  }

  async call(kind: string, functionPath: string, args: unknown, options: { admin?: boolean; format?: string } = {}): Promise<Answer> {
    const response = await this.post(`/api/${kind}`, { path: functionPath, args, format: options.format ?? "convex_encoded_json" }, options.admin);
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  post(route: string, body: unknown, admin = false): Promise<Response> {
    return fetch(this.url + route, {
      method: "POST",
      headers: { "content-type": "application/json", ...(admin ? { authorization: `Convex ${ADMIN_KEY}` } : {}) },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  }

  async value(kind: string, functionPath: string, args: unknown = {}): Promise<any> {
    const answer = await this.call(kind, functionPath, args);
    if (answer.status !== "success") throw new Error(answer.errorMessage);
    return answer.value;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    const exit = once(this.process, "exit");
    this.process.kill(signal);
    const [code] = (await exit) as [number | null];
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

export function spawnMain(args: string[], environment: Record<string, string> = {}): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, CONVEX_ADMIN_KEY: ADMIN_KEY, ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** Runs the host to its end. */
export async function runMain(args: string[], environment?: Record<string, string>): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawnMain(args, environment);
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout.setEncoding("utf8").toArray(),
    child.stderr.setEncoding("utf8").toArray(),
    once(child, "exit") as Promise<[number | null]>,
  ]);
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
}
