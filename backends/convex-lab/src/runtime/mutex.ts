/** Lets one at a time through, first come first served. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(body: () => Promise<T>): Promise<T> {
    const result = this.#last.then(body);
    // The next in line waits for the end, whatever it was.
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Settles when everything that is in line now has had its turn. */
  idle(): Promise<unknown> {
    return this.#last;
  }
}
