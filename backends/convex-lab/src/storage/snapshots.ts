import { Connection } from "./connection.ts";
import type { Catalog } from "./catalog.ts";

/** A frozen view of all committed data, shared by every query that started at the same version. */
export interface Snapshot {
  readonly connection: Connection;
  readonly catalog: Catalog;
  readonly version: number;
}

interface Live extends Snapshot {
  users: number;
  stale: boolean;
}

/**
 * Hands out read transactions. As long as nothing is committed, all queries share one open read
 * transaction; a commit makes it stale, and it is closed when its last query ends. Connections
 * are reused, so there are as many as versions being read at once.
 */
export class Snapshots {
  readonly #file: string;
  readonly #idle: Connection[] = [];
  #current: Live | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  acquire(version: number, catalog: Catalog): Snapshot {
    if (this.#current === undefined) {
      const connection = this.#idle.pop() ?? openReader(this.#file);
      connection.run("BEGIN");
      // SQLite takes its snapshot at the first read, not at BEGIN.
      connection.prepare("SELECT 1 FROM lab_tables LIMIT 1").get();
      this.#current = { connection, catalog, version, users: 0, stale: false };
    }
    this.#current.users++;
    return this.#current;
  }

  release(snapshot: Snapshot): void {
    const live = snapshot as Live;
    live.users--;
    this.#closeIfDone(live);
  }

  /** To be called with every commit: queries that start from now on must see it. */
  advance(): void {
    const live = this.#current;
    if (live === undefined) return;
    this.#current = undefined;
    live.stale = true;
    this.#closeIfDone(live);
  }

  #closeIfDone(live: Live): void {
    if (!live.stale || live.users > 0) return;
    live.connection.run("COMMIT");
    this.#idle.push(live.connection);
  }

  close(): void {
    this.#current?.connection.close();
    this.#current = undefined;
    for (const connection of this.#idle.splice(0)) connection.close();
  }
}

/** Maps the file into memory: a read then costs no system call. */
const MMAP_BYTES = 2 ** 32;

function openReader(file: string): Connection {
  const connection = new Connection(file, { readOnly: true });
  connection.exec(`PRAGMA mmap_size = ${MMAP_BYTES}; PRAGMA cache_size = -32768`);
  return connection;
}
