// The gateway's clock, as far as the page knows it: what the gateway said last, and how fast it went since.

export class Clock {
  constructor() {
    this.rate = 1;
    this.epoch = 0;
    this.base = 0;
    this.heardAt = performance.now() / 1000;
    this.isSet = false;
  }

  /** The gateway says the time; a pulse also shows how fast it goes, whatever it runs on. */
  hear({ now, speed, epoch }, isPulse = false) {
    const heardAt = performance.now() / 1000;
    const passed = heardAt - this.heardAt;
    if (!this.isSet) this.rate = speed;
    else if (isPulse && passed > 0.5) this.rate = (now - this.base) / passed;
    Object.assign(this, { base: now, epoch, heardAt, isSet: true });
  }

  /** The time on the gateway's clock. */
  now() {
    return this.base + (performance.now() / 1000 - this.heardAt) * this.rate;
  }

  /** The time of day, in Unix seconds, of a time on the gateway's clock. */
  day(at) {
    return this.epoch + at;
  }
}
