/** HTTP actions on both ports. */
import assert from "node:assert/strict";
import { request as rawRequest } from "node:http";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { Lab, temporaryFolder } from "./support/lab.ts";

const temporary = temporaryFolder();
let lab: Lab;
before(async () => {
  lab = await Lab.start(temporary.folder);
});
after(async () => {
  await lab.stop();
  temporary[Symbol.dispose]();
});

test("the site port serves them at their paths, the main port under /http", async () => {
  for (const base of [lab.siteUrl, `${lab.url}/http`]) {
    const response = await fetch(`${base}/echo?q=1`, { method: "POST", body: "häöü", headers: { "x-test": "t" } });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-answer"), "yes");
    const { origin } = new URL(base);
    assert.deepEqual(await response.json(), { body: "häöü", url: `${origin}/echo?q=1`, header: "t" });
  }
});

test("an action calls a query", async () => {
  await lab.value("mutation", "calls:increment", { name: "web", by: 4 });
  assert.equal(await (await fetch(`${lab.siteUrl}/count?name=web`)).json(), 4);
});

test("prefix routes, HEAD, and what matches nothing", async () => {
  assert.equal(await (await fetch(`${lab.siteUrl}/deep/er`)).text(), "deep");
  const head = await fetch(`${lab.siteUrl}/deep/er`, { method: "HEAD" });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  for (const [url, method] of [[`${lab.siteUrl}/deep`, "GET"], [`${lab.siteUrl}/echo`, "GET"], [`${lab.url}/http`, "GET"]] as const) {
    const response = await fetch(url, { method });
    assert.deepEqual([response.status, await response.text()], [404, "No matching routes found"]);
  }
});

test("a throwing action is a 500 that names the error", async () => {
  const response = await fetch(`${lab.siteUrl}/throw`);
  assert.equal(response.status, 500);
  const body = (await response.json()) as { code: string; trace: string };
  assert.match(body.code, /^\[Request ID: [0-9a-f]{16}\] Server Error: Uncaught Error: in the action$/);
  assert.match(lab.stderr, /^GET \/throw: Uncaught Error: in the action$/m);
  assert.match(body.trace, /^Uncaught Error: in the action\n {4}at .*\.\.\/convex\/http\.ts:\d+:\d+/);
});

test("an action that returns no Response is a 500", async () => {
  assert.equal((await fetch(`${lab.siteUrl}/nothing`)).status, 500);
});

test("an empty answer and a streamed one", async () => {
  assert.equal((await fetch(`${lab.siteUrl}/empty`)).status, 204);
  assert.equal(await (await fetch(`${lab.siteUrl}/stream`)).text(), "part 0\npart 1\npart 2\n");
});

test("too large a body is a 413", async () => {
  const status = await new Promise<number>((resolve, reject) => {
    const request = rawRequest(`${lab.siteUrl}/echo`, { method: "POST", headers: { "content-length": String(21 << 20) } }, (response) =>
      resolve(response.statusCode!),
    );
    request.on("error", reject);
    request.flushHeaders();
  });
  assert.equal(status, 413);
});

test("rubbish instead of HTTP gets a 400 and harms nobody else", async () => {
  const { port } = new URL(lab.siteUrl);
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1", () => socket.write("rubbish\r\n\r\n"));
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString())).on("end", () => resolve(text)).on("error", reject);
  });
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.equal((await fetch(`${lab.siteUrl}/deep/er`)).status, 200);
});
