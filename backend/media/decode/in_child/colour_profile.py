"""The colours of pictures that name their space by numbers, as HEIC, AVIF and PNG may, as a profile (ICC).

Nothing here runs outside `child`.
"""

import math
import struct
from functools import cache

#: Red, green and blue of a space as XYZ, adapted to D50. Source: ITU-R BT.709 and BT.2020, SMPTE EG 432-1.
_PRIMARIES = {
    1: ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)),
    9: ((0.67346, 0.27903, -0.00193), (0.16566, 0.67534, 0.02998), (0.12510, 0.04563, 0.79716)),
    12: ((0.51510, 0.24118, -0.00105), (0.29197, 0.69224, 0.04188), (0.15715, 0.06658, 0.78438)),
}
_D50 = (0.9642, 1.0, 0.8249)
#: How bright white is, and the brightest that highlights are taken for, in nits. Source: ITU-R BT.2408.
_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0
_CURVE_POINTS = 1024


@cache
def make_profile(primaries: int, transfer: int) -> bytes | None:
    """The profile of a space by its code points; None: it is sRGB or as good as that, or nobody knows.

    What is made for brighter screens is toned down as browsers do it.
    Source: ITU-T H.273 for the numbers, ITU-R BT.2100 for its curves, ICC.1:2010 for profiles.
    """
    curve = {16: _perceptual, 18: _hybrid}.get(transfer, _srgb)
    if primaries not in _PRIMARIES or (primaries == 1 and curve is _srgb):
        return None
    points = [round(65535 * curve(number / (_CURVE_POINTS - 1))) for number in range(_CURVE_POINTS)]
    curve_tag = b"curv" + bytes(4) + struct.pack(f">I{_CURVE_POINTS}H", _CURVE_POINTS, *points)
    red, green, blue = _PRIMARIES[primaries]
    return _profile(
        {
            b"desc": b"desc" + bytes(4) + struct.pack(">I", 1) + bytes(79),
            b"wtpt": _xyz(_D50),
            b"rXYZ": _xyz(red),
            b"gXYZ": _xyz(green),
            b"bXYZ": _xyz(blue),
            **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve_tag),
        }
    )


def _profile(tags: dict[bytes, bytes]) -> bytes:
    begin = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", begin + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    version, signature = b"\x02\x10\0\0", b"acsp"
    head = struct.pack(">I", begin + len(body)) + bytes(4) + version + b"mntrRGB XYZ " + bytes(12) + signature
    return head + bytes(28) + _fixed(_D50) + bytes(48) + table + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _srgb(code: float) -> float:
    return code / 12.92 if code <= 0.04045 else float(((code + 0.055) / 1.055) ** 2.4)


def _perceptual(code: float) -> float:
    """PQ: code values stand for nits."""
    power = code ** (32 / 2523)
    return _toned(
        10_000 * (max(0.0, power - 3424 / 4096) / (2413 / 128 - 2392 / 128 * power)) ** (8192 / 1305)
    )


def _hybrid(code: float) -> float:
    """HLG: relative to the brightest, with the curve of a screen of 1000 nits."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = code**2 / 3 if code <= 0.5 else (math.exp((code - c) / a) + b) / 12
    return _toned(_PEAK_NITS * scene**1.2)


def _toned(nits: float) -> float:
    """From 0 to 1 on an ordinary screen; what is brighter than white is drawn in. Source: Reinhard, 2002."""
    light, most = nits / _WHITE_NITS, _PEAK_NITS / _WHITE_NITS
    return min(1.0, light * (1 + light / most**2) / (1 + light))
