// graphql-ws as its documentation shows it: `useServer` over ws, and an async generator as the source of a subscription.
//
// What feeds the generators is a set of queues, which costs less than the pub-sub libraries do.

import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { useServer } from "graphql-ws/use/ws";
import { buildSchema } from "graphql";
import { WebSocketServer } from "ws";
import * as live from "./live_events.mjs";

const queues = new Set();

class Queue {
  waiting = [];
  wake = null;

  push(event) {
    this.waiting.push(event);
    this.wake?.();
  }
}

async function* messageAdded() {
  const queue = new Queue();
  queues.add(queue);
  try {
    while (true) {
      while (queue.waiting.length) yield queue.waiting.shift();
      await new Promise((resolve) => (queue.wake = resolve));
    }
  } finally {
    queues.delete(queue);
  }
}

const schema = buildSchema(live.schema);
schema.getSubscriptionType().getFields().messageAdded.subscribe = messageAdded;

const server = createServer(async (request, response) => {
  const event = live.made(await json(request));
  for (const queue of queues) queue.push(event);
  const body = JSON.stringify({ seq: event.messageAdded.message.seq });
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length }).end(body);
});
useServer({ schema }, new WebSocketServer({ server, path: "/graphql" }));
server.listen(0, "127.0.0.1", 4096, () => live.announce(server.address().port));
