/* The bar above GraphiQL, and GraphiQL itself. */

import { createFetcher } from "./fetcher.js";
import { Live } from "./live.js";
import { Session } from "./session.js";
import { openTab, storage } from "./storage.js";

const { graphqlPath, demo, examples } = await fetch("/graphiql/config.json").then((response) => response.json());
const session = new Session(graphqlPath);
const tabs = examples.map(({ query, variables }) => ({ query, variables: JSON.stringify(variables, null, 2) }));
const forms = [...document.forms];
const [signIn, signUp, useToken, signedIn] = forms;
const live = new Live(graphqlPath, session);

await session.load();
startBar();
openTab(tabs[0]);
renderGraphiQL();

function startBar() {
  if (demo) {
    signIn.elements.email.value = demo.email;
    signIn.elements.password.value = demo.password;
  }
  onSubmit(signIn, ({ email, password }) => session.signIn(email.value, password.value));
  onSubmit(signUp, async ({ email, password, fullName }) => {
    await session.signUp(email.value, password.value, fullName.value);
    signUp.reset();
  });
  onSubmit(useToken, ({ token }) => session.useToken(token.value.trim()).then(() => useToken.reset()));
  onSubmit(signedIn, () => session.signOut());
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => {
      report("");
      show(document.forms[button.dataset.show]);
      document.forms[button.dataset.show].querySelector("input").focus();
    });
  }
  session.addEventListener("change", showSession);
  showSession();
}

function onSubmit(form, act) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    report("");
    try {
      await act(form.elements);
    } catch (problem) {
      report(problem.message);
    } finally {
      button.disabled = false;
    }
  });
}

function showSession() {
  report("");
  document.querySelector("#who").textContent = session.email ?? "";
  show(session.email ? signedIn : signIn);
}

function show(form) {
  for (const each of forms) each.hidden = each !== form;
}

function report(text) {
  document.querySelector("#problem").textContent = text;
}

function renderGraphiQL() {
  ReactDOM.createRoot(document.querySelector("#graphiql")).render(
    React.createElement(GraphiQL, {
      fetcher: createFetcher(graphqlPath, session, live, report),
      plugins: [GraphiQLPluginExplorer.explorerPlugin()],
      defaultTabs: tabs,
      defaultEditorToolsVisibility: "variables",
      shouldPersistHeaders: false,
      showPersistHeadersSettings: false,
      storage,
    }),
  );
}
