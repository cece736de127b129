/* Starts the page: signs in, shows the conversations, and opens the one that the address names (`/chat#<id>`). */

import { onSubmit, report, startBar } from "../pages/bar.js";
import { Session } from "../pages/session.js";
import { Budget } from "./budget.js";
import { Client, newId } from "./client.js";
import { Inbox } from "./inbox.js";
import { Presence } from "./presence.js";
import { Thread } from "./thread.js";

const { graphqlPath, demo } = await fetch("/chat/config.json").then((response) => response.json());
const deviceId = (localStorage["parley.device"] ??= newId());
const session = new Session(graphqlPath, { deviceId, deviceName: "Chat page" });
const composer = document.querySelector("#composer");
const failed = (problem) => report(problem.message);
let email = null; // not known yet; undefined if nobody is signed in
let client, inbox, open;

await session.load();
startBar(session, demo);
session.addEventListener("change", showSession);
addEventListener("hashchange", showThread);
composer.content.addEventListener("input", () => open?.presence.typing());
composer.content.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});
onSubmit(composer, async ({ content }) => {
  const text = content.value;
  if (!text.trim()) return;
  content.value = "";
  try {
    await open.thread.send(text);
  } catch (problem) {
    content.value ||= text; // nothing that was typed is lost
    throw problem;
  }
});
onSubmit(document.querySelector("#create"), async ({ title }) => {
  location.hash = await inbox.create(title.value.trim() || null);
  document.querySelector("#create").reset();
});
showSession();

/* Renewing a token changes nothing; signing in, out, or in as another user does. */
function showSession() {
  if (session.email === email) return;
  close();
  inbox?.stop();
  client?.close();
  email = session.email;
  document.querySelector("#chat").hidden = !email;
  document.querySelector("#welcome").hidden = Boolean(email);
  if (!email) return;
  const made = (client = new Client(graphqlPath, session, (isConnected) => made === client && showState(isConnected)));
  inbox = new Inbox(client, failed);
  showThread();
}

function showThread() {
  close();
  const id = location.hash.slice(1);
  document.querySelector("#chat").classList.toggle("open", Boolean(id));
  document.querySelector("#thread").hidden = !id;
  if (!id || !email) return;
  inbox.mark(id);
  open = {
    thread: new Thread(client, id, failed),
    presence: new Presence(client, id),
    budget: new Budget(client, id, failed),
  };
  composer.content.focus();
}

function close() {
  report("");
  for (const each of Object.values(open ?? {})) each.stop();
  open = undefined;
}

function showState(isConnected) {
  const state = document.querySelector("#state");
  state.textContent = isConnected ? "live" : "reconnecting…";
  state.dataset.connected = isConnected;
}
