/** Files on their way in: parts are appended as they come, as the backend does on a local disk. */
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { UserError } from "../errors.ts";

export class Uploads {
  readonly #folder: string;
  readonly #open = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async start(): Promise<string> {
    const token = randomUUID();
    await mkdir(this.#folder, { recursive: true });
    await writeFile(this.#path(token), "");
    this.#open.add(token);
    return token;
  }

  /** Throws UserError for a token that is none. */
  async add(token: string, part: Buffer): Promise<void> {
    this.#check(token);
    await appendFile(this.#path(token), part);
  }

  finish(token: string): string {
    this.#check(token);
    this.#open.delete(token);
    return token;
  }

  read(finished: string): Promise<Buffer> {
    return readFile(this.#path(finished));
  }

  remove(finished: string): Promise<void> {
    return rm(this.#path(finished), { force: true });
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }

  #check(token: string): void {
    if (!this.#open.has(token)) throw new UserError("InvalidUploadToken", "The upload token is not valid");
  }

  #path(token: string): string {
    return path.join(this.#folder, token);
  }
}
