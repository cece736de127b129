/* GraphiQL's fetcher: queries and mutations go over HTTP, subscriptions to the panel below GraphiQL. */

const SIGN_IN_FIRST = "Sign in first, with the form above or the tab “SignIn”.";

/* `report` shows a message to the user. */
export function createFetcher(url, session, live, report) {
  return async (params, { headers, documentAST } = {}) => {
    const operation = findOperation(documentAST, params.operationName);
    if (operation?.operation === "subscription") {
      if (!session.isSignedIn(headers)) return signInFirst({}, report);
      live.start(params, headers, operation);
      return { extensions: { note: "Its events are listed below, even while you use other tabs." } };
    }
    const ask = () => post(url, params, session, headers);
    if (params.operationName === "IntrospectionQuery") return whenAllowed(ask, session);
    const answer = await ask();
    return !session.isSignedIn(headers) && isForUsers(answer) ? signInFirst(answer, report) : answer;
  };
}

function findOperation(document, name) {
  return document?.definitions.find(
    (definition) => definition.kind === "OperationDefinition" && (!name || definition.name?.value === name),
  );
}

/* A gateway may show its schema only to signed-in users. If it refuses, retry after sign-in. */
async function whenAllowed(ask, session) {
  const answer = await ask();
  if (answer.data || session.email) return answer;
  await new Promise((changed) => session.addEventListener("change", changed, { once: true }));
  return whenAllowed(ask, session);
}

async function post(url, params, session, own) {
  const headers = { "Content-Type": "application/json", ...(await session.headers(own)) };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(params) });
  const answer = await response.json().catch(() => null);
  if (!answer) throw new Error(`The gateway responded with status ${response.status}.`);
  await session.notice(answer.data);
  return answer;
}

function isForUsers({ data, errors }) {
  return data?.viewer === null || errors?.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED");
}

function signInFirst(answer, report) {
  report(SIGN_IN_FIRST);
  return { ...answer, extensions: { ...answer.extensions, note: SIGN_IN_FIRST } };
}
