// How what happens gets here: the log first, then one stream of events, and the log again where the stream left off.

import { get } from "./api.js";

export class Stream {
  constructor(store, clock, { onState, onChange, onReset }) {
    Object.assign(this, { store, clock, onState, onChange, onReset });
    this.run = null;
    this.loading = false;
    this.waiting = [];
  }

  start() {
    const source = new EventSource("/simulator/events");
    source.addEventListener("error", () => this.onState("lost"));
    const on = (kind, run) => source.addEventListener(kind, (event) => run(JSON.parse(event.data), kind));
    on("hello", (data) => this.#hello(data));
    on("pulse", (data) => this.clock.hear(data, true));
    on("missed", () => this.load());
    for (const kind of ["message", "refused", "fault", "inbound", "callback", "status", "deleted"]) {
      on(kind, (data) => this.#take(kind, data));
    }
    on("clock", (data) => {
      this.clock.hear(data);
      this.onChange("clock");
    });
    on("reset", (data) => {
      this.clock.hear(data);
      this.waiting = [];
      this.store.clear();
      this.onReset();
    });
    on("changed", ({ what }) => this.onChange(what));
  }

  #hello({ run, clock }) {
    this.clock.hear(clock);
    if (this.run !== null && this.run !== run) {
      this.store.clear(); // another simulator has taken the place of the one we knew
      this.onReset();
    }
    this.run = run;
    this.load();
  }

  /** Fetch what the page lacks. What comes meanwhile waits. */
  async load() {
    if (this.loading) return;
    this.loading = true;
    const isFirst = this.store.last === 0;
    try {
      for (let more = true; more; ) {
        const { entries, has_more } = await get(`log?since=${this.store.last}`);
        for (const entry of entries) this.store.add(entry, { isNew: !isFirst });
        more = has_more;
        this.onChange("entries");
      }
      this.onState("live");
    } catch {
      this.onState("lost");
    }
    this.loading = false;
    for (const [kind, data] of this.waiting.splice(0)) this.#take(kind, data);
    this.onChange("loaded");
  }

  #take(kind, data) {
    if (this.loading) {
      this.waiting.push([kind, data]);
      return;
    }
    if (kind === "status") this.store.update(data);
    else if (kind === "deleted") this.store.forget(data.what);
    else this.store.add(data, { isNew: true });
    this.onChange(kind, data);
  }
}
