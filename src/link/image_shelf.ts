/** The board's half of an image upload. Outlives connections, so that an upload goes on where it broke off. */

import { createHash } from "node:crypto";
import type { LinkError } from "../core/errors.ts";
import { boardError, toBoardError } from "./board_error.ts";
import type { ImageBegin } from "./messages/image_begin.ts";
import type { ImageChunk } from "./messages/image_chunk.ts";
import type { ImageStatus } from "./messages/image_status.ts";

/** What the shelf asks of the board. */
export interface ImageStore {
  /** True when the image is stored, so that no byte of it is needed. */
  hasImage(sha256: string): boolean | Promise<boolean>;
  /**
   * Loads an image into the chips, storing it first if it wants; one at a time.
   *
   * @param bytes the whole image, whose hash was checked; null when `hasImage` said that it is there
   * @returns what the host should be told about it
   * @throws {LinkError} of `boardError("image_refused", …)` when it does not fit
   */
  loadImage(sha256: string, bytes: Uint8Array | null): Promise<string>;
}

/** Bytes of one image on their way, and the loading of it. */
export class ImageShelf {
  readonly #store: ImageStore;
  readonly #bytesMax: number;
  #sha256 = "";
  /** Null for an image that the board has. */
  #bytes: Uint8Array | null = null;
  #totalBytes = 0;
  #highWaterBytes = 0;
  #loading: Promise<void> | null = null;
  #loaded: { readonly sha256: string; readonly report: string } | null = null;
  #failure: LinkError | null = null;

  constructor(store: ImageStore, bytesMax: number) {
    this.#store = store;
    this.#bytesMax = bytesMax;
  }

  /** SHA-256 of what is loaded; null while nothing is. */
  get loadedSha256(): string | null {
    return this.#loaded?.sha256 ?? null;
  }
  /** The chips were emptied. */
  unload(): void {
    this.#loaded = null;
  }

  /** @throws {LinkError} `link.image_size`, `link.frame_busy` while another image loads */
  async begin({ sha256, totalBytes }: ImageBegin): Promise<ImageStatus> {
    if (this.#sha256 === sha256 && this.#totalBytes === totalBytes) return this.#status();
    if (totalBytes < 1 || totalBytes > this.#bytesMax) {
      const text = `Cannot take the image as its size must be 1 to ${this.#bytesMax} bytes: found ${totalBytes}`;
      throw boardError("image_size", text);
    }
    const isCached = this.#loaded?.sha256 === sha256 || await this.#store.hasImage(sha256);
    if (this.#loading !== null) throw boardError("frame_busy", "Cannot take another image while one is loading");
    this.#sha256 = sha256;
    this.#totalBytes = totalBytes;
    this.#bytes = isCached ? null : new Uint8Array(totalBytes);
    this.#highWaterBytes = isCached ? totalBytes : 0;
    this.#failure = null;
    return this.#status();
  }

  /** Takes bytes at the high-water mark, passes over all others; copies them before it returns. */
  chunk({ image, offset, bytes }: ImageChunk): ImageStatus {
    const isNext = this.#sha256.startsWith(image) && this.#sha256 !== "" && offset === this.#highWaterBytes;
    if (isNext && this.#bytes !== null && offset + bytes.length <= this.#totalBytes) {
      this.#bytes.set(bytes, offset);
      this.#highWaterBytes += bytes.length;
    }
    return this.#status();
  }

  /**
   * Checks the hash and begins to load, once `after` (a frame that still runs) has resolved.
   *
   * @throws {LinkError} `link.image_hash`, after which the upload starts afresh; `link.image_refused`; `link.no_image`
   */
  commit(sha256: string, after: Promise<void>): ImageStatus {
    if (sha256 !== this.#sha256) throw boardError("no_image", `Cannot load image ${sha256} as it must be begun first`);
    const failure = this.#failure;
    if (failure !== null) {
      this.#forget();
      throw failure;
    }
    if (this.#loaded?.sha256 !== sha256 && this.#loading === null && this.#highWaterBytes === this.#totalBytes) {
      this.#check();
      this.#loading = this.#load(sha256, this.#bytes, after).finally(() => this.#loading = null);
    }
    return this.#status();
  }

  /** Resolves when nothing is being loaded. */
  async settled(): Promise<void> {
    await this.#loading;
  }

  #check(): void {
    if (this.#bytes === null) return;
    const found = createHash("sha256").update(this.#bytes).digest("hex");
    if (found === this.#sha256) return;
    const text = `Cannot load the image as its SHA-256 must be ${this.#sha256}: found ${found}`;
    this.#forget();
    throw boardError("image_hash", text);
  }

  async #load(sha256: string, bytes: Uint8Array | null, after: Promise<void>): Promise<void> {
    this.#loaded = null;
    try {
      await after;
      const report = await this.#store.loadImage(sha256, bytes);
      this.#loaded = { sha256, report };
      // From here on it is the store's.
      this.#bytes = null;
    } catch (error) {
      const { code, text } = toBoardError(error, "image_refused");
      this.#failure = boardError(code, text);
    }
  }

  #forget(): void {
    this.#sha256 = "";
    this.#bytes = null;
    this.#totalBytes = this.#highWaterBytes = 0;
    this.#failure = null;
  }

  #status(): ImageStatus {
    const isAll = this.#highWaterBytes === this.#totalBytes;
    const isLoaded = this.#sha256 !== "" && this.#loaded?.sha256 === this.#sha256;
    const state = isLoaded ? "ready" : this.#loading !== null ? "loading" : isAll ? "complete" : "receiving";
    return { state, highWaterBytes: this.#highWaterBytes, report: isLoaded ? this.#loaded?.report ?? "" : "" };
  }
}
