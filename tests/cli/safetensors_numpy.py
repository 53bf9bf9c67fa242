"""Reads a Sextant model with nothing but NumPy, and predicts with it.

A model file is in safetensors layout: 8 bytes with the length of a JSON header (little-endian), the header, then the
tensors, all float64, little-endian, row-major. The header gives each tensor's shape and where its bytes lie after the
header; `__metadata__` holds texts: `crc32`, the CRC-32 of the whole file with these eight digits as 00000000, and
`sextant`, JSON again, with the columns, the targets, the kept inputs and the options.
"""

import json
import struct
import zlib
from pathlib import Path

import numpy as np


def read_model(path):
    """The tensors by name, and the metadata."""
    content = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = json.loads(header.pop("__metadata__")["sextant"])
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(content[begin:end], "<f8").reshape(entry["shape"])
    return tensors, metadata


def encode(columns, metadata):
    """n×inputs from name → values: numbers as they are, a text column as one indicator per level, and one of missing
    cells (NaN, or an empty text) where the column has it."""
    inputs = []
    for column in metadata["encoding"]["columns"]:
        if column["kind"] == "left-out":
            continue
        values = np.asarray(columns[column["name"]])
        if column["kind"] == "number":
            values = values.astype(float)
            inputs.append(values)
        else:
            inputs.extend((values == level).astype(float) for level in column["levels"])
        if column.get("indicator"):
            inputs.append((values == "" if column["kind"] == "text" else np.isnan(values)).astype(float))
    return np.column_stack(inputs)


def predict(columns, tensors, metadata):
    """n×targets, in the targets' own units."""
    X = encode(columns, metadata)[:, metadata["kept"]]
    X = np.where(np.isnan(X), tensors["x_fill"], X)
    if "x_low" in tensors:
        X = X.clip(tensors["x_low"], tensors["x_high"])
    Z = (X - tensors["x_mean"]) / tensors["x_scale"]
    Y = tensors["alpha"] + Z @ tensors["beta"]
    for p, predictor in enumerate(metadata["predictors"]):
        W, b, a = (tensors[f"predictor.{p}.{name}"] for name in "Wba")
        projected = Z @ W.T
        if predictor["mirrored"]:  # unit j + m/2 has the weights of unit j with the other sign
            projected = np.hstack([projected, -projected])
        Y = Y + predictor["weight"] * np.maximum(projected + b, 0) @ a
    Y = tensors["y_mean"] + tensors["y_scale"] * Y
    return Y.clip(tensors["prediction_low"], tensors["prediction_high"]) if "prediction_low" in tensors else Y


def write_model(path, header, metadata, data):
    """Writes a header, metadata and tensor bytes with the right checksum: for tests that tamper with a model."""
    header = {**header, "__metadata__": {"crc32": "00000000", "sextant": json.dumps(metadata)}}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    content = struct.pack("<Q", len(text)) + text + data
    content = content.replace(b'"crc32":"00000000', b'"crc32":"%08x' % zlib.crc32(content), 1)
    Path(path).write_bytes(content)


def split_model(content):
    """Header without metadata, metadata, and tensor bytes of a model file's bytes."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = json.loads(header.pop("__metadata__")["sextant"])
    return header, metadata, content[8 + length :]
