"""Reads and writes safetensors: 8 bytes of header length, a JSON header padded with spaces, then the tensors."""

import json

import numpy as np

TYPES = {"F32": np.dtype("<f4"), "U8": np.dtype("u1"), "I16": np.dtype("<i2")}


def encode(tensors, metadata):
    """Bytes of a file: `tensors` name -> numpy array, `metadata` name -> string. Same input, same bytes."""
    header, blobs, offset = {"__metadata__": metadata}, [], 0
    # widest type first, so that every tensor starts aligned
    for name, array in sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        kind = next(k for k, dtype in TYPES.items() if dtype == array.dtype)
        blob = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(blobs)


def decode(data):
    """(tensors, metadata) of such bytes. Refuses gaps, overlaps and sizes that do not fit."""
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    metadata, tensors, end = header.pop("__metadata__", {}), {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, (start, stop) = TYPES[entry["dtype"]], entry["data_offsets"]
        assert start == end, f"{name} starts at byte {start}, expected {end}"
        assert stop - start == dtype.itemsize * int(np.prod(entry["shape"])), f"{name}: size does not fit its shape"
        tensors[name], end = np.frombuffer(body[start:stop], dtype).reshape(entry["shape"]), stop
    assert end == len(body), f"{len(body) - end} bytes after the last tensor"
    return tensors, metadata
