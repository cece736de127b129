/* The cost of a conversation, what was spent today, and what remains of each quota. */

import { element } from "../pages/element.js";
import { BUDGET, BUDGET_CHANGED } from "./documents.js";

const GATHER_MS = 300;

export class Budget {
  #client;
  #id;
  #place = document.querySelector("#budget");
  #due;
  #closing = new AbortController();

  constructor(client, id, failed) {
    this.#client = client;
    this.#id = id;
    const changed = () => (this.#due ??= setTimeout(() => this.#load().catch(failed), GATHER_MS));
    client.live(() => this.#load(), [[BUDGET_CHANGED, {}, changed]], failed, this.#closing.signal);
  }

  stop() {
    this.#closing.abort();
    clearTimeout(this.#due);
    this.#place.replaceChildren();
  }

  async #load() {
    this.#due = undefined;
    const today = new Date().toISOString().slice(0, 10);
    const { viewer, conversation } = await this.#client.ask(BUDGET, { id: this.#id, today });
    if (this.#closing.signal.aborted) return;
    const { costUsd, totalTokens } = conversation?.usage ?? { costUsd: 0, totalTokens: 0 };
    this.#place.replaceChildren(
      element("span", {}, `This conversation: ${dollars(costUsd)}, ${Number(totalTokens).toLocaleString()} tokens`),
      element("span", {}, `Today: ${dollars(viewer.usage.costUsd)}`),
      ...viewer.usageQuotas.nodes.map(quota),
    );
    return viewer.feedCursor;
  }
}

function quota({ unit, period, limit, used, reserved, remaining, mode, resetsAt }) {
  const show = unit === "USD" ? dollars : (amount) => `${Number(amount).toLocaleString()} ${unit.toLowerCase()}`;
  const text = `${show(remaining)} of ${show(limit)} left (${period.toLowerCase()}, ${mode.toLowerCase()})`;
  const meter = element("meter", { max: Number(limit), value: Number(used) + Number(reserved), high: 0.8 * limit, "aria-label": text });
  const title = resetsAt ? `Resets ${new Date(resetsAt).toLocaleString()}` : "";
  return element("span", { className: "quota", title }, meter, text);
}

function dollars(amount) {
  const value = Number(amount);
  return `$${value.toFixed(value && value < 1 ? 4 : 2)}`;
}
