/* What GraphiQL remembers. The tabs, without their headers, last as long as the browser tab. The history keeps headers,
   and so perhaps a token: it lasts as long as the page. */

const history = new Map();
const isHistory = (key) => key === "graphiql:queries" || key === "graphiql:favorites";

export const storage = {
  getItem: (key) => (isHistory(key) ? history.get(key) ?? null : sessionStorage.getItem(key)),
  setItem: (key, value) => (isHistory(key) ? history.set(key, value) : sessionStorage.setItem(key, value)),
  removeItem: (key) => (isHistory(key) ? history.delete(key) : sessionStorage.removeItem(key)),
  clear() {
    history.clear();
    sessionStorage.clear();
  },
  get length() {
    return history.size + sessionStorage.length;
  },
};

/* GraphiQL takes the text of the open tab from keys of its own. Where those do not agree with the tab, it shows no
   variables on a first visit, and opens one tab too many after a reload. */
export function openTab(first) {
  const state = JSON.parse(sessionStorage.getItem("graphiql:tabState"));
  const tab = state ? state.tabs[state.activeTabIndex] : first;
  sessionStorage.setItem("graphiql:query", tab.query ?? "");
  sessionStorage.setItem("graphiql:variables", tab.variables ?? "");
}
