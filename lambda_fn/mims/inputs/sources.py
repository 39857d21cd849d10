"""Every source of fields among a model's own files: the one list of them, in order and rank.

A source is a module of this package of the same name, imported when an archive shows a member for
it, with two functions:

- `wants(path: str, head: bytes) -> bool`: whether the member of that path (in the model, without
  `./`), whose first `HEAD` bytes are `head`, is for it;
- `read(member: MemberBytes) -> Optional[Told]`: what it tells; `None` where it turns out to be
  something else. It raises `UnreadableError` for what tells nothing, with the reason.

`endings` and `heads` are what the walk over a hundred thousand small files looks at: how the paths
of its members may end (in lower case), and how their bytes may begin. They let through all that
`wants` takes.
"""

from __future__ import annotations

from typing import NamedTuple, Tuple


class Source(NamedTuple):
    """A module that reads a kind of model file."""

    module: str
    endings: Tuple[str, ...] = ()
    heads: Tuple[bytes, ...] = ()


SKLEARN = Source(
    "sklearn",
    heads=(
        *(b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"),  # a pickle of these protocols
        *(b"c", b"(", b"]", b"}"),  # of protocols 0 and 1
        *(b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b\x08"),  # zlib, gzip
        *(b"BZh", b"\xfd7zXZ\0", b"\x5d\0\0", b"\x04\x22\x4d\x18"),  # bzip2, xz, lzma, lz4
    ),
)

SOURCES: Tuple[Source, ...] = (SKLEARN,)

# What names the fields, by rank: of two, the one of the lower rank is taken.
RANKS = {
    "mlflow": 1,
    "triton": 2,
    "tensorflow": 2,
    "onnx": 2,
    "xgboost": 2,
    "lightgbm": 2,
    "catboost": 2,
    "sklearn": 2,
    "huggingface": 2,
    "feature_list": 3,
}
