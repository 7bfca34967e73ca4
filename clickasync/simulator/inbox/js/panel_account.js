// The account: credits, sessions, batches, opt-outs.

import { attempt, get, post } from "./api.js";
import { button, el, field } from "./dom.js";
import { count, duration } from "./format.js";

export const account = {
  title: "Account",
  topics: ["accounts", "sessions", "message"],
  async fill({ refresh }) {
    const status = await get("status");
    const act = (run) => async () => {
      await attempt(run);
      await refresh();
    };
    return [
      ...status.accounts.map((each) => credits(each, refresh)),
      el(
        "section",
        {},
        el(
          "div",
          { class: "section-head" },
          el("h3", {}, count(status.open_sessions.length, "live session")),
          button("Expire all", act(() => post("forget")), { disabled: !status.open_sessions.length }),
        ),
        ...status.open_sessions.slice(0, 20).map((each) =>
          el("p", { class: "soft" }, `${each.user}, api_id ${each.api_id}: ${duration(each.age)} old, dies in ${duration(Math.max(0, each.expires_in))}`),
        ),
        el("p", { class: "soft" }, `${count(status.authentications, "authentication")} so far.`),
      ),
      el(
        "section",
        {},
        el("h3", {}, "Opt-outs"),
        ...(status.opt_outs.length
          ? status.opt_outs.map((each) => optOut(each, act))
          : [el("p", { class: "soft" }, "Nobody wrote STOP.")]),
      ),
      el(
        "section",
        {},
        el("h3", {}, "Open batches"),
        ...(status.batches.length
          ? status.batches.map((each) => el("p", { class: "soft" }, `“${each.template}”, for ${duration(each.expires_in)}`))
          : [el("p", { class: "soft" }, "None.")]),
      ),
    ];
  },
};

function credits(each, refresh) {
  const input = el("input", { type: "number", min: "0", step: "any", value: each.credits, required: true });
  const submit = async (event) => {
    event.preventDefault();
    await attempt(() => post("credits", { api_id: each.api_id, credits: Number(input.value) }));
    document.activeElement?.blur();
    await refresh();
  };
  return el(
    "form",
    { on: { submit } },
    el("h3", {}, `${each.user}, api_id ${each.api_id}`),
    el("p", { class: "big" }, `${Number(each.credits).toLocaleString("en")} credits`),
    el("div", { class: "field-row" }, field("New balance", input), el("span", {})),
    el("div", { class: "buttons" }, button("Set the balance", null, { type: "submit" })),
  );
}

function optOut(each, act) {
  const numbers = each.numbers.map((number) => number || "every number").join(", ");
  const lift = act(() => post("optin", { api_id: each.api_id, handset: each.handset }));
  return el(
    "div",
    { class: "card-row" },
    el("span", {}, `${each.handset} stopped ${numbers}`),
    el("span", { class: "end" }, button("Lift", lift, { aria: { label: `Lift the opt-out of ${each.handset}` } })),
  );
}
