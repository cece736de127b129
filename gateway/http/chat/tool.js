/* A tool call as a card: what an agent wants to run, with buttons to approve or refuse it. */

import { element, visible } from "../pages/element.js";
import { APPROVE_TOOL, REFUSE_TOOL } from "./documents.js";

const LONG = 500; // characters
const STILL_MS = 1000;
const STATUS = { PENDING: "waits for approval", EXECUTING: "running…" };
const REASONS = {
  PERSON: "Approved by a person",
  READ_ONLY: "Approved by the settings: it only reads",
  LOW_RISK: "Approved by the settings: low risk",
  RULE: "Approved by a rule",
  DENIED_BY_RULE: "Denied by a rule",
};
const RISKS = { READ_ONLY: "read only", LOW: "low", HIGH: "high" };
const ACTORS = { USER: "You", AGENT: "The agent", SYSTEM: "Parley" };

export class ToolCard {
  tool;
  element;
  #client;
  #facts = element("div");
  #status = element("span", { className: "status", role: "status" });
  #reason = element("input", { maxLength: 2000, placeholder: "Reason (optional)" });
  #decision = element("div", { className: "decision", role: "group", "aria-label": "Decision" });
  #problem = element("p", { className: "problem", role: "alert" });
  #place; // where it stands
  #since; // when it came there, in milliseconds

  constructor(client, tool) {
    this.#client = client;
    const name = visible(tool.toolName);
    const heading = element("h3", {}, element("code", {}, element("bdi", {}, name)), " ", this.#status);
    this.#reason.setAttribute("aria-label", `Reason for approving or refusing ${name}`);
    // Not a form: Enter in the reason must not decide.
    const button = (className, text, mutation) =>
      element("button", { className, disabled: true, onclick: () => this.#decide(mutation) }, text);
    this.#decision.append(this.#reason, button("", "Approve", APPROVE_TOOL), button("quiet", "Refuse", REFUSE_TOOL));
    this.element = element("article", { className: "tool", "aria-label": `Tool ${name}` });
    this.element.append(heading, this.#facts, this.#decision, this.#problem);
    this.update(tool);
  }

  /* Show a state of the call, unless a newer one is shown. */
  update(tool) {
    if (this.tool && Number(tool.version) < Number(this.tool.version)) return;
    this.tool = tool;
    this.element.dataset.status = tool.status;
    const [before, last] = tool.transitions.slice(-2);
    const isRefused = tool.status === "CANCELLED" && before?.to === "PENDING" && last.actor === "USER";
    this.#status.textContent = isRefused ? "refused" : (STATUS[tool.status] ?? tool.status.toLowerCase());
    this.#decision.hidden = tool.status !== "PENDING";
    this.#facts.replaceChildren(...facts(tool));
  }

  /* Let the buttons work only while the card has stood still in sight for a while: a click that was meant for what was
     there before decides nothing. Call this often. */
  settle() {
    const place = document.hidden ? "" : JSON.stringify(this.#decision.getBoundingClientRect());
    if (place !== this.#place) [this.#place, this.#since] = [place, performance.now()];
    const isReady = place && performance.now() - this.#since >= STILL_MS && !this.#decision.ariaBusy;
    for (const each of this.#decision.querySelectorAll("button")) each.disabled = !isReady;
    return isReady;
  }

  async #decide(mutation) {
    if (!this.settle()) return; // it has moved under the pointer
    this.#decision.ariaBusy = "true";
    this.#problem.textContent = "";
    try {
      // The version makes sure that the decision is about what is shown.
      const input = { id: this.tool.id, reason: this.#reason.value || null, expectedVersion: this.tool.version };
      const { answer } = await this.#client.ask(mutation, { input });
      if (answer.toolExecution) this.update(answer.toolExecution);
      this.#problem.textContent = answer.userErrors.map(({ message }) => message).join(" ");
    } catch (problem) {
      this.#problem.textContent = problem.message;
    } finally {
      this.#decision.ariaBusy = null;
    }
  }
}

/* What is known about a call. Its risk is what a person has set; what an agent suggests has no effect. */
function* facts({ parameters, knownTool, estimatedCostUsd, approvalReason, approvalRule, costUsd, result, ...tool }) {
  const { risk, suggestedRisk: suggested } = knownTool;
  const suggestion = suggested && suggested !== risk ? ` (the agent suggests ${RISKS[suggested]})` : "";
  yield line(risk === "HIGH" ? "risk" : "faint", `Risk: ${RISKS[risk]}${suggestion}`);
  yield block("Arguments", parameters);
  const said = tool.transitions.findLast(({ reason }) => reason);
  if (estimatedCostUsd) yield line("faint", `Estimated cost: $${estimatedCostUsd}`);
  if (approvalReason) yield line("why", REASONS[approvalReason] ?? approvalReason);
  if (approvalRule) yield line("rule", "Rule: ", approvalRule.toolName, ` ${approvalRule.note ?? ""}`);
  if (said) yield line("reason", `${ACTORS[said.actor]}: `, said.reason);
  if (result !== null) yield block("Result", result);
  if (tool.errorMessage) yield line("problem", tool.errorMessage);
  if (costUsd) yield line("faint", `Cost: $${costUsd}`);
}

/* Each text is isolated, so that none changes the direction of another. */
function line(className, ...texts) {
  return element("p", { className }, ...texts.map((text) => element("bdi", {}, visible(text))));
}

function block(label, value) {
  const short = JSON.stringify(value);
  const text = visible(short.length < 60 ? short : JSON.stringify(value, null, 2));
  const name = text.length > LONG ? `${label} (${text.length.toLocaleString()} characters)` : label;
  return element("pre", { tabIndex: 0, role: "group", "aria-label": name }, text);
}
