/* Who else shows a conversation, and who is typing. Nothing of this is stored. */

import { OWN_SESSION, PRESENCE, SIGNAL_PRESENCE } from "./documents.js";

const LOOKING_MS = 10_000;
const TYPING_MS = 2_000;

export class Presence {
  #client;
  #id;
  #own;
  #place = document.querySelector("#presence");
  #typedAt = 0;
  #repeating = setInterval(() => this.#signal("LOOKING"), LOOKING_MS);
  #leave = () => {};
  #isClosed = false;

  constructor(client, id) {
    this.#client = client;
    this.#id = id;
    this.#begin().catch(() => {}); // presence is a nicety: the page works without it
  }

  /* Somebody types on this page. */
  typing() {
    if (Date.now() - this.#typedAt < TYPING_MS) return;
    this.#typedAt = Date.now();
    this.#signal("TYPING");
  }

  stop() {
    clearInterval(this.#repeating);
    this.#isClosed = true;
    this.#leave();
    this.#place.textContent = "";
    this.#signal("AWAY");
  }

  async #begin() {
    this.#signal("LOOKING");
    const { viewer } = await this.#client.ask(OWN_SESSION);
    this.#own = viewer.sessions.nodes.find(({ isCurrent }) => isCurrent)?.id;
    if (this.#isClosed) return;
    const next = ({ devices }) => this.#show(devices);
    this.#leave = this.#client.follow(PRESENCE, { id: this.#id }, { next, ended: () => {}, advance: () => ({}) });
  }

  #show(devices) {
    const shown = devices
      .filter(({ sessionId }) => sessionId !== this.#own)
      .map(({ deviceName, state }) => (deviceName ?? "a device") + (state === "TYPING" ? " (typing…)" : ""));
    this.#place.textContent = shown.length ? `Also here: ${shown.join(", ")}` : "";
  }

  #signal(state) {
    const input = { conversationId: this.#id, state };
    if (!document.hidden || state === "AWAY") this.#client.ask(SIGNAL_PRESENCE, { input }, 1).catch(() => {});
  }
}
