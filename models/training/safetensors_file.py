"""Writes safetensors: 8 bytes of header length, a JSON header padded with spaces, then the tensors."""

import json

import numpy as np

TYPES = {"F32": np.dtype("<f4"), "U8": np.dtype("u1")}


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
