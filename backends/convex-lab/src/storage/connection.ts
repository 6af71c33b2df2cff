import { DatabaseSync, type StatementSync } from "node:sqlite";

/** One SQLite connection with its prepared statements, each prepared once. Rows come as arrays. */
export class Connection {
  readonly database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string, options: { readOnly?: boolean } = {}) {
    this.database = new DatabaseSync(file, { readOnly: options.readOnly ?? false, timeout: 5000 });
  }

  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      statement.setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  exec(sql: string): void {
    this.database.exec(sql);
  }

  /** Runs a statement that is used again and again but has no parameters, such as COMMIT. */
  run(sql: string): void {
    this.prepare(sql).run();
  }

  /** A dropped or altered table makes prepared statements useless. */
  forgetStatements(): void {
    this.#statements.clear();
  }

  close(): void {
    this.#statements.clear();
    this.database.close();
  }
}
