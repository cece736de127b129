/* A GraphQL client for Parley: queries and mutations over HTTP, subscriptions over one websocket (graphql-ws).

   A connection that breaks is made again, and each subscription goes on after its last event. */

const PATIENCE = 5; // tries of a query or mutation
const PING_MS = 10_000;
const LONGEST_WAIT_MS = 15_000;
const UNREACHABLE = "UNREACHABLE"; // the code of problems that the gateway did not report
const PASSING = [UNREACHABLE, "RESYNC", "OVERLOADED", "UNAVAILABLE", "TIMED_OUT", "INTERNAL"]; // a later try may pass

/* `session` provides the headers of requests; `report` is told whether there is a connection when this changes. */
export class Client {
  #url;
  #session;
  #socket;
  #headers;
  #pong;

  constructor(url, session, report) {
    this.#url = url;
    this.#session = session;
    this.#socket = graphqlWs.createClient({
      url: Object.assign(new URL(url, location), { protocol: location.protocol.replace("http", "ws") }).href,
      connectionParams: async () => (this.#headers = await session.headers()),
      keepAlive: PING_MS,
      jsonMessageReviver: exact,
      retryAttempts: Infinity,
      shouldRetry: () => true,
      retryWait: pause,
      on: {
        connected: () => report(true),
        closed: ({ code }) => {
          clearTimeout(this.#pong);
          report(false);
          if (code === 4403) session.refused(this.#headers).catch(() => {});
        },
        // Without an answer, the connection is dead, although nobody has closed it.
        ping: (received) => received || (this.#pong = setTimeout(() => this.#socket.terminate(), PING_MS / 2)),
        pong: (received) => received && clearTimeout(this.#pong),
      },
    });
  }

  /* The data of a query or mutation. It is sent again if it may not have arrived, so give new objects an `id`: then
     nothing is made twice. Throws a `Problem`. */
  async ask(query, variables = {}, tries = PATIENCE) {
    let headers;
    try {
      headers = await this.#session.headers().catch(unreachable);
      return await this.#post(headers, { query, variables });
    } catch (problem) {
      const isRefused = problem.code === "UNAUTHENTICATED" && headers?.Authorization;
      if (tries <= 1 || !(isRefused || PASSING.includes(problem.code))) throw problem;
      await (isRefused ? this.#session.refused(headers).catch(() => {}) : pause(PATIENCE - tries));
    }
    return this.ask(query, variables, tries - 1);
  }

  /* Run a subscription: `next` gets each event, `ended` a `Problem`, or nothing if the gateway completed it. After a
     lost connection it is sent again with the variables that `advance` makes of the last event. Returns a function
     that ends it. */
  follow(query, variables, { next, ended, advance = ({ cursor }) => ({ after: cursor }) }) {
    const payload = { query, variables: { ...variables } };
    const leave = this.#socket.subscribe(payload, {
      next({ data, errors }) {
        if (errors) {
          leave();
          return ended(reported(errors));
        }
        const [event] = Object.values(data);
        next(event);
        Object.assign(payload.variables, advance(event)); // graphql-ws sends this object again when it reconnects
      },
      error: (problem) => ended(Array.isArray(problem) ? reported(problem) : new Problem(UNREACHABLE)),
      complete: () => ended(),
    });
    return leave;
  }

  /* Keep a view up to date. `load` shows the present state and returns its `feedCursor`. The subscriptions, each a
     [query, variables, next], go on from this cursor, so nothing is missed or shown twice. If the gateway no longer has
     the events after a cursor (RESYNC), `load` is called again. `failed` gets errors that stay; `signal` ends it. */
  live(load, subscriptions, failed, signal) {
    this.#keep(load, subscriptions, signal).catch((problem) => signal.aborted || failed(problem));
  }

  async #keep(load, subscriptions, signal) {
    for (let failures = 0; !signal.aborted; failures++) {
      let leave = [];
      try {
        const after = await load();
        if (signal.aborted) return;
        await new Promise((done, failed) => {
          const ended = (problem) => failed(problem ?? new Problem(UNREACHABLE, "The subscription ended."));
          signal.addEventListener("abort", done);
          leave = subscriptions.map(([query, variables, next]) => {
            const show = (event) => signal.aborted || ((failures = 0), next(event));
            return this.follow(query, { ...variables, after }, { next: show, ended });
          });
        });
      } catch (problem) {
        if (!PASSING.includes(problem.code)) throw problem;
        if (problem.code !== "RESYNC" || failures) await pause(failures);
      } finally {
        for (const each of leave) each();
      }
    }
  }

  /* End all subscriptions. */
  close() {
    this.#socket.dispose();
  }

  async #post(headers, body) {
    headers = { "Content-Type": "application/json", ...headers };
    const response = await fetch(this.#url, { method: "POST", headers, body: JSON.stringify(body) }).catch(unreachable);
    const { data, errors } = await response.text().then((text) => JSON.parse(text, exact)).catch(unreachable);
    if (errors) throw reported(errors);
    return data;
  }
}

/* Why an operation failed. `code` is one of the API's error codes, or `UNREACHABLE`. */
export class Problem extends Error {
  constructor(code, message) {
    super(message || "The gateway cannot be reached.");
    this.code = code;
  }
}

function reported(errors) {
  return new Problem(errors[0].extensions?.code, errors.map(({ message }) => message).join(" "));
}

/* A reviver of JSON that keeps a number as it is written if JavaScript would change it. Older browsers cannot tell how
   it is written, so there a large one is marked. */
function exact(key, value, context) {
  if (typeof value !== "number" || String(value) === context?.source) return value;
  if (JSON.rawJSON) return JSON.rawJSON(context.source);
  return Math.abs(value) > Number.MAX_SAFE_INTEGER ? `about ${value}` : value;
}

function unreachable() {
  throw new Problem(UNREACHABLE);
}

/* A new id for an object, a UUID. `crypto.randomUUID` does not exist on pages that came over plain HTTP. */
export function newId() {
  const digit = (each) => (each ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (each / 4)))).toString(16);
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, digit);
}

/* Wait before another try: longer each time, at random, and no longer than until the network is back. */
function pause(failures) {
  const wait = Math.min(LONGEST_WAIT_MS, 250 * 2 ** failures) * (0.5 + Math.random() / 2);
  return new Promise((done) => {
    setTimeout(done, wait);
    addEventListener("online", done, { once: true });
  });
}
