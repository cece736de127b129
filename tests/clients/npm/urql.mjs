/* `@urql/core` with its own exchanges: many queries, a mutation, and a subscription over the same `fetch`. */

import { Client, fetchExchange, gql } from "@urql/core";
import { given, lines, tell } from "./speech.mjs";

const types = {};
const client = new Client({
  url: given.http,
  exchanges: [fetchExchange],
  requestPolicy: "network-only",
  preferGetMethod: given.get,
  fetchSubscriptions: true,
  fetchOptions: { headers: { Authorization: `Bearer ${given.accessToken}` } },
  fetch: async (url, options) => {
    const response = await fetch(url, options);
    const kind = `${options.method} ${response.status} ${response.headers.get("content-type")}`;
    types[kind] = (types[kind] ?? 0) + 1;
    return response;
  },
});

const watch = gql`subscription ($id: ID!) { messageAdded(conversationId: $id) { message { content } } }`;
const watching = client
  .subscription(watch, { id: given.conversation })
  .subscribe(({ data, error }) => tell({ event: data?.messageAdded.message.content, error: error?.message }));

const query = gql`query ($id: ID!, $number: Int) { conversation(id: $id) { title messages(first: $number) { totalCount } } }`;
const failures = [];
for (let sent = 0; sent < given.queries; sent += 20) {
  const ask = (each) => client.query(query, { id: given.conversation, number: 1 + (each % 50) }).toPromise();
  const answers = await Promise.all(Array.from({ length: 20 }, (_, each) => ask(sent + each)));
  for (const { data, error } of answers) {
    if (error || data?.conversation.title !== "Asked") failures.push(error?.message ?? "no data");
  }
  tell({ asked: answers.length });
}
tell({ failures, queries: given.queries });

const add = gql`mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { seq } userErrors { code } } }`;
const send = (content) => client.mutation(add, { input: { conversationId: given.conversation, role: "USER", content } });
tell({ added: (await send("through urql").toPromise()).data });
const refused = await client.query(gql`{ viewer { nothing } }`, {}).toPromise();
tell({ refused: refused.error.graphQLErrors.map((each) => each.extensions.code) });
for await (const content of lines()) {
  if (content === null) tell({ types });
  else await send(content).toPromise();
}
watching.unsubscribe();
process.exit();
