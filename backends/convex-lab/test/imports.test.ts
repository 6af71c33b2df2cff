/** Bulk imports: the steps over HTTP, what they refuse, and what they do to data, cache and index. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { crc32, deflateRawSync } from "node:zlib";
import { encodeId, tableNumberOf } from "../src/values/ids.ts";
import { ADMIN_KEY, Lab, temporaryFolder } from "./support/lab.ts";

type Row = Record<string, unknown>;
type Entry = { name: string; text: string; deflated?: boolean };

const temporary = temporaryFolder();
let lab: Lab;
before(async () => {
  lab = await Lab.start(temporary.folder);
});
after(async () => {
  await lab.stop();
  temporary[Symbol.dispose]();
});

const lines = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join("\n");

/** An archive as any tool writes it. */
function zip(entries: Entry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, text, deflated = false } of entries) {
    const data = Buffer.from(text);
    const packed = deflated ? deflateRawSync(data) : data;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(deflated ? 8 : 0, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    files.push(Buffer.from("PK\x03\x04"), common, Buffer.from(name), packed);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00"), common, rest, Buffer.from(name));
    offset += 30 + name.length + packed.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, listing, end]);
}

function send(route: string, body: Buffer | string | object, headers: Record<string, string> = {}): Promise<Response> {
  const isBytes = typeof body === "string" || body instanceof Buffer;
  return fetch(lab.url + route, {
    method: "POST",
    headers: { authorization: `Convex ${ADMIN_KEY}`, ...(isBytes ? {} : { "content-type": "application/json" }), ...headers },
    body: isBytes ? (body as string) : JSON.stringify(body),
  });
}

async function upload(parts: (Buffer | string)[], args: object): Promise<string> {
  const { uploadToken } = (await (await send("/api/import/start_upload", "")).json()) as { uploadToken: string };
  const partTokens: unknown[] = [];
  for (const [i, part] of parts.entries()) {
    const answer = await send(`/api/import/upload_part?uploadToken=${uploadToken}&partNumber=${i + 1}`, part);
    assert.equal(answer.status, 200);
    partTokens.push(await answer.json());
  }
  const answer = await send("/api/import/finish_upload", { import: args, uploadToken, partTokens });
  assert.equal(answer.status, 200, await answer.clone().text());
  return ((await answer.json()) as { importId: string }).importId;
}

async function look(importId: string): Promise<any> {
  const { value } = await lab.call("query", "_system/cli/queryImport", { importId }, { admin: true, format: "json" });
  return value;
}

async function stateOf(importId: string, ...wanted: string[]): Promise<any> {
  for (;;) {
    const { state } = await look(importId);
    if (wanted.includes(state.state)) return state;
  }
}

/** Uploads, confirms and waits; returns the last state. */
async function run(parts: (Buffer | string)[], args: object): Promise<any> {
  const id = await upload(parts, args);
  const first = await stateOf(id, "waiting_for_confirmation", "failed");
  if (first.state === "failed") return first;
  assert.equal((await send("/api/perform_import", { importId: id })).status, 200);
  return stateOf(id, "completed", "failed");
}

const append = { mode: "append", format: "jsonLines" };
const note = (title: string, changes: Row = {}): Row => ({ title, rank: 1, ...changes });

