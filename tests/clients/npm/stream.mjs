/* The client `graphql-sse` as a web application uses it: one subscription that outlives its streams and its tokens, and
   operations from standard input, each on a stream of its own. */

import { createClient } from "graphql-sse";
import { given, lines, post, tell } from "./speech.mjs";

const RENEW = `mutation ($input: RefreshSessionInput!) {
  refreshSession(input: $input) { accessToken refreshToken userErrors { code message } }
}`;

let { accessToken, refreshToken } = given;
let again = false;

const client = createClient({
  url: given.socket.replace("ws", "http"),
  headers: async () => {
    if (again) await renew();
    return { Authorization: `Bearer ${accessToken}` };
  },
  retryAttempts: Infinity,
  retry: () => new Promise((retry) => setTimeout(retry, 20)),
  on: {
    connecting: (retrying) => {
      again = retrying;
      if (again) tell({ closed: true });
    },
    connected: () => tell({ connected: true }),
  },
});

async function renew() {
  const { data } = await post(RENEW, { input: { refreshToken } });
  ({ accessToken, refreshToken } = data.refreshSession);
  tell({ renewed: true });
}

const request = {
  query: `subscription ($after: Cursor) { messageAdded(after: $after) { cursor message { seq content } } }`,
  variables: { after: given.after },
};
client.subscribe(request, {
  next({ data }) {
    // The client sends this same object after each reconnection.
    request.variables.after = data.messageAdded.cursor;
    tell({ event: data.messageAdded.message });
  },
  error: (problem) => tell({ broken: problem.message }),
  complete: () => tell({ complete: true }),
});

for await (const operation of lines()) {
  client.subscribe(operation, {
    next: (answer) => tell({ answer }),
    error: (refusal) => tell({ refusal: refusal.message }),
    complete: () => tell({ answered: true }),
  });
}
client.dispose();
process.exit();
