// A long list of which only what can be seen is in the page. Rows may differ in height: they are measured as they come.

const BEYOND = 5; // rows above and below what can be seen

export class WindowList {
  /**
   * @param scroller the element that scrolls
   * @param height what a row is taken for until it is measured
   * @param key what makes a row the same row
   * @param version what makes it look the same
   * @param render a row's element
   */
  constructor(scroller, { height, key, version, render }) {
    Object.assign(this, { scroller, height, key, version, render });
    this.items = [];
    this.heights = new Map();
    this.drawn = new Map();
    this.offsets = new Float64Array(1);
    this.sizer = document.createElement("div");
    this.sizer.className = "sizer";
    this.sizer.setAttribute("role", "presentation");
    scroller.append(this.sizer);
    scroller.addEventListener("scroll", () => this.#draw(), { passive: true });
    new ResizeObserver(() => this.#resized()).observe(scroller);
  }

  get isAtEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    return scrollTop + clientHeight >= scrollHeight - 32;
  }

  /** Show other items, or the same ones as they are now. */
  show(items, { toEnd = false } = {}) {
    this.items = items;
    this.#measure();
    this.#draw();
    if (toEnd) this.toEnd();
  }

  toEnd() {
    // What is drawn at the end may turn out higher than it was taken for.
    for (let n = 0; n < 3; n += 1) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
      this.#draw();
    }
  }

  toTop() {
    this.scroller.scrollTop = 0;
    this.#draw();
  }

  /** Scroll as little as it takes to have a row in sight. */
  reveal(index) {
    if (index < 0 || index >= this.items.length) return;
    const top = this.offsets[index];
    const bottom = this.offsets[index + 1];
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (bottom > scrollTop + clientHeight) this.scroller.scrollTop = bottom - clientHeight;
    this.#draw();
  }

  #resized() {
    this.heights.clear();
    this.#measure();
    this.#draw();
  }

  #measure() {
    this.offsets = new Float64Array(this.items.length + 1);
    for (let n = 0; n < this.items.length; n += 1) {
      this.offsets[n + 1] = this.offsets[n] + (this.heights.get(this.key(this.items[n])) ?? this.height);
    }
    this.sizer.style.height = `${this.offsets[this.items.length]}px`;
  }

  #at(offset) {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.offsets[middle + 1] <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #draw() {
    for (let n = 0; n < 3; n += 1) if (!this.#drawOnce()) return;
  }

  /** Draw what can be seen; gives whether heights turned out otherwise. */
  #drawOnce() {
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, this.#at(scrollTop) - BEYOND);
    const end = Math.min(this.items.length, this.#at(scrollTop + clientHeight) + 1 + BEYOND);
    const kept = new Map();
    let before = null;
    for (let n = first; n < end; n += 1) {
      const item = this.items[n];
      const key = this.key(item);
      const version = this.version(item, n);
      const old = this.drawn.get(key);
      const node = old && old.version === version ? old.node : this.render(item, n);
      if (old && old.node !== node) old.node.replaceWith(node);
      kept.set(key, { node, version });
      const place = before ? before.nextSibling : this.sizer.firstChild;
      if (place !== node) this.sizer.insertBefore(node, place);
      node.style.transform = `translateY(${this.offsets[n]}px)`;
      before = node;
    }
    for (const [key, { node }] of this.drawn) if (kept.get(key)?.node !== node) node.remove();
    this.drawn = kept;
    return this.#learn(first, end);
  }

  #learn(first, end) {
    let changed = false;
    for (let n = first; n < end; n += 1) {
      const key = this.key(this.items[n]);
      const height = this.drawn.get(key).node.offsetHeight;
      if (height && height !== (this.heights.get(key) ?? this.height)) {
        this.heights.set(key, height);
        changed = true;
      }
    }
    if (changed) {
      const wasAtEnd = this.isAtEnd;
      this.#measure();
      if (wasAtEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
    }
    return changed;
  }
}
