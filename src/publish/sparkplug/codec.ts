/**
 * Sparkplug B payloads as bytes: the parts of Eclipse Tahu's `sparkplug_b.proto` that an edge node needs.
 *
 *   Payload: 1 timestamp, 2 metrics, 3 seq
 *   Metric:  1 name, 2 alias, 3 timestamp, 4 datatype, 5 is_historical, 7 is_null, 10 int, 11 long, 12 float, 13 double,
 *            14 boolean, 15 string
 */

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Data types by number, those that are used here. */
export const DATATYPES = {
  Int32: 3,
  Int64: 4,
  UInt32: 7,
  UInt64: 8,
  Double: 10,
  Boolean: 11,
  String: 12,
  DateTime: 13,
};
/** One data type's name. */
export type Datatype = keyof typeof DATATYPES;

/** A metric's value; null is Sparkplug's null. A `DateTime` is in ms since 1970 UTC. */
export type MetricValue = boolean | number | string | null;

/** A metric to encode. Births name it and its type, data refers to it by its alias. */
export interface OutgoingMetric {
  readonly name?: string;
  readonly alias?: number;
  readonly timestampMs: number;
  readonly datatype: Datatype;
  /** Whether the type is in the bytes. */
  readonly isTyped: boolean;
  readonly value: MetricValue;
  readonly isHistorical?: boolean;
}

/** A payload to encode. */
export interface OutgoingPayload {
  readonly timestampMs: number;
  /** Absent in an NDEATH only. */
  readonly seq?: number;
  readonly metrics: readonly OutgoingMetric[];
}

/** A metric of a command. */
export interface IncomingMetric {
  readonly name: string | null;
  readonly alias: number | null;
  readonly value: MetricValue;
}

/** Longest command, bytes, and most metrics in one. */
export const COMMAND_BYTES_MAX = 64 * 1024;
const COMMAND_METRICS_MAX = 256;

/** The bytes of a payload. */
export function encodePayload({ timestampMs, seq, metrics }: OutgoingPayload): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).uint64(Math.round(timestampMs));
  for (const metric of metrics) encodeMetric(writer.tag(2, WireType.LengthDelimited).fork(), metric).join();
  if (seq !== undefined) writer.tag(3, WireType.Varint).uint64(seq);
  return writer.finish();
}

/**
 * The metrics of a command.
 * @throws {Error} for bytes that are no payload, and beyond the limits of size
 */
export function decodeMetrics(bytes: Uint8Array): IncomingMetric[] {
  if (bytes.length > COMMAND_BYTES_MAX) throw new RangeError(`a command has at most ${COMMAND_BYTES_MAX} bytes`);
  const metrics: IncomingMetric[] = [];
  readFields(bytes, (field, wire, reader) => {
    if (field !== 2 || wire !== WireType.LengthDelimited) return false;
    if (metrics.length >= COMMAND_METRICS_MAX) {
      throw new RangeError(`a command has at most ${COMMAND_METRICS_MAX} metrics`);
    }
    metrics.push(decodeMetric(reader.bytes()));
    return true;
  });
  return metrics;
}

// ---------------------------------------------------------------------------------------------------------------------

function encodeMetric(writer: BinaryWriter, metric: OutgoingMetric): BinaryWriter {
  const { name, alias, timestampMs, datatype, isTyped, value, isHistorical = false } = metric;
  if (name !== undefined) writer.tag(1, WireType.LengthDelimited).string(name);
  if (alias !== undefined) writer.tag(2, WireType.Varint).uint64(alias);
  writer.tag(3, WireType.Varint).uint64(Math.round(timestampMs));
  if (isTyped) writer.tag(4, WireType.Varint).uint32(DATATYPES[datatype]);
  if (isHistorical) writer.tag(5, WireType.Varint).bool(true);
  if (value === null) return writer.tag(7, WireType.Varint).bool(true);
  switch (datatype) {
    case "Int32": // in an unsigned field, as two's complement
    case "UInt32":
      return writer.tag(10, WireType.Varint).uint32(Number(value) >>> 0);
    case "Int64":
    case "UInt64":
    case "DateTime":
      return writer.tag(11, WireType.Varint).uint64(Math.round(Number(value)));
    case "Double":
      return writer.tag(13, WireType.Bit64).double(Number(value));
    case "Boolean":
      return writer.tag(14, WireType.Varint).bool(Boolean(value));
    case "String":
      return writer.tag(15, WireType.LengthDelimited).string(String(value));
  }
}

function decodeMetric(bytes: Uint8Array): IncomingMetric {
  let name: string | null = null;
  let alias: number | null = null;
  let value: MetricValue = null;
  readFields(bytes, (field, wire, reader) => {
    const expected = FIELD_WIRES[field];
    if (expected === undefined || expected !== wire) return false;
    if (field === 1) name = reader.string();
    else if (field === 2) alias = Number(reader.uint64());
    else if (field === 10) value = reader.uint32();
    else if (field === 11) value = Number(reader.uint64());
    else if (field === 12) value = reader.float();
    else if (field === 13) value = reader.double();
    else if (field === 14) value = reader.bool();
    else value = reader.string();
    return true;
  });
  return { name, alias, value };
}

/** How the fields of a metric that are read are written; others are passed over. */
const FIELD_WIRES: Readonly<Record<number, WireType>> = {
  1: WireType.LengthDelimited,
  2: WireType.Varint,
  10: WireType.Varint,
  11: WireType.Varint,
  12: WireType.Bit32,
  13: WireType.Bit64,
  14: WireType.Varint,
  15: WireType.LengthDelimited,
};

/** Goes over the fields of a message; `take` reads a field's value, or leaves it and says false. */
function readFields(bytes: Uint8Array, take: (field: number, wire: WireType, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (!take(field, wire, reader)) reader.skip(wire, field);
    if (reader.pos > reader.len) throw new RangeError("a field ends after the message that holds it");
  }
}
