/* The client `graphql-ws` as a web application uses it: one subscription that outlives its sockets and its tokens, and
   operations from standard input on the same socket. */

import { createClient } from "graphql-ws";
import { given, lines, post, tell, webSocketImpl } from "./speech.mjs";

const RENEW = `mutation ($input: RefreshSessionInput!) {
  refreshSession(input: $input) { accessToken refreshToken userErrors { code message } }
}`;

let { accessToken, refreshToken } = given;
let refused = false;

const client = createClient({
  url: given.socket,
  webSocketImpl,
  connectionParams: async () => {
    if (refused) await renew();
    return { Authorization: `Bearer ${accessToken}` };
  },
  retryAttempts: Infinity,
  retryWait: () => new Promise((again) => setTimeout(again, 20)),
  shouldRetry: () => true,
  on: {
    connected: () => tell({ connected: true }),
    closed: ({ code, reason }) => {
      refused ||= code === 4403;
      tell({ closed: code, reason });
    },
  },
});

async function renew() {
  const { data } = await post(RENEW, { input: { refreshToken } });
  ({ accessToken, refreshToken } = data.refreshSession);
  refused = false;
  tell({ renewed: true });
}

const payload = {
  query: `subscription ($after: Cursor) { messageAdded(after: $after) { cursor message { seq content } } }`,
  variables: { after: given.after },
};
client.subscribe(payload, {
  next({ data }) {
    // The client sends this same object after each reconnection.
    payload.variables.after = data.messageAdded.cursor;
    tell({ event: data.messageAdded.message });
  },
  error: (problem) => tell({ broken: problem }),
  complete: () => tell({ complete: true }),
});

for await (const operation of lines()) {
  client.subscribe(operation, {
    next: (answer) => tell({ answer }),
    error: (refusal) => tell({ refusal }),
    complete: () => tell({ answered: true }),
  });
}
await client.dispose();
process.exit();
