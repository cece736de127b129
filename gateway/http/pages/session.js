/* The signed-in session, shared by all windows of this browser. Obtains, renews and forgets the tokens, and dispatches
   "change" events. */

import * as vault from "./vault.js";

const NEAR_END = 60_000;
const GRANT = "accessToken refreshToken expiresAt user { email } userErrors { message }";

export class Session extends EventTarget {
  #url;
  #device;
  #grant;

  /* `device` is what a new session says about this page: `deviceId` and `deviceName`. */
  constructor(url, device) {
    super();
    this.#url = url;
    this.#device = device;
    vault.onChange(() => this.load());
  }

  /* Continue the session that is already signed in. */
  async load() {
    this.#become(await vault.read());
  }

  get email() {
    return this.#grant?.email;
  }

  async signIn(email, password) {
    const query = `mutation ($input: SignInInput!) { signIn(input: $input) { ${GRANT} } }`;
    const { signIn } = await this.#ask(query, { input: { email, password, ...this.#device } });
    await this.#accept(signIn);
  }

  async signUp(email, password, fullName) {
    const query = `mutation ($input: SignUpInput!) { signUp(input: $input) { ${GRANT} } }`;
    const { signUp } = await this.#ask(query, { input: { email, password, fullName: fullName || null, ...this.#device } });
    await this.#accept(signUp);
  }

  async useToken(accessToken) {
    const { viewer } = await this.#ask("{ viewer { email } }", {}, accessToken);
    if (!viewer) throw new Error("The gateway does not accept this token.");
    await this.#accept({ accessToken, user: viewer });
  }

  /* End a session that this page began. A pasted token is only forgotten: its session belongs to another program. */
  async signOut() {
    const { accessToken, expiresAt } = this.#grant;
    await this.#forget();
    if (expiresAt) await this.#ask("mutation { signOut(input: {}) { userErrors { message } } }", {}, accessToken);
  }

  /* The headers of a request: the token, and those of the Headers tab, which take precedence. */
  async headers(own = {}) {
    if (authorizes(own)) return own;
    if (this.#isNearEnd()) await vault.alone(() => this.#renew(() => this.#isNearEnd()));
    return this.#grant ? { ...own, Authorization: `Bearer ${this.#grant.accessToken}` } : own;
  }

  /* The gateway has refused these headers. Renew the token, unless it has been renewed since, or sign out if that is
     impossible. */
  async refused({ Authorization }) {
    await vault.alone(() => this.#renew(() => Authorization === `Bearer ${this.#grant?.accessToken}`));
  }

  /* Whether a request with these headers is authenticated. */
  isSignedIn(own) {
    return Boolean(this.#grant) || authorizes(own ?? {});
  }

  /* Use the token in the answer to an operation that the user ran, such as the "Sign in" tab's. */
  async notice(data) {
    const grant = Object.values(data ?? {}).find((field) => field?.accessToken);
    if (grant) await this.#accept(grant);
  }

  #isNearEnd() {
    return this.#grant?.refreshToken && Date.parse(this.#grant.expiresAt) - Date.now() < NEAR_END;
  }

  async #renew(isDue) {
    await this.load(); // another window may have renewed it while this one waited
    if (!isDue()) return;
    const used = this.#grant.refreshToken;
    if (!used) return this.#forget();
    const query = `mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) { ${GRANT} } }`;
    const { refreshSession } = await this.#ask(query, { input: { refreshToken: used } });
    const grant = this.#grantOf(refreshSession);
    // Unless the user signed out meanwhile, or in as another user.
    if (await vault.replace(used, grant)) this.#become(grant);
    if (!grant) throw new Error(refusal(refreshSession));
  }

  async #accept(answer) {
    const grant = this.#grantOf(answer);
    if (!grant) throw new Error(refusal(answer));
    await vault.write(grant);
    this.#become(grant);
  }

  /* Without an expiry time, the token is not renewed but used until the gateway refuses it. */
  #grantOf({ accessToken, refreshToken, expiresAt, user }) {
    const email = user?.email ?? this.email ?? "this token's user";
    return accessToken ? { accessToken, email, ...(expiresAt && { refreshToken, expiresAt }) } : undefined;
  }

  async #forget() {
    this.#become(undefined); // notify listeners immediately
    await vault.write(undefined);
    await this.load();
  }

  #become(grant) {
    const isOther = grant?.accessToken !== this.#grant?.accessToken;
    this.#grant = grant;
    if (isOther) this.dispatchEvent(new Event("change"));
  }

  async #ask(query, variables, token) {
    const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(this.#url, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
    const { data, errors } = await response.json().catch(() => ({}));
    if (errors) throw new Error(errors.map(({ message }) => message).join(" "));
    if (!data) throw new Error(`The gateway responded with status ${response.status}.`);
    return data;
  }
}

function refusal({ userErrors }) {
  return userErrors.map(({ message }) => message).join(" ");
}

function authorizes(headers) {
  return Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
}
