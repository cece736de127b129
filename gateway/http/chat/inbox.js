/* The list of conversations, pinned ones first, then by activity. It follows what any device or agent does. */

import { element } from "../pages/element.js";
import { newId } from "./client.js";
import { ANY_TOOL_CHANGED, CONVERSATION_CHANGED, CREATE_CONVERSATION, INBOX } from "./documents.js";

export class Inbox {
  #client;
  #items = new Map();
  #list = document.querySelector("#inbox ul");
  #more = document.querySelector("#more");
  #end;
  #closing = new AbortController();

  constructor(client, failed) {
    this.#client = client;
    this.#more.onclick = () => this.#load(this.#end).catch(failed);
    const changes = [
      [CONVERSATION_CHANGED, {}, ({ conversation }) => conversation && this.#show(conversation)],
      [ANY_TOOL_CHANGED, {}, ({ toolExecution }) => this.#show(toolExecution.conversation)],
    ];
    client.live(() => this.#load(null), changes, failed, this.#closing.signal);
  }

  /* Mark the conversation that is open. */
  mark(id) {
    for (const [each, { firstChild: link }] of this.#items) link.ariaCurrent = each === id ? "page" : null;
  }

  async create(title) {
    const { createConversation } = await this.#client.ask(CREATE_CONVERSATION, { input: { id: newId(), title } });
    const { conversation, userErrors } = createConversation;
    if (!conversation) throw new Error(userErrors.map(({ message }) => message).join(" "));
    this.#show(conversation);
    return conversation.id;
  }

  stop() {
    this.#closing.abort();
    this.#clear();
  }

  #clear() {
    this.#items.clear();
    this.#list.replaceChildren();
    this.#more.hidden = true;
  }

  async #load(after) {
    const { viewer } = await this.#client.ask(INBOX, { after });
    if (this.#closing.signal.aborted) return;
    const { nodes, pageInfo } = viewer.conversations;
    if (!after) this.#clear();
    for (const each of nodes) this.#show(each);
    this.#end = pageInfo.endCursor;
    this.#more.hidden = !pageInfo.hasNextPage;
    return viewer.feedCursor;
  }

  /* Show the present state of a conversation at its place in the list. */
  #show(conversation) {
    const { id, title, activeAt, isPinned, deletedAt, messageCount, waiting: { totalCount: count } } = conversation;
    const item = this.#items.get(id) ?? element("li", {}, element("a", { href: `#${id}` }));
    const link = item.firstChild;
    item.remove();
    if (deletedAt) return this.#items.delete(id);
    this.#items.set(id, item);
    item.dataset.order = `${isPinned ? 1 : 0} ${activeAt} ${id}`;
    const facts = `${messageCount} ${messageCount === 1 ? "message" : "messages"}${isPinned ? ", pinned" : ""}`;
    link.ariaCurrent = location.hash === `#${id}` ? "page" : null;
    link.replaceChildren(
      element("span", { className: "title" }, title ?? "Untitled"),
      element("span", { className: "faint" }, facts),
      count ? element("strong", { className: "badge" }, `${count} to approve`) : "",
    );
    const next = [...this.#list.children].find(({ dataset }) => dataset.order < item.dataset.order);
    this.#list.insertBefore(item, next ?? null);
  }
}
