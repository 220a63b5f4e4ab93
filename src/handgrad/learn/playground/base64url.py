"""Float32 arrays as text: base64url of their little-endian bytes."""

from __future__ import annotations

import base64
import binascii
import re

import numpy as np

from handgrad.textbook.layers import Array

BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


def unpacked(given: object) -> Array | None:
    """Decode base64url to float32; None if it is invalid."""
    if not isinstance(given, str) or not BASE64URL.fullmatch(given):
        return None
    try:
        data = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
    except binascii.Error:
        return None
    return None if len(data) % 4 else np.frombuffer(data, "<f4").astype(np.float32)


def numbers_in(given: str) -> Array:
    """Decode base64url to float32 that has been checked."""
    numbers = unpacked(given)
    return np.empty(0, np.float32) if numbers is None else numbers


def packed(numbers: Array) -> str:
    """Encode numbers as base64url of float32."""
    return base64.urlsafe_b64encode(numbers.astype("<f4").tobytes()).decode().rstrip("=")
