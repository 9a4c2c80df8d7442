/** A set of ids close above a first one: a bit each, so that a spool of a million records knows them all in 125 kB. */

/** Ids from `firstId` on. */
export class IdSet {
  readonly firstId: number;
  #words = new Uint32Array(4);
  #size = 0;

  constructor(firstId: number) {
    this.firstId = firstId;
  }

  get size(): number {
    return this.#size;
  }
  has(id: number): boolean {
    const bit = id - this.firstId;
    return bit >= 0 && bit >>> 5 < this.#words.length && (this.#words[bit >>> 5] & (1 << (bit & 31))) !== 0;
  }
  /** Adds an id, which must not be below the first. */
  add(id: number): void {
    if (this.has(id)) return;
    const bit = id - this.firstId;
    if (bit >>> 5 >= this.#words.length) {
      const grown = new Uint32Array(Math.max(2 * this.#words.length, (bit >>> 5) + 1));
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[bit >>> 5] |= 1 << (bit & 31);
    this.#size++;
  }
  /** True when the id was in the set. */
  delete(id: number): boolean {
    if (!this.has(id)) return false;
    const bit = id - this.firstId;
    this.#words[bit >>> 5] &= ~(1 << (bit & 31));
    this.#size--;
    return true;
  }
  /** In ascending order. */
  *[Symbol.iterator](): Generator<number> {
    for (let word = 0; word < this.#words.length; word++) {
      for (let bits = this.#words[word]; bits !== 0; bits &= bits - 1) {
        yield this.firstId + word * 32 + 31 - Math.clz32(bits & -bits);
      }
    }
  }
}
