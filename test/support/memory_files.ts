/** A file system in memory that fails at the operations a test names, and forgets what was not synced when it crashes. */

import { basename, dirname } from "node:path";
import type { FileSystem, OpenFile } from "../../src/core/file_system.ts";
import type { Random } from "../../src/core/random.ts";

/** What a test may do to it. */
export interface MemoryFiles extends FileSystem {
  /** Operations so far that may fail; reading is one, too. */
  readonly operations: number;
  /** Asked before each operation; a code makes it fail, and an append then leaves a part of its bytes. */
  fail: (operation: number, name: string) => string | null;
  /** Most bytes of all files together. */
  bytesMax: number;
  readonly bytes: number;
  /** Power is lost: what was not synced is there in part, or not at all; open files are void. */
  crash(random: Random): void;
  /** A file's bytes, to look at and to damage. */
  content(path: string): Uint8Array;
  paths(): string[];
}

interface Inode {
  bytes: Uint8Array;
  syncedLength: number;
}

/** An empty one. */
export function createMemoryFiles(): MemoryFiles {
  let names = new Map<string, Inode>();
  let syncedNames = new Map<string, Inode>();
  let operations = 0;
  let age = 0;

  const used = () => [...names.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  const begin = (name: string): void => {
    const code = memory.fail(operations++, name);
    if (code !== null) throw systemError(code, name);
  };
  const inodeOf = (path: string): Inode => {
    const inode = names.get(path);
    if (inode === undefined) throw systemError("ENOENT", path);
    return inode;
  };
  const grow = (inode: Inode, more: Uint8Array) => {
    const bytes = new Uint8Array(inode.bytes.length + more.length);
    bytes.set(inode.bytes);
    bytes.set(more, inode.bytes.length);
    inode.bytes = bytes;
  };
  const openFile = (inode: Inode): OpenFile => {
    const bornAt = age;
    const use = (name: string) => {
      if (bornAt !== age) throw systemError("EBADF", name);
      begin(name);
    };
    return {
      append: async (bytes) => {
        await turn();
        let room = memory.bytesMax - used();
        try {
          use("append");
        } catch (error) {
          room = Math.min(room, bytes.length >> 1);
          if (bornAt === age) grow(inode, bytes.subarray(0, Math.max(0, room)));
          throw error;
        }
        grow(inode, bytes.subarray(0, Math.max(0, room)));
        if (room < bytes.length) throw systemError("ENOSPC", "append");
      },
      truncate: async (length) => {
        await turn();
        use("truncate");
        inode.bytes = inode.bytes.slice(0, length);
        inode.syncedLength = Math.min(inode.syncedLength, length);
      },
      sync: async () => {
        await turn();
        use("sync");
        inode.syncedLength = inode.bytes.length;
      },
      close: async () => {
        await turn();
      },
    };
  };

  const memory: MemoryFiles = {
    fail: () => null,
    bytesMax: Infinity,
    get operations() {
      return operations;
    },
    get bytes() {
      return used();
    },
    makeFolder: async () => {
      await turn();
      begin("makeFolder");
    },
    list: async (folder) => {
      await turn();
      begin("list");
      return [...names.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path));
    },
    size: async (path) => {
      await turn();
      begin("size");
      return inodeOf(path).bytes.length;
    },
    read: async (path, { offset, lengthMax }) => {
      await turn();
      begin("read");
      return inodeOf(path).bytes.slice(offset, offset + lengthMax);
    },
    create: async (path) => {
      await turn();
      begin("create");
      if (names.has(path)) throw systemError("EEXIST", path);
      const inode = { bytes: new Uint8Array(0), syncedLength: 0 };
      names.set(path, inode);
      return openFile(inode);
    },
    rename: async (from, to) => {
      await turn();
      begin("rename");
      names.set(to, inodeOf(from));
      names.delete(from);
    },
    remove: async (path) => {
      await turn();
      begin("remove");
      names.delete(path);
    },
    syncFolder: async () => {
      await turn();
      begin("syncFolder");
      syncedNames = new Map(names);
    },
    crash(random) {
      age++;
      // Each change of a name that was not synced is there or not, by chance.
      const survived = new Map(syncedNames);
      for (const path of new Set([...names.keys(), ...syncedNames.keys()])) {
        if (random.next() < 0.5) continue;
        const inode = names.get(path);
        if (inode === undefined) survived.delete(path);
        else survived.set(path, inode);
      }
      for (const inode of survived.values()) {
        const length = inode.syncedLength + random.integer(inode.bytes.length - inode.syncedLength + 1);
        inode.bytes = inode.bytes.slice(0, length);
        inode.syncedLength = length;
        // A block that was allocated and never written reads as zeros.
        if (random.next() < 0.2 && length > 0) grow(inode, new Uint8Array(random.integer(64)));
      }
      names = survived;
      syncedNames = new Map(survived);
    },
    content: (path) => inodeOf(path).bytes,
    paths: () => [...names.keys()].sort(),
  };
  return memory;
}

// ---

function turn(): Promise<void> {
  return Promise.resolve();
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
