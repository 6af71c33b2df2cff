/** Rows written by their external_id, under the unique constraints Convex does not have. */
import { ConvexError } from "convex/values";
import type { Value } from "convex/values";
import type {
  GenericDataModel,
  GenericDatabaseReader,
  GenericDatabaseWriter,
  WithoutSystemFields,
} from "convex/server";

import type { DataModel, Doc, Id, MutationCtx, TableName } from "../lib/server.ts";

export type SeededTable = Exclude<TableName, "seed_manifest">;
export type Row<Table extends SeededTable> = WithoutSystemFields<Doc<Table>>;

/**
 * Per table the indexes that name one row at most; null values are not compared.
 * The UUIDs of children are not asked for: nothing finds a child but through its
 * parent, and asking would double the cost of seeding.
 */
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
  conversations: { by_contact_id: ["contact_id"] },
  messages: { by_kapso_message_id: ["kapso_message_id"] },
  contact_notes: {},
};

/** Writes and removes rows and counts what it changes. */
export class RowWriter {
  readonly #db: GenericDatabaseWriter<DataModel>;
  /** How many rows were inserted, changed or removed. */
  changes = 0;

  constructor(ctx: MutationCtx) {
    this.#db = ctx.db;
  }

  /**
   * Makes the stored document (null: there is none) equal to `row`, writing only
   * what differs. Throws a ConvexError when another row holds a unique value.
   */
  async put<Table extends SeededTable>(
    table: Table,
    stored: Doc<Table> | null,
    row: Row<Table>,
  ): Promise<Id<Table>> {
    const changed = stored === null ? row : differences(stored, row);
    if (Object.keys(changed).length === 0) return stored!._id as Id<Table>;
    this.changes += 1;
    await checkUnique(this.#db, table, row, Object.keys(changed));
    if (stored === null) return await this.#db.insert(table, row);
    await this.#db.patch(table, stored._id as Id<Table>, changed as Partial<Doc<Table>>);
    return stored._id as Id<Table>;
  }

  async remove<Table extends SeededTable>(table: Table, stored: Doc<Table>): Promise<void> {
    this.changes += 1;
    await this.#db.delete(table, stored._id as Id<Table>);
  }
}

function differences(stored: Record<string, unknown>, row: Record<string, unknown>): Record<string, unknown> {
  // Tags are the one array among the fields, and JSON tells lists of strings apart.
  return Object.fromEntries(
    Object.entries(row).filter(([field, value]) => JSON.stringify(stored[field]) !== JSON.stringify(value)),
  );
}

/** Asks the unique indexes that a changed field is part of; they must not know the row's values yet. */
async function checkUnique(
  db: GenericDatabaseReader<DataModel>,
  table: SeededTable,
  row: Record<string, unknown>,
  changedFields: string[],
): Promise<void> {
  const indexes = Object.entries(UNIQUE_INDEXES[table]).filter(([, fields]) =>
    fields.some((field) => changedFields.includes(field)),
  );
  await Promise.all(
    indexes.map(async ([index, fields]) => {
      const values = fields.map((field) => row[field] as Value);
      if (values.includes(null)) return;
      // A table known only at run time has no static type for its indexes.
      const holder = await (db as unknown as GenericDatabaseReader<GenericDataModel>)
        .query(table)
        .withIndex(index, (q) => fields.reduce<any>((range, field, i) => range.eq(field, values[i]), q))
        .first();
      if (holder === null) return;
      // The seeder knows a clash by these words.
      throw new ConvexError(
        `${table}: ${fields.join(", ")} = ${values.join(", ")} would be held by two rows, ` +
          `${holder.external_id} (stored) and ${row.external_id}. ` +
          "Remove what was seeded before, or that row, and seed again.",
      );
    }),
  );
}
