// Mercurius as its documentation recommends: on Fastify, operations compiled after the first use, and a loader for
// every link, which Mercurius calls once for all parents of a level.

import fastify from "fastify";
import mercurius from "mercurius";
import * as shared from "./shared.mjs";

const PAGE = 50;

const resolvers = {
  ...shared.scalars,
  Query: {
    viewer: (_, __, { userId }) => ({ id: userId }),
    conversation: (_, { id }, { userId }) => shared.conversation(userId, id),
  },
  Mutation: {
    addMessage: async (_, { input }, { userId }) => ({
      message: await shared.addMessage(userId, input),
      userErrors: [],
    }),
  },
  User: {
    conversations: async (_, { first = PAGE }, { userId }) => ({ nodes: await shared.conversations(userId, first) }),
    usageDays: async (_, { first = PAGE }, { userId }) => ({ nodes: await shared.usageDays(userId, first) }),
  },
};

// Without the cache of a loader: its key is the text of the whole parent, and no parent of ours comes twice.
function loader(load) {
  return {
    loader: (queries, { userId }) =>
      load(
        userId,
        queries.map(({ obj }) => obj),
        queries[0].params.first ?? PAGE,
      ),
    opts: { cache: false },
  };
}

const ids = (parents) => parents.map(({ id }) => id);

const loaders = {
  Conversation: {
    lastMessage: loader((userId, parents) =>
      shared.messagesById(
        userId,
        parents.map(({ lastMessageId }) => lastMessageId),
      ),
    ),
    messages: loader((userId, parents, first) => shared.messagesOf(userId, ids(parents), first)),
  },
  Message: {
    toolExecutions: loader((userId, parents, first) => shared.toolExecutionsOf(userId, ids(parents), first)),
  },
};

const app = fastify({ logger: false });
app.register(mercurius, {
  schema: shared.schema,
  resolvers,
  loaders,
  jit: 1,
  context: (request) => {
    const userId = shared.users.get(request.headers.authorization);
    if (!userId) throw new mercurius.ErrorWithProps("Sign in first.");
    return { userId };
  },
});
await app.listen({ host: "127.0.0.1", port: 0 });
shared.announce(app.server.address().port);
