/* One conversation: its messages and tool calls in the order of time. Messages grow while an agent writes them. */

import { element } from "../pages/element.js";
import { newId, Problem } from "./client.js";
import { ADD_MESSAGE, MESSAGE_CHANGED, MESSAGE_GROWTH, THREAD, TOOL_CHANGED, WAITING_TOOLS } from "./documents.js";
import { ToolCard } from "./tool.js";

const AUTHORS = { USER: "User", ASSISTANT: "Assistant", SYSTEM: "System", TOOL: "Tool" };
const STATES = { SENDING: "sending…", STREAMING: "writing…", FAILED: "failed", CANCELLED: "cancelled" };
const LAST = "9999"; // a time after all others
const AGAIN_MS = 1000;
const SETTLE_MS = 100;

export class Thread {
  #client;
  #id;
  #log = document.querySelector("#log");
  #earlier = document.querySelector("#earlier");
  #entries = new Map();
  #before;
  #sending = Promise.resolve();
  #settling = setInterval(() => this.#entries.forEach(({ card }) => card?.settle()), SETTLE_MS);
  #closing = new AbortController();

  constructor(client, id, failed) {
    this.#client = client;
    this.#id = id;
    this.#earlier.onclick = () => this.#load(this.#before).catch(failed);
    const changes = [
      [MESSAGE_CHANGED, { id }, ({ message }) => message && this.#show(message)],
      [TOOL_CHANGED, { id }, ({ toolExecution }) => this.#showTool(toolExecution)],
    ];
    client.live(() => this.#load(), changes, failed, this.#closing.signal);
  }

  stop() {
    clearInterval(this.#settling);
    this.#closing.abort();
    this.#clear();
    document.querySelector("#title").textContent = "";
  }

  /* Add a message of the person, and show it at once. A retry has the same id, so nothing is sent twice. */
  async send(content) {
    const id = newId();
    this.#show({ id, version: 0, role: "USER", content, status: "SENDING", createdAt: LAST });
    const input = { id, conversationId: this.#id, role: "USER", content };
    try {
      const sent = this.#sending.then(() => this.#client.ask(ADD_MESSAGE, { input }));
      this.#sending = sent.catch(() => {}); // the next message waits for this one, so they keep their order
      const { message, userErrors } = (await sent).addMessage;
      if (userErrors.length) throw new Error(userErrors.map((each) => each.message).join(" "));
      this.#show(message);
    } catch (problem) {
      this.#remove(id);
      throw problem;
    }
  }

  async #load(before) {
    const { viewer, conversation } = await this.#client.ask(THREAD, { id: this.#id, ...before });
    if (this.#closing.signal.aborted) return;
    if (!conversation) throw new Problem("NOT_FOUND", "There is no such conversation.");
    const { messages, toolExecutions: tools } = conversation;
    const { hasPreviousPage, startCursor } = messages.pageInfo;
    const oldest = hasPreviousPage ? messages.nodes[0].createdAt : "";
    const hasMoreTools = tools.pageInfo.hasPreviousPage && tools.nodes[0].createdAt >= oldest;
    if (!before) this.#clear();
    document.querySelector("#title").textContent = conversation.title ?? "Untitled";
    for (const each of messages.nodes) this.#show(each);
    // Those from before the oldest message that is shown come with the earlier messages.
    for (const each of tools.nodes) if (each.createdAt >= oldest) this.#showTool(each);
    const next = hasMoreTools ? { ...before, toolsBefore: tools.pageInfo.startCursor } : { createdBefore: oldest };
    this.#before = { ...next, before: startCursor ?? before?.before };
    this.#earlier.hidden = !hasPreviousPage && !hasMoreTools;
    if (before) return;
    await this.#showWaiting();
    this.#log.scrollTop = this.#log.scrollHeight;
    return viewer.feedCursor;
  }

  /* Show all calls that wait for a decision, however many later ones there are. */
  async #showWaiting(before) {
    const { conversation } = await this.#client.ask(WAITING_TOOLS, { id: this.#id, before });
    if (this.#closing.signal.aborted || !conversation) return;
    const { nodes, pageInfo } = conversation.toolExecutions;
    for (const each of nodes) this.#showTool(each);
    if (pageInfo.hasPreviousPage) await this.#showWaiting(pageInfo.startCursor);
  }

  #clear() {
    for (const id of [...this.#entries.keys()]) this.#remove(id);
    this.#earlier.hidden = true;
  }

  #remove(id) {
    const entry = this.#entries.get(id);
    entry?.leave?.();
    entry?.element.remove();
    this.#entries.delete(id);
  }

  /* Show the present state of a message. While it is being written, `messageGrowth` alone adds to its text. */
  #show(message) {
    if (message.deletedAt) return this.#remove(message.id);
    const { id, role, content, status, createdAt, finishReason } = message;
    const shown = this.#entries.get(id);
    const version = Number(message.version);
    if (shown && (version < shown.version || (shown.leave && status === "STREAMING"))) return;
    const entry = shown ?? { element: element("article", { className: "message" }), text: document.createTextNode("") };
    const clock = createdAt < LAST ? new Date(createdAt).toLocaleTimeString() : "";
    const time = element("time", { dateTime: createdAt }, clock);
    const state = [STATES[status], status === "FAILED" && finishReason].filter(Boolean).join(": ");
    this.#following(() => {
      Object.assign(entry.element.dataset, { role, status });
      // A screen reader then reads the message when it is complete, not each piece of it.
      entry.element.ariaBusy = String(status === "STREAMING");
      const head = element("header", {}, element("strong", {}, AUTHORS[role]), time, state);
      entry.text.data = content;
      entry.element.replaceChildren(head, element("p", {}, entry.text));
      this.#place(id, Object.assign(entry, { version, createdAt, length: [...content].length }));
    });
    if (status === "STREAMING") this.#grow(id, entry);
    else entry.leave?.();
  }

  /* Add the text that an agent writes, from the text that is shown on. */
  #grow(id, entry) {
    const isHere = () => this.#entries.get(id) === entry && entry.element.dataset.status === "STREAMING";
    const next = ({ text, length, message }) => {
      if (message) return this.#show(message);
      this.#following(() => entry.text.appendData(text));
      entry.length = length;
    };
    const ended = (problem) => problem && setTimeout(() => isHere() && this.#grow(id, entry), AGAIN_MS);
    const advance = ({ length }) => ({ fromOffset: length });
    entry.leave = this.#client.follow(MESSAGE_GROWTH, { id, fromOffset: entry.length }, { next, ended, advance });
  }

  #showTool(tool) {
    if (tool.deletedAt) return this.#remove(tool.id);
    const shown = this.#entries.get(tool.id);
    this.#following(() => {
      if (shown) return shown.card.update(tool);
      const card = new ToolCard(this.#client, tool);
      this.#place(tool.id, { card, element: card.element, createdAt: tool.createdAt });
    });
  }

  /* Put an entry where it belongs by its time. */
  #place(id, entry) {
    const { createdAt, element } = entry;
    this.#entries.set(id, entry);
    if (element.dataset.at === createdAt) return;
    element.dataset.at = createdAt;
    const next = [...this.#log.children].find(({ dataset }) => dataset.at > createdAt);
    this.#log.insertBefore(element, next ?? null);
  }

  /* Change the log, and stay at its end if the end is in sight, but not while a person is at a decision. */
  #following(change) {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    const isDeciding = this.#log.querySelector(".decision:is(:hover, :focus-within)");
    change();
    if (!isDeciding && scrollHeight - scrollTop - clientHeight < 40) this.#log.scrollTop = this.#log.scrollHeight;
  }
}
