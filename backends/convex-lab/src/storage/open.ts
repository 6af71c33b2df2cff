/** Opening the data file: format, pragmas, and the lock that keeps a second host out. */
import { StartupError } from "../errors.ts";
import { Connection } from "./connection.ts";
import { Catalog } from "./catalog.ts";

/** "drag" in ASCII: tells our files from anybody else's. */
const APPLICATION_ID = 0x64726167;
const FORMAT_VERSION = 1;

export interface DataFile {
  writer: Connection;
  /** Holds the lock as long as it is open; the kernel releases it even after kill -9. */
  lock: Connection;
}

/** Throws StartupError when the file cannot be used, saying what to do. */
export function openDataFile(file: string): DataFile {
  const lock = takeLock(file);
  try {
    return { writer: openWriter(file), lock };
  } catch (error) {
    lock.close();
    throw error;
  }
}

function takeLock(file: string): Connection {
  try {
    const lock = new Connection(`${file}.lock`);
    lock.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    if (sqliteCode(error) === SQLITE_BUSY) {
      throw new StartupError(
        `--data ${file}: another convex-lab is using this file; stop it or choose another file`,
      );
    }
    throw unusable(file, error);
  }
}

function openWriter(file: string): Connection {
  let writer: Connection | undefined;
  try {
    writer = new Connection(file);
    checkFormat(file, writer);
    // FULL: a commit is on disk when it is acknowledged, power loss included.
    writer.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA journal_size_limit = ${64 * 2 ** 20};
      PRAGMA cache_size = -65536;
      PRAGMA application_id = ${APPLICATION_ID};
      PRAGMA user_version = ${FORMAT_VERSION};
      BEGIN IMMEDIATE;
      ${Catalog.createSql()}
      COMMIT;`);
    return writer;
  } catch (error) {
    writer?.close();
    throw error instanceof StartupError ? error : unusable(file, error);
  }
}

function checkFormat(file: string, connection: Connection): void {
  const pragma = (name: string) => (connection.prepare(`PRAGMA ${name}`).get() as unknown as [number])[0];
  const applicationId = pragma("application_id");
  const version = pragma("user_version");
  const objects = (connection.prepare("SELECT count(*) FROM sqlite_schema").get() as unknown as [number])[0];
  if (applicationId === 0 && objects === 0) return;
  if (applicationId !== APPLICATION_ID) {
    throw new StartupError(`--data ${file}: this SQLite file was not written by convex-lab; choose another file`);
  }
  if (version > FORMAT_VERSION) {
    throw new StartupError(
      `--data ${file}: written by a newer convex-lab (format ${version}, this one knows ${FORMAT_VERSION}); update, or choose another file`,
    );
  }
}

const SQLITE_BUSY = 5;
export const SQLITE_FULL = 13;

/** SQLite's primary result code of an error from node:sqlite, or undefined. */
export function sqliteCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === "number" ? code & 0xff : undefined;
}

function unusable(file: string, error: unknown): StartupError {
  const reason = error instanceof Error ? error.message : String(error);
  return new StartupError(`--data ${file}: cannot be opened for writing (${reason}); check the path and its permissions`);
}
