// Apollo Server as its documentation recommends to begin: the standalone server, and DataLoaders made anew for each
// request.

import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import DataLoader from "dataloader";
import { GraphQLError } from "graphql";
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
  Conversation: {
    lastMessage: ({ lastMessageId }, _, { loaders }) => lastMessageId && loaders.messagesById.load(lastMessageId),
    messages: ({ id }, { first = PAGE }, { loaders }) => loaders.messagesOf(first).load(id),
  },
  Message: {
    toolExecutions: ({ id }, { first = PAGE }, { loaders }) => loaders.toolExecutionsOf(first).load(id),
  },
};

// One DataLoader for each size of page that a request asks for.
function paged(load) {
  const loaders = new Map();
  return (first) => {
    if (!loaders.has(first)) loaders.set(first, new DataLoader((keys) => load(keys, first)));
    return loaders.get(first);
  };
}

const server = new ApolloServer({ typeDefs: shared.schema, resolvers });
const { url } = await startStandaloneServer(server, {
  listen: { host: "127.0.0.1", port: 0 },
  context: async ({ req }) => {
    const userId = shared.users.get(req.headers.authorization);
    if (!userId) throw new GraphQLError("Sign in first.");
    return {
      userId,
      loaders: {
        messagesById: new DataLoader((ids) => shared.messagesById(userId, ids)),
        messagesOf: paged((ids, first) => shared.messagesOf(userId, ids, first)),
        toolExecutionsOf: paged((ids, first) => shared.toolExecutionsOf(userId, ids, first)),
      },
    };
  },
});
shared.announce(new URL(url).port);
