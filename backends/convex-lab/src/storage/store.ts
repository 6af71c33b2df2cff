/** The data of one deployment: versions of it to read, one transaction at a time to write. */
import { SqliteTransaction } from "./transaction.ts";
import { Catalog } from "./catalog.ts";
import { CreationClock } from "./clock.ts";
import { openDataFile, type DataFile } from "./open.ts";
import { EMPTY_SCHEMA, type Schema } from "./schema.ts";
import { Snapshots, type Snapshot } from "./snapshots.ts";
import { applySchema } from "./apply-schema.ts";
import { floatOf, type ConvexJson } from "../values/json.ts";

/** The index keys that a commit touched, by index id; a created table counts under its name. */
export type Writes = Map<number | string, Uint8Array[]>;

export class Store {
  readonly #file: DataFile;
  readonly #snapshots: Snapshots;
  readonly #listeners: ((version: number, writes: Writes) => void)[] = [];
  readonly clock: CreationClock;
  catalog: Catalog;
  schema: Schema = EMPTY_SCHEMA;
  /** Commits so far in this process. */
  version = 0;

  constructor(file: string) {
    this.#file = openDataFile(file);
    this.#snapshots = new Snapshots(file);
    this.catalog = Catalog.load(this.#file.writer);
    this.clock = new CreationClock(this.#lastCreationTime());
  }

  /** Makes tables and indexes fit the schema. Throws StartupError when a stored document does not. */
  useSchema(schema: Schema): void {
    this.catalog = applySchema(this.#file.writer, this.catalog, schema);
    this.schema = schema;
  }

  acquire(): Snapshot {
    return this.#snapshots.acquire(this.version, this.catalog);
  }

  release(snapshot: Snapshot): void {
    this.#snapshots.release(snapshot);
  }

  /** Starts a transaction; the caller makes sure that there is only one at a time. */
  begin(): SqliteTransaction {
    return new SqliteTransaction(this.#file.writer, this.catalog, this.schema, this.clock);
  }

  commit(transaction: SqliteTransaction): void {
    // Before the commit, not after it: while somebody reads the version before, SQLite cannot
    // start its write-ahead log afresh, and under steady reads the log would grow for ever.
    if (transaction.writes.size > 0) this.#snapshots.advance();
    transaction.commit();
    if (transaction.writes.size === 0) return;
    this.catalog = transaction.catalog;
    this.version++;
    for (const listener of this.#listeners) listener(this.version, transaction.writes);
  }

  onCommit(listener: (version: number, writes: Writes) => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#snapshots.close();
    this.#file.writer.close();
    this.#file.lock.close();
  }

  #lastCreationTime(): number {
    let last = 0;
    for (const table of this.catalog.tables()) {
      const row = this.#file.writer
        .prepare(
          `SELECT json_extract(d.json, '$._creationTime') FROM ${table.byCreationTime.sqlTable} i
           JOIN ${table.sqlTable} d ON d.seq = i.seq ORDER BY i.key DESC LIMIT 1`,
        )
        .get() as unknown as [ConvexJson] | undefined;
      if (row !== undefined) last = Math.max(last, floatOf(row[0]));
    }
    return last;
  }
}
