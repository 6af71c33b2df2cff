/** Drives lookups over keep-alive connections from a process of its own; prints its figures as JSON. */
import { Agent, get } from "node:http";
import { phoneOf, workspaceOf } from "./contexts.ts";

const [siteUrl, apiKey, contactsText, secondsText, connectionsText] = process.argv.slice(2) as [string, string, string, string, string];
const contacts = Number(contactsText);
const connections = Number(connectionsText);
const until_ms = performance.now() + Number(secondsText) * 1000;
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const latencies_ms: number[] = [];
let wrong = 0;

function lookup(index: number): Promise<boolean> {
  const url = `${siteUrl}/http/contacts/getByPhone?phone=${phoneOf(index)}&workspace_id=${workspaceOf(index)}`;
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: { "x-api-key": apiKey } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve(response.statusCode === 200 && text.includes(`"found":true`)));
    }).on("error", reject);
  });
}

async function user(): Promise<void> {
  while (performance.now() < until_ms) {
    const start = performance.now();
    if (!(await lookup(Math.floor(Math.random() * contacts)))) wrong++;
    latencies_ms.push(performance.now() - start);
  }
}

await Promise.all(Array.from({ length: connections }, user));
agent.destroy();
latencies_ms.sort((a, b) => a - b);
const quantile = (q: number) => latencies_ms[Math.min(latencies_ms.length - 1, Math.floor(q * latencies_ms.length))];
process.stdout.write(JSON.stringify({ lookups: latencies_ms.length, wrong, p50_ms: quantile(0.5), p95_ms: quantile(0.95), p99_ms: quantile(0.99) }));
