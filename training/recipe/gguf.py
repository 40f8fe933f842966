"""Writes GGUF version 3, and packs codes into the tensor layouts that files hold."""

import struct
from pathlib import Path

import numpy as np

F32, F16, Q8_0, I8, TQ2_0, STQ1_0 = 0, 1, 8, 24, 35, 43
ALIGNMENT = 32


def text(t: str | bytes) -> bytes:
    t = t.encode() if isinstance(t, str) else t
    return struct.pack("<Q", len(t)) + t


def value(v) -> bytes:
    """A metadata value: bool, int (32 bits), float (32 bits), str, or a list of str or int."""
    match v:
        case bool():
            return struct.pack("<IB", 7, v)
        case int():
            return struct.pack("<II", 4, v)
        case float():
            return struct.pack("<If", 6, v)
        case str():
            return struct.pack("<I", 8) + text(v)
        case []:
            return struct.pack("<IIQ", 9, 8, 0)
        case [str() | bytes(), *_]:
            return struct.pack("<IIQ", 9, 8, len(v)) + b"".join(map(text, v))
        case [int(), *_]:
            return struct.pack("<IIQ", 9, 5, len(v)) + struct.pack(f"<{len(v)}i", *v)
    raise TypeError(f"{type(v)} is not written")


def write(path: Path, keys: dict, tensors: list[tuple[str, int, tuple[int, ...], bytes]]) -> None:
    """`tensors`: name, type, shape with the row length first, data."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    head += b"".join(text(k) + value(v) for k, v in keys.items())
    offset = 0
    for name, kind, shape, data in tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", kind, offset)
        offset += -(-len(data) // ALIGNMENT) * ALIGNMENT
    padded = lambda b: b + bytes(-len(b) % ALIGNMENT)
    path.write_bytes(padded(head) + b"".join(padded(data) for *_, data in tensors))


def f16(a: np.ndarray) -> bytes:
    return a.astype("<f2").tobytes()


def blocks(codes: np.ndarray, scales: np.ndarray) -> bytes:
    """(blocks, bytes) of codes, each before its half-precision scale."""
    return np.concatenate([codes, scales.reshape(-1, 1).astype("<f2").view(np.uint8)], 1).tobytes()


def q8_0(codes: np.ndarray, scales: np.ndarray) -> bytes:
    """Codes (rows, cols/32, 32) -127..127, scales (rows, cols/32, 1)."""
    scales = scales.reshape(-1, 1).astype("<f2").view(np.uint8)
    return np.concatenate([scales, codes.reshape(-1, 32).astype(np.int8).view(np.uint8)], 1).tobytes()


def tq2_0(codes: np.ndarray, scales: np.ndarray) -> bytes:
    """Codes (rows, cols) -1, 0, 1 and scales (rows, 1): ggml's blocks of 256, weight 128 n + 32 j + l in bits
    2j of byte 32 n + l, then the scale."""
    c = (codes + 1).astype(np.uint8).reshape(-1, 2, 4, 32)
    packed = (c[:, :, 0] | c[:, :, 1] << 2 | c[:, :, 2] << 4 | c[:, :, 3] << 6).reshape(-1, 64)
    return blocks(packed, np.repeat(scales, codes.shape[1] // 256))


def stq1_0(codes: np.ndarray, scales: np.ndarray) -> bytes:
    """Sherry's blocks of 256 as llama.cpp's pull request 22836 lays them out: 64 four-bit slots (low half
    first), 64 sign bits (lowest first), the scale. Weight w belongs to group (w / 64) * 16 + w % 16, lane
    w % 64 / 16. Slot bits 3..2: the lane of the zero; bit 0 (1): the second (third) non-zero lane differs in
    sign from the first; the sign bit: the first is negative... as the published table has it, see `sign`."""
    lanes = codes.astype(np.int8).reshape(-1, 4, 4, 16).transpose(0, 1, 3, 2).reshape(-1, 64, 4)
    zero = (lanes == 0).argmax(2)
    assert ((lanes == 0).sum(2) == 1).all(), "three of four are kept"
    kept = lanes[lanes != 0].reshape(*lanes.shape[:2], 3)
    slot = zero * 4 + (kept[..., 1] != kept[..., 0]) + 2 * (kept[..., 2] != kept[..., 0])
    sign = (kept[..., 0] < 0).astype(np.uint8)
    qs = (slot[:, 0::2] | slot[:, 1::2] << 4).astype(np.uint8)
    signs = np.packbits(sign, axis=1, bitorder="little")
    return blocks(np.concatenate([qs, signs], 1), np.repeat(scales, codes.shape[1] // 256))


def nested(codes: np.ndarray) -> tuple[bytes, bytes, bytes]:
    """Codes 0..255 (rows, cols) as planes: bits 7..6 four to a byte, bits 5..4 the same, bits 3..0 two to a byte;
    the first column in the lowest bits."""
    c = codes.astype(np.uint8)
    two = lambda p: (p[:, 0::4] | p[:, 1::4] << 2 | p[:, 2::4] << 4 | p[:, 3::4] << 6).tobytes()
    low = c & 15
    return two(c >> 6), two(c >> 4 & 3), (low[:, 0::2] | low[:, 1::2] << 4).tobytes()
