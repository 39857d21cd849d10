"""Every limit: what an archive may contain, what is held in memory, how large a request may be."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB, GIB = 1024, 1024**2, 1024**3


@dataclass(frozen=True)
class Limits:
    """How large a model archive may be; each of these is a setting.

    Attributes
    ----------
    hyperparameters_bytes
        Bytes of `hyperparameters.json`.
    archive_bytes
        Bytes of the tar stream, decompressed.
    members
        Members of the archive.
    """

    hyperparameters_bytes: int = 4 * MIB
    archive_bytes: int = 1024 * GIB
    members: int = 1_000_000


# How much of a hyperparameters.json fits into memory where its limit is raised: its bytes, the
# bytes of one that is not all ASCII, and the memory of its values.
RAISED_BYTES = 64 * MIB
RAISED_WIDE_BYTES = 16 * MIB
RAISED_VALUES = 192 * MIB
# How much memory the values of another JSON text may take, as estimated from the text.
BUILT_BYTES = 256 * MIB

# The extension headers of one member (long names, pax records, a sparse map), in bytes.
EXTENSION_BYTES = MIB

# How much of an archive is read first, compressed: as much as one request fetches. And how much
# more is read, once the fields are known, to find out the model's family.
FIRST_PART = 256 * KIB
READ_ON_BYTES = 256 * MIB

# How many bytes of a model's file its reader may hold, and how many steps it may take.
HELD_BYTES = 4 * MIB
READER_STEPS = 2_000_000
# The longest name of a field, or of a key on the way to it, that a reader of a stream takes.
NAME_BYTES = MIB
# How much is kept of what a model's files say, as it is counted: far more than one model needs.
TOLD_BYTES = 64 * MIB

# The digits of an integer that are parsed: CPython's own limit since 3.11, beyond which it takes
# quadratic time.
# https://docs.python.org/3/library/stdtypes.html#integer-string-conversion-length-limitation
INTEGER_DIGITS = 4300

SAMPLES = 10_000
DIMENSIONS = 32  # of a shape, as many as a numpy array may have
FIELDS = 100_000  # the most that a number in the setting FIELDS may ask for

# The most bytes that a request may have: to a real-time, a serverless, an asynchronous endpoint.
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
# https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-invoke.html
# https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
REQUEST_BYTES = 6_291_456
SERVERLESS_BYTES = 4 * MIB
ASYNCHRONOUS_BYTES = GIB
# The values of all samples in a body, counting missing ones: a value takes at least two bytes.
CELLS = REQUEST_BYTES // 2
# The values of one sample: a value takes at least four bytes of a body, `0.0,` (or two, but few
# models take that many). And the lists, counting nested ones, that all samples together consist of.
SAMPLE_VALUES = REQUEST_BYTES // 4
LISTS = 1_000_000
# A template of a body or a record.
TEMPLATE_CHARACTERS = 64 * KIB
# All payload files of an archive together, before compression.
PAYLOAD_FILES_BYTES = 64 * MIB

# How large a payload archive that is checked may be: compressed bytes, decompressed bytes, the
# bytes of its metadata.json, the characters of a name (ustar's 100), the fields of a sample.
PAYLOAD_ARCHIVE_BYTES = 256 * MIB
PAYLOAD_TAR_BYTES = 4 * GIB
METADATA_BYTES = 24 * MIB
PAYLOAD_NAME_CHARACTERS = 100
CHECKED_FIELDS = 250_000

# The largest object, where a payload is to be written, that may be a payload already: no archive of
# such files is larger once it is compressed, so what is larger is somebody else's.
STORED_PAYLOAD_BYTES = PAYLOAD_FILES_BYTES

# How many characters of a name a message shows, and how many names of a list.
SHOWN_CHARACTERS = 200
SHOWN_NAMES = 20

# How many warnings come with a result, and of how many characters each.
WARNINGS = 20
WARNING_CHARACTERS = 500
