"""Every source of fields among a model's own files: the one list of them, and their ranks.

A source is a module of this package, imported when an archive has a member for it. It has two
functions:

- `wants(path: str, head: bytes) -> bool`: whether the member with that path (in the model, without
  `./`), whose first `HEAD` bytes are `head`, is for it;
- `read(member: MemberBytes) -> Optional[Told]`: what it says of the inputs; `None` if it turns out
  to be something else. It raises `UnreadableError`, with the reason, if it cannot be read.

`endings` and `heads` are for the walk over a hundred thousand small files: how the paths of its
members may end (in lower case), and how their bytes may begin. They let through all that `wants`
takes.

Of two sources, the one with the lower `rank` names the fields. `tells_as` is the name of the source
in results, if it is not the module's; `also` are further names that it gives.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Iterator, NamedTuple, Tuple


class Source(NamedTuple):
    """A module that reads a kind of model file."""

    module: str
    endings: Tuple[str, ...] = ()
    heads: Tuple[bytes, ...] = ()
    rank: int = 2
    tells_as: str = ""
    also: Tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the source in results."""
        return self.tells_as or self.module

    def load(self) -> Any:
        """Import the module, which a cold start does not need."""
        return import_module(f"mims.inputs.{self.module}")

    def may_want(self, path: str, head: bytes) -> bool:
        return path.lower().endswith(self.endings) or head.startswith(self.heads)


FEATURE_LIST_RANK = 3

# The names, in any case, of files that list a model's features; those that describe a model in
# general have a list with one of these as its key.
FEATURE_LIST_NAMES = (
    "feature_names",
    "features",
    "feature_list",
    "feature_columns",
    "feature_cols",
    "input_features",
    "input_columns",
    "model_features",
    "selected_features",
    "columns",
)
DESCRIPTION_NAMES = ("metadata", "model_metadata", "config", "schema")

# The keys that CatBoost's JSON may begin with.
CATBOOST_KEYS = (
    "ctr_data",
    "features_info",
    "model_info",
    "oblivious_trees",
    "scale_and_bias",
    "trees",
)
# The modules whose names a pickle of protocol 0 or 1 may begin with.
_OLD_PICKLES = (
    *(b"copy_reg\n", b"copyreg\n", b"__builtin__\n", b"builtins\n", b"__main__\n"),
    *(b"sklearn", b"xgboost", b"lightgbm", b"catboost", b"numpy", b"pandas", b"joblib"),
    *(b"imblearn", b"collections\n"),
)
# How a file begins that is compressed as a whole; for zlib, deflate with a window of 32 KiB and no
# dictionary, at each level (RFC 1950).
PACKINGS = (
    *((head, "zlib") for head in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")),
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x5d\0\0", "lzma"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
# How JSON is indented before its first key.
_INDENTS = (b"", b" ", b"\n", b"\n ", b"\n  ", b"\n    ", b"\n\t", b"\r\n  ", b"\r\n    ")


def _json_heads(*keys: str) -> Tuple[bytes, ...]:
    """Return how a JSON object may begin whose first key is one of these.

    (Not its brace alone: an archive may have a hundred thousand other JSON files.)
    """
    return tuple(b'{%s"%s"' % (indent, key.encode()) for key in keys for indent in _INDENTS)


SKLEARN = Source(
    "sklearn",
    also=("autogluon",),
    heads=(
        *(b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"),  # a pickle of these protocols
        *(b"(dp", b"(lp", b"(i", b"(c", b"]q\0", b"}q\0"),  # of protocols 0 and 1
        *(b"c" + module for module in _OLD_PICKLES),
        *(head for head, _ in PACKINGS),
    ),
)

XGBOOST = Source(
    "xgboost",
    endings=("xgboost-model", ".model", ".bin", ".bst", ".xgb"),
    heads=(
        *_json_heads("learner", "Model", "Config", "version"),
        *(b"{L\0", b"{l\0", b"{I\0", b"{i", b"{U"),  # UBJSON, by the type of its first length
        *(b"binf", b"CONFIG-offset:"),
    ),
)

KERAS = Source("keras", endings=(".keras", ".h5", ".hdf5"), tells_as="tensorflow")

SOURCES: Tuple[Source, ...] = (
    Source("tensorflow", endings=("saved_model.pb",)),
    KERAS,
    Source("onnx", endings=(".onnx",)),
    XGBOOST,
    Source("lightgbm", heads=(b"tree\n", b"tree\r\n")),
    Source("catboost", heads=(b"CBM1", *_json_heads(*CATBOOST_KEYS))),
    SKLEARN,
    Source("mlflow", endings=("mlmodel", "input_example.json"), rank=1),
    Source("triton", endings=("config.pbtxt",)),
    Source("huggingface", endings=("config.json",)),
    Source(
        "feature_lists",
        endings=(
            *(f"{name}{ending}" for name in FEATURE_LIST_NAMES for ending in (".json", ".txt")),
            *(f"{name}.json" for name in DESCRIPTION_NAMES),
        ),
        rank=FEATURE_LIST_RANK,
        tells_as="feature_list",
    ),
)

# The rank of each source, by its name in results.
RANKS = {name: source.rank for source in SOURCES for name in (source.name, *source.also)}


def sources_for(path: str, head: bytes) -> Iterator[Source]:
    """Yield the sources that want the member."""
    for source in SOURCES:
        if source.may_want(path, head) and source.load().wants(path, head):
            yield source
