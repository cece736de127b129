/* GraphiQL's storage. Its tabs are kept for the browser tab's lifetime, and its history permanently. The history has no
   headers, and no operations that contain a password or a token. */

const SECRETS = /password|accessToken|refreshToken|signIn|signUp/i;
const HISTORY = { "graphiql:queries": "queries", "graphiql:favorites": "favorites" };
const placeOf = (key) => (key in HISTORY ? localStorage : sessionStorage);

export const storage = {
  getItem: (key) => placeOf(key).getItem(key),
  setItem: (key, value) => placeOf(key).setItem(key, key in HISTORY ? lasting(value, HISTORY[key]) : value),
  removeItem: (key) => placeOf(key).removeItem(key),
  clear() {
    for (const key in HISTORY) localStorage.removeItem(key);
    sessionStorage.clear();
  },
  get length() {
    return sessionStorage.length + Object.keys(HISTORY).filter((key) => localStorage.getItem(key)).length;
  },
};

function lasting(value, name) {
  const items = JSON.parse(value)[name].filter(({ query, variables }) => !SECRETS.test(`${query} ${variables}`));
  return JSON.stringify({ [name]: items.map(({ headers, ...rest }) => rest) });
}

/* GraphiQL reads the text of the open tab from separate keys. If they differ from the tab, it shows no variables on a
   first visit, and opens an extra tab after a reload. */
export function openTab(first) {
  const state = JSON.parse(sessionStorage.getItem("graphiql:tabState"));
  const tab = state ? state.tabs[state.activeTabIndex] : first;
  sessionStorage.setItem("graphiql:query", tab.query ?? "");
  sessionStorage.setItem("graphiql:variables", tab.variables ?? "");
}
