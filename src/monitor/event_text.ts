/** Server-sent events out of text that comes in pieces of any size. */

/** An event is not longer than this, characters; a longer one is passed over. */
export const EVENT_LENGTH_MAX = 1024 * 1024;

/** Takes text, gives events. */
export class EventText {
  readonly #onEvent: (name: string, data: string) => void;
  #rest = "";
  #name = "message";
  #data: string[] = [];
  #length = 0;
  /** In the middle of a line that is too long. */
  #skips = false;

  constructor(onEvent: (name: string, data: string) => void) {
    this.#onEvent = onEvent;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.#takeLine(line.endsWith("\r") ? line.slice(0, -1) : line);
    if (this.#rest.length > EVENT_LENGTH_MAX) {
      this.#rest = "";
      this.#skips = true;
    }
  }

  #takeLine(line: string): void {
    if (this.#skips) {
      // What is left of a line that was too long; its event is lost with it.
      this.#skips = false;
      this.#length = Infinity;
      return;
    }
    if (line === "") return this.#finish();
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#name = value;
    if (field !== "data") return;
    this.#length += value.length;
    if (this.#length <= EVENT_LENGTH_MAX) this.#data.push(value);
  }

  #finish(): void {
    if (this.#data.length > 0 && this.#length <= EVENT_LENGTH_MAX) this.#onEvent(this.#name, this.#data.join("\n"));
    this.#name = "message";
    this.#data = [];
    this.#length = 0;
  }
}
