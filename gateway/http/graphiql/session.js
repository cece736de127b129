/* Who the page is signed in as: obtains, renews and forgets the token, and tells listeners of a "change". */

const STORED = "parley.session";
const NEAR_END = 60_000;
const DEVICE = { deviceId: "graphiql", deviceName: "GraphiQL" };
const GRANT = "accessToken refreshToken expiresAt user { email } userErrors { message }";

export class Session extends EventTarget {
  #url;
  #renewal;
  // The refresh token is kept out of storage: it works once, and a duplicated browser tab would use it a second time,
  // for which the gateway ends the whole session.
  #refreshToken;
  #access = JSON.parse(sessionStorage.getItem(STORED));

  constructor(url) {
    super();
    this.#url = url;
  }

  get email() {
    return this.#access?.email;
  }

  async signIn(email, password) {
    const query = `mutation ($input: SignInInput!) { signIn(input: $input) { ${GRANT} } }`;
    const { signIn } = await this.#ask(query, { input: { email, password, ...DEVICE } });
    this.#accept(signIn);
  }

  async useToken(accessToken) {
    const { viewer } = await this.#ask("{ viewer { email } }", {}, accessToken);
    if (!viewer) throw new Error("The gateway does not accept this token.");
    this.#accept({ accessToken, user: viewer });
  }

  /* Ends a session that this page began. A token that was pasted is only forgotten: its session is another program's. */
  async signOut() {
    const { accessToken, expiresAt } = this.#access;
    this.#forget();
    if (expiresAt) await this.#ask("mutation { signOut(input: {}) { userErrors { message } } }", {}, accessToken);
  }

  /* The headers for a request: what the Headers tab says, which wins, and the token. */
  async headers(own = {}) {
    if (Object.keys(own).some((name) => name.toLowerCase() === "authorization")) return own;
    if (this.#refreshToken && this.#access.expiresAt - Date.now() < NEAR_END) await this.#renew();
    return this.#access ? { ...own, Authorization: `Bearer ${this.#access.accessToken}` } : own;
  }

  /* Uses the token in an answer to an operation that was run by hand, such as the "Sign in" tab's. */
  notice(data) {
    const grant = Object.values(data ?? {}).find((field) => field?.accessToken);
    if (grant) this.#accept(grant);
  }

  #renew() {
    this.#renewal ??= this.#refresh().finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  async #refresh() {
    const query = `mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) { ${GRANT} } }`;
    const { refreshSession } = await this.#ask(query, { input: { refreshToken: this.#refreshToken } });
    if (!refreshSession.accessToken) this.#forget();
    this.#accept(refreshSession);
  }

  #accept({ accessToken, refreshToken, expiresAt, user, userErrors }) {
    if (!accessToken) throw new Error(userErrors.map(({ message }) => message).join(" "));
    // Without an end there is nothing to renew before; the token is used until the gateway refuses it.
    this.#refreshToken = expiresAt && refreshToken;
    this.#hold({ accessToken, expiresAt: Date.parse(expiresAt), email: user?.email ?? this.email ?? "this token's user" });
  }

  #forget() {
    this.#refreshToken = undefined;
    this.#hold(null);
  }

  #hold(access) {
    this.#access = access;
    if (access) sessionStorage.setItem(STORED, JSON.stringify(access));
    else sessionStorage.removeItem(STORED);
    this.dispatchEvent(new Event("change"));
  }

  async #ask(query, variables, token) {
    const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(this.#url, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
    const { data, errors } = await response.json().catch(() => ({}));
    if (errors) throw new Error(errors.map(({ message }) => message).join(" "));
    if (!data) throw new Error(`The gateway answered with status ${response.status}.`);
    return data;
  }
}
