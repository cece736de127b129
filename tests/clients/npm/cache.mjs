/* Apollo Client as an application without React uses it: queries and mutations over HTTP, subscriptions over a socket,
   and one normalised cache in the middle. */

import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import { tap } from "rxjs";
import { given, lines, tell, webSocketImpl } from "./speech.mjs";

const authorization = { Authorization: `Bearer ${given.accessToken}` };
let requests = 0;

const overHttp = new HttpLink({
  uri: given.http,
  headers: authorization,
  fetch: (...request) => {
    requests += 1;
    return fetch(...request);
  },
});
const sockets = createClient({
  url: given.socket,
  webSocketImpl,
  connectionParams: authorization,
  retryAttempts: Infinity,
  retryWait: () => new Promise((again) => setTimeout(again, 20)),
  shouldRetry: () => true,
});

/* Remembers the last cursor in the variables that are sent again after a reconnection. */
const resume = new ApolloLink((operation, forward) =>
  forward(operation).pipe(
    tap(({ data }) => {
      const cursor = Object.values(data ?? {}).find((event) => event?.cursor)?.cursor;
      if (cursor) operation.variables.after = cursor;
    }),
  ),
);

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    resume.concat(new GraphQLWsLink(sockets)),
    overHttp,
  ),
});

const CONVERSATION = gql`
  query Conversation($id: ID!) {
    conversation(id: $id) {
      id
      title
      messageCount
      lastMessage {
        id
        content
      }
    }
  }
`;
const RENAME = gql`
  mutation Rename($input: UpdateConversationInput!) {
    updateConversation(input: $input) {
      conversation {
        id
        title
      }
      userErrors {
        code
        field
        message
      }
    }
  }
`;
const ADDED = gql`
  subscription Added($id: ID!, $after: Cursor) {
    messageAdded(conversationId: $id, after: $after) {
      cursor
      message {
        id
        content
        conversation {
          id
          messageCount
          lastMessage {
            id
          }
        }
      }
    }
  }
`;

const variables = { id: given.conversation };

async function failure(options) {
  try {
    await client.query({ fetchPolicy: "no-cache", ...options });
    return null;
  } catch (problem) {
    return { combined: CombinedGraphQLErrors.is(problem), errors: problem.errors };
  }
}

client.watchQuery({ query: CONVERSATION, variables }).subscribe(({ data, loading }) => {
  if (!loading) tell({ shown: data.conversation, requests });
});
await client.query({ query: CONVERSATION, variables });
tell({ again: (await client.query({ query: CONVERSATION, variables })).data.conversation.title, requests });

const rename = (title) => client.mutate({ mutation: RENAME, variables: { input: { ...variables, title } } });
tell({ renamed: (await rename("Renamed")).data.updateConversation, requests });
tell({ refused: (await rename("x".repeat(501))).data.updateConversation });
tell({ failure: await failure({ query: gql`query Wrong { viewer { conversations(first: 1000) { totalCount } } }` }) });
tell({ invalid: await failure({ query: gql`query Wrong { viewer { nothing } }` }) });

client.subscribe({ query: ADDED, variables: { ...variables, after: given.after } }).subscribe({
  next: ({ data, error }) => tell({ event: data?.messageAdded.message.content, error: error?.message }),
  error: (problem) => tell({ broken: String(problem) }),
});

for await (const _ of lines()) tell({ cache: Object.keys(client.cache.extract()).sort(), requests });
client.stop();
await sockets.dispose();
process.exit();
