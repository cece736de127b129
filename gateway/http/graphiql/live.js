/* Running subscriptions, independent of GraphiQL's tabs: each on its own socket, as the user who started it. */

import { Entry } from "./panel.js";

const RETRIES = 10;

export class Live {
  #url;
  #session;
  #email;
  #runs = new Set();

  constructor(url, session) {
    this.#url = Object.assign(new URL(url, location), { protocol: location.protocol.replace("http", "ws") }).href;
    this.#session = session;
    this.#email = session.email;
    session.addEventListener("change", () => this.#sessionChanged());
  }

  /* Start a subscription. It replaces one with the same text and variables. */
  start(params, headers, operation) {
    const key = JSON.stringify([params.query, params.operationName, params.variables]);
    const resumes = operation.variableDefinitions.some(({ variable }) => variable.name.value === "after");
    for (const each of this.#runs) if (each.key === key) each.close();
    const payload = { ...params, variables: { ...params.variables }, extensions: { ready: true } };
    const entry = new Entry(operation.name?.value ?? "subscription", () => run.stop("stopped"), () => run.close());
    const run = { key, stop: (why) => this.#stop(run, why), close: () => this.#close(run), entry };
    this.#runs.add(run);
    entry.say("connecting");
    run.client = this.#connect(entry, headers);
    run.leave = run.client.subscribe(payload, {
      next(result) {
        // The client sends this object again when it reconnects, and so resumes after the last event.
        if (resumes) payload.variables.after = cursorOf(result) ?? payload.variables.after;
        if (!result.extensions?.ready) entry.add(result);
      },
      error: (problem) => run.stop(`failed: ${readable(problem)}`),
      complete: () => run.stop("ended"),
    });
  }

  #connect(entry, headers) {
    return graphqlWs.createClient({
      url: this.#url,
      connectionParams: () => this.#session.headers(headers),
      retryAttempts: RETRIES,
      shouldRetry: () => true,
      on: {
        connected: () => entry.say("listening"),
        closed: () => entry.say("reconnecting"),
      },
    });
  }

  #stop(run, why) {
    if (run.isStopped) return;
    run.isStopped = true;
    run.entry.end(why);
    run.leave?.();
    run.client.terminate();
  }

  #close(run) {
    this.#stop(run, "stopped");
    this.#runs.delete(run);
    run.entry.remove();
  }

  /* Renewing a token changes nothing. Signing out, or in as another user, stops all subscriptions. */
  #sessionChanged() {
    if (this.#session.email === this.#email) return;
    this.#email = this.#session.email;
    for (const run of this.#runs) run.stop("stopped: signed out");
  }
}

function cursorOf({ data, extensions }) {
  return extensions?.ready?.cursor ?? Object.values(data ?? {}).find((event) => event?.cursor)?.cursor;
}

function readable(problem) {
  if (problem instanceof CloseEvent) return `${problem.reason || "the connection was closed"} (${problem.code})`;
  if (problem instanceof Event) return "the gateway cannot be reached";
  return Array.isArray(problem) ? problem.map(({ message }) => message).join(" ") : problem.message;
}
