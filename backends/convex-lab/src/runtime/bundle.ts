/** Bundles the functions folder as Convex's own CLI does, and loads the result. */
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build, type BuildFailure } from "esbuild";
import { messageOf, StartupError } from "../errors.ts";
import { ABSENT_GLOBALS, PRESENT_GLOBALS } from "./globals.ts";

const EXTENSIONS = new Set([".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs"]);

export interface LoadedModule {
  /** As in a function's path: "contacts", "admin/users". */
  name: string;
  exports: Record<string, unknown>;
}

/**
 * Loads all modules of `folder`, bundled into `out`, which is emptied first. `out` must stay as long
 * as functions run: a module may import another one only then.
 * Throws StartupError when the folder is unusable or a module does not build or load.
 */
export async function loadFunctions(folder: string, out: string): Promise<LoadedModule[]> {
  const files = await entryPoints(folder);
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await bundle(folder, files, out);
  return await Promise.all(files.map((file) => load(out, moduleName(file))));
}

async function entryPoints(folder: string): Promise<string[]> {
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory()) throw new StartupError(`--functions ${folder}: no such folder`);
  const files = await readdir(folder, { recursive: true });
  const found = files.filter(isEntryPoint).sort();
  if (found.length === 0) throw new StartupError(`--functions ${folder}: holds no TypeScript or JavaScript module`);
  return found;
}

/** The CLI's own rule: no generated code, no dotfiles, no `*.test.ts` or `*.config.ts`. */
function isEntryPoint(file: string): boolean {
  const parts = file.split(path.sep);
  const base = parts.at(-1)!;
  return (
    EXTENSIONS.has(path.extname(base)) &&
    parts[0] !== "_generated" &&
    !parts.includes("node_modules") &&
    !base.startsWith(".") &&
    !base.startsWith("#") &&
    base.split(".").length === 2
  );
}

function moduleName(file: string): string {
  return file.slice(0, -path.extname(file).length).split(path.sep).join("/");
}

async function bundle(folder: string, files: string[], out: string): Promise<void> {
  const injected = path.join(out, "globals.inject.mjs");
  await writeFile(injected, injectedSource());
  await writeFile(path.join(out, "package.json"), '{"type":"module"}');
  try {
    await build({
      absWorkingDir: folder,
      entryPoints: files.map((file) => path.join(folder, file)),
      outbase: folder,
      outdir: path.join(out, "modules"),
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "browser",
      target: "esnext",
      conditions: ["convex", "module"],
      inject: [injected],
      define: { "process.env.NODE_ENV": '"production"' },
      sourcemap: "inline",
      sourcesContent: false,
      keepNames: true,
      logLevel: "silent",
    });
  } catch (error) {
    throw new StartupError(`--functions ${folder}: ${describe(error)}`);
  }
}

/** Every reference to one of these globals becomes an import of this module. */
function injectedSource(): string {
  const present = PRESENT_GLOBALS.map((name) => `const lab_${name} = lab.${name}; export { lab_${name} as ${name} };`);
  const absent = ABSENT_GLOBALS.map((name) => `const lab_${name} = undefined; export { lab_${name} as ${name} };`);
  return [`const lab = globalThis[Symbol.for("convex-lab.globals")];`, ...present, ...absent].join("\n");
}

function describe(error: unknown): string {
  const first = (error as Partial<BuildFailure>).errors?.[0];
  if (first === undefined) return messageOf(error);
  const place = first.location ? `${first.location.file}:${first.location.line}: ` : "";
  const hint = first.text.includes("Could not resolve") ? " (run `npm ci` beside the functions folder)" : "";
  return `${place}${first.text}${hint}`;
}

async function load(out: string, name: string): Promise<LoadedModule> {
  const url = pathToFileURL(path.join(out, "modules", `${name}.js`)).href;
  try {
    return { name, exports: (await import(url)) as Record<string, unknown> };
  } catch (error) {
    throw new StartupError(`functions module ${name}: failed while loading: ${messageOf(error)}`);
  }
}
