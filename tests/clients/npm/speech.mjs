/* How these scripts and the tests that start them speak: a line of JSON each way, arguments included. */

import { createInterface } from "node:readline";
import { WebSocket as PackagedWebSocket } from "ws";

export const given = JSON.parse(process.argv[2]);

/* Node has had a WebSocket of its own since version 22; an application on an older one brings one along. */
export const webSocketImpl = globalThis.WebSocket ?? PackagedWebSocket;

export function tell(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

export async function* lines() {
  for await (const line of createInterface({ input: process.stdin })) yield JSON.parse(line);
}

/* What `fetch` makes of an operation, for what has no client yet. */
export async function post(query, variables) {
  const response = await fetch(given.http, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}
