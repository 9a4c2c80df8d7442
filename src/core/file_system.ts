/** Files as a parameter: what keeps state takes a `FileSystem`, so that tests can bring one that fails where they want. */

import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";

/** The few operations that durable state needs. Every one may reject with the system's error and its `code`. */
export interface FileSystem {
  /** Makes a folder that only its owner may enter, and those above it; fine when it is there. */
  makeFolder(path: string): Promise<void>;
  /** Names in a folder, in any order. */
  list(path: string): Promise<string[]>;
  /** Length of a file, bytes. */
  size(path: string): Promise<number>;
  /** Bytes of a file from `offset`, at most `lengthMax`; fewer only at its end. */
  read(path: string, range: { readonly offset: number; readonly lengthMax: number }): Promise<Uint8Array>;
  /** Makes a new file, by default one that only its owner may read; rejects with `EEXIST` when it is there. */
  create(path: string, mode?: number): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; fine when it is not there. */
  remove(path: string): Promise<void>;
  /** What was created, renamed and removed in the folder survives a power cut once this resolves. */
  syncFolder(path: string): Promise<void>;
}

/** A file being written. */
export interface OpenFile {
  /** Writes all of `bytes` at the end; after a rejection an unknown part of them is there. */
  append(bytes: Uint8Array): Promise<void>;
  truncate(length: number): Promise<void>;
  /** What was appended survives a power cut once this resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The machine's own files. */
export const nodeFileSystem: FileSystem = {
  async makeFolder(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  list: (path) => readdir(path),
  size: async (path) => (await stat(path)).size,
  async read(path, { offset, lengthMax }) {
    const file = await open(path, "r");
    try {
      const bytes = new Uint8Array(lengthMax);
      let length = 0;
      while (length < lengthMax) {
        const { bytesRead } = await file.read(bytes, length, lengthMax - length, offset + length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return bytes.subarray(0, length);
    } finally {
      await file.close();
    }
  },
  async create(path, mode = 0o600) {
    const file = await open(path, "wx", mode);
    // `open` takes away what the umask forbids; what was asked for is what the file had before.
    if (mode !== 0o600) await file.chmod(mode);
    let end = 0;
    return {
      async append(bytes) {
        for (let written = 0; written < bytes.length;) {
          const { bytesWritten } = await file.write(bytes, written, bytes.length - written, end + written);
          written += bytesWritten;
        }
        end += bytes.length;
      },
      async truncate(length) {
        await file.truncate(length);
        end = length;
      },
      sync: () => file.datasync(),
      close: () => file.close(),
    };
  },
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { force: true }),
  async syncFolder(path) {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

/** The system's name of a failure, `ENOSPC` and the like; "" when it has none. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error ? (error as Error & { readonly code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "";
}
