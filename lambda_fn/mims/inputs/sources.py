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


SOURCES: Tuple[Source, ...] = (
    Source("tensorflow", endings=("saved_model.pb",)),
    Source("onnx", endings=(".onnx",)),
)

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
