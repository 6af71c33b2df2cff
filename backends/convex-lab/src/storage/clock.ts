/** Two neighbouring creation times: a step that a float of this magnitude (about 2^40) can hold. */
const STEP_MS = 1 / 4096;

/** Creation times in ms since the epoch: wall-clock time, yet strictly increasing. */
export class CreationClock {
  #last: number;

  constructor(last: number) {
    this.#last = last;
  }

  next(): number {
    this.#last = Math.max(Date.now(), this.#last + STEP_MS);
    return this.#last;
  }
}
