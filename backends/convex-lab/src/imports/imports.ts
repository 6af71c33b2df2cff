/**
 * Bulk imports, one after the other in the background: uploaded, checked, confirmed, written.
 * An import goes on when the client that asked for it is gone.
 */
import { unsupported, UserError, messageOf, InternalError } from "../errors.ts";
import type { Executor } from "../runtime/executor.ts";
import type { Store } from "../storage/store.ts";
import { countRows } from "../storage/rows.ts";
import { newId } from "../values/ids.ts";
import { integerToJson, type ConvexJson, type ConvexObject } from "../values/json.ts";
import { parseImport, type Format, type ImportedTable } from "./parse.ts";
import { Uploads } from "./uploads.ts";

export type Mode = "append" | "requireEmpty";

type State =
  | { state: "uploaded" }
  | { state: "waiting_for_confirmation"; message_to_confirm: string; require_manual_confirmation: boolean }
  | { state: "in_progress"; progress_message: string; checkpoint_messages: string[] }
  | { state: "completed"; timestamp: bigint; num_rows_written: bigint }
  | { state: "failed"; error_message: string };

interface Checkpoint {
  table: string;
  total: number;
  written: number;
  existing: number;
  isMissingId: boolean;
}

interface Import {
  id: string;
  createdAt_ms: number;
  format: Format;
  mode: Mode;
  file: string;
  state: State;
  checkpoints: Checkpoint[];
  /** Settled by every change of the state. */
  changed: PromiseWithResolvers<void>;
}

/** The table number of `_snapshot_imports`: below those of the user's tables. */
export const IMPORTS_TABLE_NUMBER = 17;
const BACKGROUND =
  "Once the import has started, it will run in the background.\nInterrupting `npx convex import` will not cancel it.";
/** Half of what one transaction may write. */
const MAX_ROWS = 8000;
const MAX_BYTES = 1 << 23;
const LISTED = 20;
const NANOSECONDS_PER_MS = 1_000_000n;

export class Imports {
  readonly uploads: Uploads;
  readonly #store: Store;
  readonly #executor: Executor;
  readonly #imports = new Map<string, Import>();
  #working: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(store: Store, executor: Executor, folder: string) {
    this.#store = store;
    this.#executor = executor;
    this.uploads = new Uploads(folder);
  }

  /** Starts checking a file whose upload is complete. */
  start(file: string, format: Format, mode: Mode): string {
    const one: Import = {
      id: newId(IMPORTS_TABLE_NUMBER),
      createdAt_ms: Date.now(),
      format,
      mode,
      file,
      state: { state: "uploaded" },
      checkpoints: [],
      changed: Promise.withResolvers(),
    };
    this.#imports.set(one.id, one);
    this.#queue(one, () => this.#check(one));
    return one.id;
  }

  /** Confirms an import. One that is running or over stays as it is. */
  perform(id: string): void {
    const one = this.#mustFind(id);
    if (one.state.state !== "waiting_for_confirmation") return;
    this.#enter(one, { state: "in_progress", progress_message: "Importing", checkpoint_messages: [] });
    this.#queue(one, () => this.#write(one));
  }

  cancel(id: string): void {
    const one = this.#mustFind(id);
    if (isOver(one)) {
      throw new UserError("CannotCancelImport", `Cannot cancel an import that has ${one.state.state}`);
    }
    this.#enter(one, { state: "failed", error_message: "Import canceled" });
  }

  /** Confirms an import and waits for its end, while `isWanted`. Returns the rows written; throws UserError. */
  async run(id: string, isWanted: () => boolean): Promise<number> {
    const one = this.#mustFind(id);
    for (;;) {
      const { state } = one;
      if (state.state === "completed") return Number(state.num_rows_written);
      if (state.state === "failed") throw new UserError("ImportFailed", state.error_message);
      if (state.state === "waiting_for_confirmation" && isWanted()) this.perform(id);
      else await one.changed.promise;
    }
  }

  /** The stored document of an import as Convex JSON, or null. */
  get(id: string): ConvexJson {
    const one = this.#imports.get(id);
    return one === undefined ? null : documentOf(one);
  }

  /** The newest first. */
  list(): ConvexJson[] {
    return [...this.#imports.values()].reverse().slice(0, LISTED).map(documentOf);
  }

  /** Ends after the transaction that is being written. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#working;
    await this.uploads.close();
  }

  #mustFind(id: string): Import {
    const one = this.#imports.get(id);
    if (one === undefined) throw new UserError("ImportNotFound", `import ${id} not found`, { status: 404 });
    return one;
  }

  #enter(one: Import, state: State): void {
    one.state = state;
    one.changed.resolve();
    one.changed = Promise.withResolvers();
  }

  #queue(one: Import, work: () => Promise<void>): void {
    this.#working = this.#working.then(async () => {
      if (this.#closed || isOver(one)) return;
      try {
        await work();
      } catch (error) {
        this.#fail(one, error);
      }
      if (isOver(one)) await this.uploads.remove(one.file);
    });
  }

  #fail(one: Import, error: unknown): void {
    if (!(error instanceof UserError)) {
      process.stderr.write(`convex-lab: import ${one.id}: ${error instanceof Error ? error.stack : String(error)}\n`);
    }
    const reason = error instanceof InternalError ? "Your request couldn't be completed. Try again later." : messageOf(error);
    this.#enter(one, { state: "failed", error_message: `Hit an error while importing:\n${reason}` });
  }

  /** Reads the whole file once, so that a bad row is told before anything is written. */
  async #check(one: Import): Promise<void> {
    const tables = await this.#parse(one);
    one.checkpoints = tables.map((table) => this.#checkpoint(one, table));
    const summary = one.checkpoints.map(({ table, total, existing }) => `${table} | ${total} | 0 of ${existing} |`);
    const lines = ["Import change summary:", "table | create | delete |", ...summary, BACKGROUND];
    // The file is read without a pause; a cancellation may have come before.
    if (one.state.state !== "uploaded") return;
    this.#enter(one, {
      state: "waiting_for_confirmation",
      message_to_confirm: lines.join("\n"),
      require_manual_confirmation: false,
    });
  }

  #checkpoint({ mode }: Import, { name, documents }: ImportedTable): Checkpoint {
    const checkpoint = { table: name, total: 0, written: 0, existing: this.#count(name), isMissingId: false };
    if (mode === "requireEmpty" && checkpoint.existing > 0) throw tableExists(name);
    for (const document of documents()) {
      checkpoint.total++;
      checkpoint.isMissingId ||= document["_id"] === undefined;
    }
    return checkpoint;
  }

  #count(name: string): number {
    const snapshot = this.#store.acquire();
    try {
      const table = snapshot.catalog.get(name);
      return table === undefined ? 0 : countRows(snapshot.connection, table);
    } finally {
      this.#store.release(snapshot);
    }
  }

  async #parse({ file, format }: Import): Promise<ImportedTable[]> {
    return parseImport(await this.uploads.read(file), format);
  }

  async #write(one: Import): Promise<void> {
    let written = 0;
    for (const [i, { name, documents }] of (await this.#parse(one)).entries()) {
      // A hidden table is not needed here: the check has found this one empty.
      if (one.mode === "requireEmpty" && this.#count(name) > 0) throw tableExists(name);
      const checkpoint = one.checkpoints[i]!;
      for (const rows of chunks(documents())) {
        if (this.#closed || one.state.state !== "in_progress") return;
        await this.#executor.importRows(name, rows);
        checkpoint.written += rows.length;
      }
      written += checkpoint.written;
      this.#report(one, `Imported "${name}" (${checkpoint.written} documents)`);
    }
    if (one.state.state !== "in_progress") return;
    const timestamp = BigInt(Date.now()) * NANOSECONDS_PER_MS;
    this.#enter(one, { state: "completed", timestamp, num_rows_written: BigInt(written) });
  }

  #report(one: Import, message: string): void {
    if (one.state.state !== "in_progress") return;
    const checkpoint_messages = [...one.state.checkpoint_messages, message];
    this.#enter(one, { state: "in_progress", progress_message: message, checkpoint_messages });
  }
}

