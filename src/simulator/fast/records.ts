/** Memory that the WebAssembly kernels work in: an arena that grows while a network is compiled, and the records in it. */

import { assert } from "../../core/assert.ts";

/** Fields of a block, in the order of `wasm/records.ts`; all i32. */
export const BLOCK_FIELDS = [
  "groups",
  "weightBytes",
  "rowBytes",
  "table",
  "start",
  "rises",
  "finish",
  "start32",
  "finish32",
  "biasLevels",
  "firstLane",
  "lanes",
] as const;

/** Fields of a layer, in the order of `wasm/records.ts`; all i32. */
export const LAYER_FIELDS = [
  "source",
  "target",
  "pooled",
  "keep",
  "blocks",
  "blockCount",
  "inHeight",
  "inWidth",
  "inChannels",
  "sourceStride",
  "outHeight",
  "outWidth",
  "channels",
  "targetStride",
  "kernelY",
  "kernelX",
  "strideY",
  "strideX",
  "padTop",
  "padLeft",
  "dilationY",
  "dilationX",
  "tileHeight",
  "tileWidth",
  "shift",
  "threshold",
  "unit",
  "levelMax",
  "signed",
  "wide",
  "watched",
  "stepMax",
  "currentMax",
  "limit",
  "short",
  "places",
  "fanOut",
  "cursors",
  "reach",
  "bucketBytes",
  "marginY",
  "marginX",
  "rowTiles",
  "listBytes",
  "rowStepX",
  "rowStepY",
  "bandRows",
  "mapRowBytes",
  "mapMarginBytes",
  "quads",
  "chunk",
  "single",
  "weights",
  "weightsUp",
  "weightsDown",
  "lanesPerTap",
  "sources",
  "taps",
  "positive",
  "zeros",
  "byChannel",
  "dots",
  "countPadding",
] as const;

/** Pointers of a thread's scratch memory, behind its counters. */
export const WORK_FIELDS = [
  "histogram",
  "result",
  "tile",
  "blank",
  "lists",
  "unsorted",
  "cursors",
  "pixels",
  "starts",
] as const;

/** Values of a block's fields. */
export type BlockRecord = Record<typeof BLOCK_FIELDS[number], number>;
/** Values of a layer's fields; those left out are 0. */
export type LayerRecord = Partial<Record<typeof LAYER_FIELDS[number], number>>;
/** Bytes of each part of a thread's scratch memory. */
export type WorkSizes = Record<typeof WORK_FIELDS[number], number>;

/** Counters at the start of a work record: f64 events, i32 early, rectified, saturated, and the three of a blank tile. */
const COUNTERS_BYTES = 32;
const PAGE_BYTES = 65536;
/** Kernels read and write whole vectors, up to this many bytes past what they were given. */
const SLACK_BYTES = 64;

/** Bump allocator: lays memory out in an ordinary buffer, then makes WebAssembly memory of just that size. */
export interface Arena {
  /** Zeroed bytes; never freed. Addresses are multiples of 64. */
  reserve(bytes: number): number;
  /** Copies typed data in. */
  place(data: Int8Array | Uint8Array | Int16Array | Uint32Array | Int32Array): number;
  /** Places records of i32 fields one behind the other. */
  placeRecords<Field extends string>(
    fields: readonly Field[],
    records: readonly Partial<Record<Field, number>>[],
  ): number;
  /** Bytes given out. */
  usedBytes(): number;
  /** Shared memory with everything in it, which cannot grow; nothing can be placed from then on. */
  seal(): WebAssembly.Memory;
}

/** An empty arena. */
export function createArena(): Arena {
  let bytes = new Uint8Array(PAGE_BYTES);
  // Address 0 stays unused: it means "none".
  let free = 64;
  let sealed = false;
  const reserve = (count: number): number => {
    assert(!sealed, "memory is laid out before it is used");
    const address = free;
    free = Math.ceil((free + count + SLACK_BYTES) / 64) * 64;
    if (free > bytes.length) {
      const larger = new Uint8Array(Math.max(free, bytes.length * 2));
      larger.set(bytes);
      bytes = larger;
    }
    return address;
  };
  const place: Arena["place"] = (data) => {
    const address = reserve(data.byteLength);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), address);
    return address;
  };
  return {
    reserve,
    place,
    placeRecords: (fields, records) =>
      place(Int32Array.from(records.flatMap((record) => fields.map((field) => record[field] ?? 0)))),
    usedBytes: () => free,
    seal() {
      sealed = true;
      const pages = Math.ceil((free + SLACK_BYTES) / PAGE_BYTES);
      const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
      new Uint8Array(memory.buffer).set(bytes.subarray(0, free));
      bytes = new Uint8Array(0);
      return memory;
    },
  };
}

/** Scratch memory for one thread: counters, pointers, and what they point to. @returns its address */
export function placeWork(arena: Arena, sizes: WorkSizes): number {
  const pointers = WORK_FIELDS.map((field) => arena.reserve(sizes[field]));
  const address = arena.place(Int32Array.from([...new Int32Array(COUNTERS_BYTES / 4), ...pointers]));
  return address;
}

/** Sizes that serve both. */
export function largerSizes(a: WorkSizes, b: Partial<WorkSizes>): WorkSizes {
  const sizes = { ...a };
  for (const field of WORK_FIELDS) sizes[field] = Math.max(a[field], b[field] ?? 0);
  return sizes;
}

/** What every thread needs whatever the layers are. */
export function leastSizes(): WorkSizes {
  return { histogram: 1024, result: 640, tile: 512, blank: 0, lists: 0, unsorted: 0, cursors: 0, pixels: 0, starts: 0 };
}

/** Address of the record number `index` out of `fields`. */
export function recordAt(base: number, fields: readonly string[], index: number): number {
  assert(base > 0, "a record has an address");
  return base + 4 * fields.length * index;
}
