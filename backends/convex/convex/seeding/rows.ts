/** Rows written by their external_id, under the unique constraints Convex does not have. */
import { ConvexError } from "convex/values";
import type { Value } from "convex/values";
import type { GenericDataModel, GenericDatabaseReader, GenericDatabaseWriter, WithoutSystemFields } from "convex/server";

import type { DataModel, Doc, Id, MutationCtx, TableName } from "../lib/server.ts";

export type SeededTable = Exclude<TableName, "seed_manifest">;
export type Row<Table extends SeededTable> = WithoutSystemFields<Doc<Table>>;

/** Per table the indexes that name one row at most; null values are not compared. */
const UNIQUE_INDEXES: Record<SeededTable, Record<string, string[]>> = {
  workspaces: {
    by_external_id: ["external_id"],
    by_slug: ["slug"],
    by_kapso_phone_id: ["kapso_phone_id"],
  },
  workspace_members: { by_external_id: ["external_id"] },
  contacts: {
    by_external_id: ["external_id"],
    by_seed_index: ["seed_index"],
    by_workspace_id_phone: ["workspace_id", "phone"],
  },
  conversations: { by_external_id: ["external_id"], by_contact_id: ["contact_id"] },
  messages: { by_external_id: ["external_id"], by_kapso_message_id: ["kapso_message_id"] },
  contact_notes: { by_external_id: ["external_id"] },
};

/** Writes and removes rows, and remembers them, so that `checkUnique` can run once all of them are in. */
export class RowWriter {
  readonly #db: GenericDatabaseWriter<DataModel>;
  readonly #written: { table: SeededTable; row: Record<string, unknown> }[] = [];
  #removed = 0;

  constructor(ctx: MutationCtx) {
    this.#db = ctx.db;
  }

  /** How many rows were inserted, changed or removed. */
  get changes(): number {
    return this.#written.length + this.#removed;
  }

  /** Makes the stored document (null: there is none) equal to `row`, writing only what differs. */
  async put<Table extends SeededTable>(table: Table, stored: Doc<Table> | null, row: Row<Table>): Promise<Id<Table>> {
    if (stored === null) {
      this.#written.push({ table, row });
      return await this.#db.insert(table, row);
    }
    const changes = differences(stored, row);
    if (Object.keys(changes).length > 0) {
      this.#written.push({ table, row });
      await this.#db.patch(table, stored._id as Id<Table>, changes as Partial<Doc<Table>>);
    }
    return stored._id as Id<Table>;
  }

  async remove<Table extends SeededTable>(table: Table, stored: Doc<Table>): Promise<void> {
    this.#removed += 1;
    await this.#db.delete(table, stored._id as Id<Table>);
  }

  /** Throws a ConvexError that names the first value that two rows of a unique index share. */
  async checkUnique(): Promise<void> {
    await Promise.all(
      this.#written.flatMap(({ table, row }) =>
        Object.entries(UNIQUE_INDEXES[table]).map(([index, fields]) =>
          checkUnique(this.#db, table, index, fields, row),
        ),
      ),
    );
  }
}

function differences(stored: Record<string, unknown>, row: Record<string, unknown>): Record<string, unknown> {
  // Tags are the one array among the fields, and JSON tells lists of strings apart.
  return Object.fromEntries(
    Object.entries(row).filter(([field, value]) => JSON.stringify(stored[field]) !== JSON.stringify(value)),
  );
}

async function checkUnique(
  db: GenericDatabaseReader<DataModel>,
  table: SeededTable,
  index: string,
  fields: string[],
  row: Record<string, unknown>,
): Promise<void> {
  const values = fields.map((field) => row[field] as Value);
  if (values.includes(null)) return;
  // A table known only at run time has no static type for its indexes.
  const holders = await (db as unknown as GenericDatabaseReader<GenericDataModel>)
    .query(table)
    .withIndex(index, (q) => fields.reduce<any>((range, field, i) => range.eq(field, values[i]), q))
    .take(2);
  if (holders.length < 2) return;
  const others = holders.map((holder) => holder.external_id as string).join(" and ");
  throw new ConvexError(
    `${table}: ${fields.join(", ")} = ${values.join(", ")} would be held by two rows, ${others}. ` +
      "Remove what was seeded before, or the other row, and seed again.",
  );
}