describe("imports", () => {
  test("rows are appended in the order of the file, seen by every index and by cached queries", async () => {
    const before = await lab.value("query", "imported:titles", {});
    assert.deepEqual(before, []);
    const rows = ["a", "b", "c"].map((title, i) => note(title, { rank: 3 - i }));
    const text = lines(rows);
    const state = await run([text.slice(0, 10), text.slice(10)], { ...append, tableName: "imported" });
    assert.equal(state.num_rows_written, "3");
    assert.deepEqual(await lab.value("query", "imported:titles", {}), ["a", "b", "c"]);
    assert.deepEqual(await lab.value("query", "imported:titles", { byRank: true }), ["c", "b", "a"]);
  });

  test("an archive's tables are written one after the other, stored or deflated", async () => {
    const archive = zip([
      { name: "README.md", text: "not a table" },
      { name: "snapshot/imported/documents.jsonl", text: `${lines([note("zipped")])}\n` },
      { name: "others/documents.jsonl", text: lines([{ text: "x" }, { text: "y" }]), deflated: true },
    ]);
    const state = await run([archive], { mode: "append", format: "zip" });
    assert.equal(state.num_rows_written, "3");
    assert.ok((await lab.value("query", "imported:titles", {})).includes("zipped"));
  });

  test("a row keeps the id and the creation time it brings, once", async () => {
    const [known] = await lab.value("query", "imported:all", {});
    const number = tableNumberOf(known._id)!;
    const _id = encodeId(number, Buffer.from("0123456789abcdef"));
    const row = lines([note("mine", { _id, _creationTime: 1234.5 })]);
    assert.equal((await run([row], { ...append, tableName: "imported" })).state, "completed");
    const stored = (await lab.value("query", "imported:all", {})).find((one: Row) => one["_id"] === _id);
    assert.deepEqual([stored.title, stored._creationTime], ["mine", 1234.5]);

    const count = (await lab.value("query", "imported:all", {})).length;
    const again = await run([lines([note("other"), note("mine", { _id })])], { ...append, tableName: "imported" });
    assert.match(again.error_message, /^Hit an error while importing:\nCannot create document with _id .* that already exists/);
    assert.equal((await lab.value("query", "imported:all", {})).length, count, "a transaction is written whole or not");

    const foreign = encodeId(number + 1, Buffer.from("0123456789abcdef"));
    for (const [id, words] of [[foreign, /came from a different deployment/], ["nonsense", /invalid _id 'nonsense'/]] as const) {
      const state = await run([lines([note("x", { _id: id })])], { ...append, tableName: "imported" });
      assert.match(state.error_message, words);
    }
  });

  test("what does not fit is refused with its row, before or while it is written", async () => {
    const count = (await lab.value("query", "imported:all", {})).length;
    const cases: [string | Buffer, object, RegExp][] = [
      ["{}\nnope", append, /Row 2 wasn't valid JSON/],
      ["{}\n[1]", append, /Row 2 wasn't a valid Convex value: expected object/],
      ["\n{}", append, /Row 1 wasn't valid JSON/],
      ["\u{feff}{}", append, /BOM is not supported/],
      [Buffer.from([0x22, 0xff, 0x22]), append, /wasn't valid UTF8/],
      [lines([note("x", { rank: "high" })]), append, /does not match the schema/],
      [lines([note("x")]), { ...append, mode: "requireEmpty" }, /Table imported already exists/],
      ["no archive", { mode: "append", format: "zip" }, /invalid zip file/],
      [zip([{ name: "_tables/documents.jsonl", text: "" }]), { mode: "append", format: "zip" }, /not supported by convex-lab/],
    ];
    for (const [body, args, words] of cases) {
      const isZip = (args as { format: string }).format === "zip";
      const state = await run([body], isZip ? args : { ...args, tableName: "imported" });
      assert.equal(state.state, "failed");
      assert.match(state.error_message, words);
    }
    const damaged = zip([{ name: "imported/documents.jsonl", text: lines([note("x")]) }]);
    damaged[damaged.indexOf('"x"') + 1] = 0x79;
    assert.match((await run([damaged], { mode: "append", format: "zip" })).error_message, /invalid zip file/);
    assert.equal((await lab.value("query", "imported:all", {})).length, count);
  });

  test("an import waits to be confirmed, can be canceled, and is listed", async () => {
    const id = await upload([lines([note("never")])], { ...append, tableName: "imported" });
    const waiting = await stateOf(id, "waiting_for_confirmation");
    assert.match(waiting.message_to_confirm, /imported \| 1 \| 0 of \d+/);
    assert.equal(waiting.require_manual_confirmation, false);
    const document = await look(id);
    assert.equal(document.checkpoints[0].is_missing_id_field, true);
    assert.deepEqual([document.format, document.mode], [{ format: "jsonl", table: "imported" }, "Append"]);
    assert.equal((await send("/api/cancel_import", { importId: id })).status, 200);
    assert.deepEqual((await look(id)).state, { state: "failed", error_message: "Import canceled" });
    assert.equal((await send("/api/perform_import", { importId: id })).status, 200);
    assert.equal((await look(id)).state.state, "failed");
    assert.equal((await send("/api/cancel_import", { importId: id })).status, 400);
    const { value } = await lab.call("query", "_system/cli/queryImport:list", {}, { admin: true, format: "json" });
    assert.equal(value[0]._id, id);
    assert.ok(!(await lab.value("query", "imported:titles", {})).includes("never"));
  });

  test("one request does it all", async () => {
    const route = "/api/import?tableName=imported&format=jsonLines&mode=append";
    const answer = await send(route, lines([note("at once")]));
    assert.deepEqual(await answer.json(), { numWritten: 1 });
    const refused = await send(route, "nope");
    assert.equal(refused.status, 400);
    assert.equal(((await refused.json()) as { code: string }).code, "ImportFailed");
  });

  test("requests that are not of the form, or without the key, are refused", async () => {
    const finish = { uploadToken: "x", partTokens: [] };
    const cases: [string, Buffer | string | object, number, string][] = [
      ["/api/import?tableName=t&format=csv", "", 400, "Unsupported"],
      ["/api/import?tableName=t&format=jsonLines&mode=replace", "", 400, "Unsupported"],
      ["/api/import?tableName=t&format=jsonLines&mode=other", "", 400, "BadQueryArgs"],
      ["/api/import?format=jsonLines", "", 400, "InvalidName"],
      ["/api/import?format=zip&tableName=t", "", 400, "InvalidName"],
      ["/api/import?tableName=_storage&format=jsonLines", "", 400, "InvalidTableName"],
      ["/api/import", "", 400, "BadQueryArgs"],
      ["/api/import/upload_part?partNumber=1", "", 400, "BadQueryArgs"],
      ["/api/import/upload_part?uploadToken=../x&partNumber=1", "", 400, "InvalidUploadToken"],
      ["/api/import/finish_upload", { ...finish, import: { format: "zip", mode: "append" } }, 400, "InvalidUploadToken"],
      ["/api/import/finish_upload", finish, 400, "BadJsonBody"],
      ["/api/perform_import", { importId: "x" }, 404, "ImportNotFound"],
      ["/api/perform_import", {}, 400, "BadJsonBody"],
    ];
    for (const [route, body, status, code] of cases) {
      const answer = await send(route, body);
      const said = (await answer.json()) as { code: string };
      assert.deepEqual([answer.status, said.code], [status, code], route);
    }
    for (const [authorization, status, code] of [["", 403, "BadDeployKey"], ["Convex wrong", 401, "BadAdminKey"]] as const) {
      const headers: Record<string, string> = authorization === "" ? {} : { authorization };
      const answer = await fetch(`${lab.url}/api/import/start_upload`, { method: "POST", headers });
      assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [status, code]);
    }
    assert.equal((await fetch(`${lab.url}/api/import/start_upload`)).status, 405);
    const unseen = await lab.call("query", "_system/cli/queryImport:list", {});
    assert.match(unseen.errorMessage!, /Could not find public function/);
  });
});
