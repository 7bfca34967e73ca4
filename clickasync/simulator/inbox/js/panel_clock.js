// The clock: let time pass.

import { attempt, post } from "./api.js";
import { button, el } from "./dom.js";
import { timeOfDay } from "./format.js";

export const clock = {
  title: "Clock",
  topics: ["clock"],
  async fill({ clock, refresh }) {
    const advance = (body) => async () => {
      await attempt(() => post("advance", body));
      await refresh();
    };
    const shown = el("p", { class: "big", data: { clock: "" } }, timeOfDay(clock.day(clock.now())));
    return [
      el("section", {}, el("h3", {}, "On the gateway it is"), shown),
      el(
        "section",
        {},
        el("h3", {}, "Let time pass"),
        el(
          "div",
          { class: "buttons" },
          button("Next event", advance({ until: "next" }), { kind: "primary", autofocus: true }),
          button("Deliver all", advance({ until: "delivered" })),
          button("+1 min", advance({ seconds: 60 })),
          button("+15 min", advance({ seconds: 900 })),
          button("+1 h", advance({ seconds: 3600 })),
          button("+1 day", advance({ seconds: 86400 })),
        ),
        el(
          "p",
          { class: "soft" },
          "Deliveries, sessions and retries run on this clock. The calendar that callbacks and scheduled messages use is the real one.",
        ),
      ),
    ];
  },
};