/** Throws UserError for a mode that is left out. */
export function parseMode(mode: string): Mode {
  if (mode === "append" || mode === "requireEmpty") return mode;
  if (mode === "replace" || mode === "replaceAll") throw unsupported(`Importing in mode ${mode}`);
  throw new UserError(
    "BadQueryArgs",
    `unknown variant \`${mode}\`, expected one of \`append\`, \`replace\`, \`replaceAll\`, \`requireEmpty\``,
  );
}

function isOver({ state }: Import): boolean {
  return state.state === "completed" || state.state === "failed";
}

function* chunks(documents: Iterable<ConvexObject>): Iterable<ConvexObject[]> {
  let rows: ConvexObject[] = [];
  let size = 0;
  for (const document of documents) {
    rows.push(document);
    size += JSON.stringify(document).length;
    if (rows.length > MAX_ROWS || size > MAX_BYTES) {
      yield rows;
      [rows, size] = [[], 0];
    }
  }
  if (rows.length > 0) yield rows;
}

function tableExists(name: string): UserError {
  return new UserError(
    "TableExists",
    `Table ${name} already exists. Please choose a new table name or use replace/append modes.`,
  );
}

function documentOf(one: Import): ConvexObject {
  const state = Object.fromEntries(
    Object.entries(one.state).map(([field, value]) => [field, typeof value === "bigint" ? integerToJson(value) : value]),
  );
  const checkpoints = one.checkpoints.map(({ table, total, written, existing, isMissingId }) => ({
    component_path: null,
    display_table_name: table,
    tablet_id: null,
    total_num_rows_to_write: integerToJson(BigInt(total)),
    num_rows_written: integerToJson(BigInt(written)),
    existing_rows_in_table: integerToJson(BigInt(existing)),
    existing_rows_to_delete: integerToJson(0n),
    is_missing_id_field: isMissingId,
  }));
  return {
    _id: one.id,
    _creationTime: one.createdAt_ms,
    state: state as ConvexObject,
    format: one.format,
    mode: one.mode === "append" ? "Append" : "RequireEmpty",
    component_path: null,
    fq_object_key: one.file,
    member_id: null,
    checkpoints: one.state.state === "uploaded" ? null : checkpoints,
    requestor: { type: "snapshotImport" },
  };
}
