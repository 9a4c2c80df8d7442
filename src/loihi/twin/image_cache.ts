/** Images that a twin keeps in memory, the oldest first to go. */

/** Images by their SHA-256. */
export interface ImageCache {
  has(sha256: string): boolean;
  get(sha256: string): Uint8Array | undefined;
  /** Keeps `bytes`, which are the cache's from here on; forgets old images to stay below its limit. */
  put(sha256: string, bytes: Uint8Array): void;
}

/** A cache of at most `bytesMax` bytes; one image alone may always stay. */
export function createImageCache(bytesMax: number): ImageCache {
  const images = new Map<string, Uint8Array>();
  let bytesTotal = 0;
  const forget = (sha256: string) => {
    bytesTotal -= images.get(sha256)?.length ?? 0;
    images.delete(sha256);
  };
  return {
    has: (sha256) => images.has(sha256),
    get: (sha256) => images.get(sha256),
    put(sha256, bytes) {
      forget(sha256);
      for (const oldest of images.keys()) {
        if (bytesTotal + bytes.length <= bytesMax) break;
        forget(oldest);
      }
      images.set(sha256, bytes);
      bytesTotal += bytes.length;
    },
  };
}
