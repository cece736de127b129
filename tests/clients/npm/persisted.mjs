/* Apollo Client with its link that sends an operation as the hash of its text, and the text only when asked for it. */

import { createHash } from "node:crypto";
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { given, lines, tell } from "./speech.mjs";

const overHttp = new HttpLink({
  uri: given.http,
  headers: { Authorization: `Bearer ${given.accessToken}` },
  fetch: async (uri, options) => {
    const members = options.body ? JSON.parse(options.body) : Object.fromEntries(new URL(uri).searchParams);
    const response = await fetch(uri, options);
    tell({ request: [options.method, "query" in members, response.status] });
    return response;
  },
});
const persisted = new PersistedQueryLink({
  sha256: (text) => createHash("sha256").update(text).digest("hex"),
  useGETForHashedQueries: given.get,
});
const client = new ApolloClient({ cache: new InMemoryCache(), link: persisted.concat(overHttp) });
/* Named differently, so that of two of these scripts neither finds the text of the other. */
const query = gql(`query Known${given.get ? "Get" : "Post"}($id: ID!) { conversation(id: $id) { title } }`);

for await (const id of lines()) {
  const { data, error } = await client.query({ query, variables: { id }, fetchPolicy: "no-cache", errorPolicy: "all" });
  tell({ title: data?.conversation.title, error: error?.message });
}
client.stop();
process.exit();
