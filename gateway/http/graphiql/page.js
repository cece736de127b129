/* Starts the bar and GraphiQL. */

import { createFetcher } from "./fetcher.js";
import { Live } from "./live.js";
import { report, startBar } from "../pages/bar.js";
import { Session } from "../pages/session.js";
import { openTab, storage } from "./storage.js";

const { graphqlPath, demo, examples } = await fetch("/graphiql/config.json").then((response) => response.json());
const session = new Session(graphqlPath, { deviceId: "graphiql", deviceName: "GraphiQL" });
const tabs = examples.map(({ query, variables }) => ({ query, variables: JSON.stringify(variables, null, 2) }));
const live = new Live(graphqlPath, session);

await session.load();
startBar(session, demo);
openTab(tabs[0]);
renderGraphiQL();

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
