// The page, put together: what comes in by the stream goes to the store, and from there into three panes.

import { Clock } from "./clock.js";
import { Compose } from "./compose.js";
import { Conversations } from "./conversations.js";
import { Detail } from "./detail.js";
import { byId, icon } from "./dom.js";
import { timeOfDay } from "./format.js";
import { get } from "./api.js";
import { listen } from "./keyboard.js";
import { setTheme } from "./panel_more.js";
import { Panels } from "./panels.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";
import { Thread } from "./thread.js";

const PAUSE = 80; // milliseconds between two drawings, so that a hundred messages a second freeze nothing

try {
  setTheme(localStorage.getItem("theme") ?? "");
} catch {
  // A page that may not read what it stored is as the system has it.
}

const clock = new Clock();
const store = new Store(clock);
const detail = new Detail(store, clock);
const thread = new Thread(store, clock, { onSelect: select });
const compose = new Compose(store);
const conversations = new Conversations(store, clock, {
  onOpen: openConversation,
  onWrite: () => panels.open("write", { number: store.open ?? "" }),
});
const panels = new Panels({ store, clock, panels: () => panels });
const stream = new Stream(store, clock, { onState: setState, onChange: changed, onReset: forgotten });

function show(pane) {
  document.body.dataset.pane = pane;
}

function openConversation(number, { stay = false } = {}) {
  store.open = number;
  const conversation = store.conversations.get(number);
  conversation.unread = 0;
  thread.selected = conversation.items.at(-1);
  detail.show(thread.selected);
  if (!stay) show("thread");
  drawNow();
  if (!stay) byId("messages").focus({ preventScroll: true });
}

function select(item, { stay }) {
  detail.show(item);
  if (!stay) {
    show("detail");
    if (matchMedia("(max-width: 1099px)").matches) byId("detail").focus();
  }
}

function back() {
  const order = { detail: "thread", thread: "list", list: "list" };
  show(order[document.body.dataset.pane]);
  byId(document.body.dataset.pane === "list" ? "conversations" : "messages").focus();
}

// -- drawing

let planned = 0;

function draw() {
  planned ||= setTimeout(() => {
    planned = 0;
    drawNow();
  }, PAUSE);
}

function drawNow() {
  conversations.draw();
  thread.draw();
  compose.draw();
  detail.draw();
}

/** What moves by itself, as time goes. */
function tick() {
  const now = timeOfDay(clock.day(clock.now()));
  panels.say("clock", now);
  const shown = document.querySelector("[data-clock]");
  if (shown) shown.textContent = now;
  drawNow();
}

// -- what comes in

function changed(kind, data) {
  if (kind === "deleted" && thread.selected?.id === data.what) {
    thread.selected = store.conversations.get(store.open)?.items.at(-1) ?? null;
    detail.show(thread.selected);
  }
  if (kind === "message" || kind === "inbound") announce(kind, data);
  if (kind === "faults" || kind === "fault" || kind === "loaded") sayFaults();
  if (store.open !== null && !store.conversations.has(store.open)) closeConversation();
  draw();
  refreshPanel(kind);
}

function forgotten() {
  closeConversation();
  sayFaults();
  draw();
  panels.refresh();
}

function closeConversation() {
  store.open = null;
  thread.selected = null;
  detail.show(null);
  show("list");
}

let refreshing = 0;
const topics = new Set();

function refreshPanel(topic) {
  topics.add(topic);
  refreshing ||= setTimeout(() => {
    refreshing = 0;
    panels.refresh(topics);
    topics.clear();
  }, 250);
}

let asking = 0;

/** How many faults are in force, on the button. */
function sayFaults() {
  asking ||= setTimeout(async () => {
    asking = 0;
    const { rules } = await get("faults").catch(() => ({ rules: [] }));
    const on = rules.filter((rule) => rule.is_on).length;
    panels.say("faults", on ? String(on) : "", true);
  }, 150);
}

let announced = 0;

/** For those who do not see it: one message a second at the most. */
function announce(kind, data) {
  const now = performance.now();
  if (now - announced < 1000) return;
  announced = now;
  byId("announce").textContent = kind === "message" ? `Message to ${data.to}: ${data.text}` : `${data.from} wrote: ${data.text}`;
}

function setState(state) {
  byId("live").dataset.state = state;
  byId("live-text").textContent = state === "live" ? "Live" : "Connection lost, trying again";
}

byId("to-list").append(icon("back"));
byId("to-list").addEventListener("click", back);
byId("to-thread").append(icon("back"));
byId("to-thread").addEventListener("click", back);
listen({ conversations, compose, panels, back });
detail.draw();
drawNow();
setInterval(tick, 500);
stream.start();
