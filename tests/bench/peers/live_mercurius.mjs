// Mercurius' subscriptions as its documentation shows them: its own pub-sub, in memory.

import fastify from "fastify";
import mercurius from "mercurius";
import * as live from "./live_events.mjs";

const TOPIC = "MESSAGE_ADDED";

const app = fastify({ logger: false });
app.register(mercurius, {
  schema: live.schema,
  resolvers: { Subscription: { messageAdded: { subscribe: (_, __, { pubsub }) => pubsub.subscribe(TOPIC) } } },
  subscription: true,
  jit: 1,
});
app.post("/publish", async (request) => {
  const payload = live.made(request.body);
  await app.graphql.pubsub.publish({ topic: TOPIC, payload });
  return { seq: payload.messageAdded.message.seq };
});
await app.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
live.announce(app.server.address().port);
