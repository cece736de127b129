/* How GraphiQL reaches the gateway: queries and mutations over HTTP, subscriptions over a websocket at the same path. */

export function createFetcher(url, session) {
  const http = GraphiQL.createFetcher({ url, fetch: (...request) => fetchAndNotice(session, ...request) });
  return async (params, { headers, documentAST } = {}) => {
    const operation = findOperation(documentAST, params.operationName);
    if (operation?.operation === "subscription") return live(url, session, params, headers, operation);
    const ask = async () => http(params, { headers: await session.headers(headers), documentAST });
    return params.operationName === "IntrospectionQuery" ? whenAllowed(ask, session) : ask();
  };
}

/* A gateway may show its schema only to users: if it refuses, ask again once somebody has signed in. */
async function whenAllowed(ask, session) {
  const answer = await ask();
  if (answer.data || session.email) return answer;
  await new Promise((changed) => session.addEventListener("change", changed, { once: true }));
  return whenAllowed(ask, session);
}

function findOperation(document, name) {
  return document?.definitions.find(
    (definition) => definition.kind === "OperationDefinition" && (!name || definition.name?.value === name),
  );
}

async function fetchAndNotice(session, ...request) {
  const response = await fetch(...request);
  if (response.headers.get("Content-Type")?.includes("json")) {
    const { data } = await response.clone().json();
    session.notice(data);
  }
  return response;
}

/* A subscription with a socket of its own, so that each connects as whoever is signed in when it starts. */
function live(url, session, params, headers, operation) {
  const payload = { ...params, variables: { ...params.variables } };
  const resumes = operation.variableDefinitions.some(({ variable }) => variable.name.value === "after");
  return {
    subscribe(observer) {
      const client = graphqlWs.createClient({
        url: Object.assign(new URL(url, location), { protocol: location.protocol.replace("http", "ws") }).href,
        connectionParams: () => session.headers(headers),
        retryAttempts: 10,
        shouldRetry: () => true,
      });
      const stop = client.subscribe(payload, {
        next(result) {
          // The client sends this same object again when it reconnects, and so goes on where the events broke off.
          if (resumes) payload.variables.after = cursorOf(result) ?? payload.variables.after;
          observer.next(result);
        },
        error: (problem) => observer.error(readable(problem)),
        complete: () => observer.complete(),
      });
      return {
        unsubscribe() {
          stop();
          client.dispose();
        },
      };
    },
  };
}

function cursorOf({ data }) {
  return Object.values(data ?? {}).find((event) => event?.cursor)?.cursor;
}

function readable(problem) {
  if (problem instanceof CloseEvent) {
    return new Error(`The gateway closed the connection: ${problem.reason || "no reason given"} (${problem.code}).`);
  }
  return problem instanceof Event ? new Error("The gateway cannot be reached.") : problem;
}
