/* The panel below GraphiQL: an entry per subscription, with its state and its events, newest first. */

import { element } from "../pages/element.js";

const MOST_EVENTS = 200;
const panel = document.querySelector("#live");

export class Entry {
  #element = element("article", { className: "run" });
  #state = element("span", { className: "state", role: "status" });
  #count = element("span", { className: "count" });
  #list = element("ol");
  #button = element("button", { className: "quiet" }, "Stop");
  #events = 0;
  #hasEnded = false;

  constructor(name, stop, close) {
    const head = element("header");
    this.#button.addEventListener("click", () => (this.#hasEnded ? close() : stop()));
    head.append(element("strong", {}, name), this.#state, this.#count, this.#button);
    this.#element.append(head, this.#list);
    this.#tell();
    panel.prepend(this.#element);
    panel.hidden = false;
  }

  /* Show the state of the subscription. Once it has ended, the state no longer changes. */
  say(state) {
    if (this.#hasEnded) return;
    this.#element.dataset.state = state;
    this.#state.textContent = state;
  }

  end(why) {
    this.say(why);
    this.#element.dataset.state = "ended";
    this.#hasEnded = true;
    this.#button.textContent = "Close";
  }

  /* List an event with its time of arrival. */
  add(result) {
    this.#events += 1;
    this.#tell();
    this.#list.prepend(item(result, new Date()));
    if (this.#events > MOST_EVENTS) this.#list.lastChild.remove();
  }

  remove() {
    this.#element.remove();
    panel.hidden = !panel.children.length;
  }

  #tell() {
    const left = this.#events > MOST_EVENTS ? `, showing the last ${MOST_EVENTS}` : "";
    this.#count.textContent = `${this.#events} ${this.#events === 1 ? "event" : "events"}${left}`;
  }
}

function item(result, at) {
  const clock = at.toTimeString().slice(0, 8) + `.${String(at.getMilliseconds()).padStart(3, "0")}`;
  const time = element("time", { dateTime: at.toISOString() }, clock);
  const summary = element("summary", {}, time, element("code", {}, JSON.stringify(result.errors ?? result.data)));
  const details = element("details", {}, summary, element("pre", {}, JSON.stringify(result, null, 2)));
  return element("li", {}, details);
}
