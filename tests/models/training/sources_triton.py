"""Triton's configurations for the tests of the source `triton`, and what protobuf reads in them.

Run with a folder: `python tests/models/training/sources_triton.py FOLDER`. Made with tritonclient
2.73.0 (its ModelConfig) and protobuf 7.36.2 (Python 3.11). Those written by hand are as people
write them; the expectation is what protobuf's own parser returns.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List

# mypy: disable-error-code="import-not-found,import-untyped"
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as triton

KINDS = {"BOOL": "boolean", "STRING": "text", "BF16": "numeric"}
BY_HAND = {
    "comments": """
        # A model of two inputs.
        name: "churn"  platform: 'onnxruntime_onnx';  max_batch_size: 8
        input [
          { name: "fare paid" data_type: TYPE_FP32 dims: [ 1 ] },  # a comment { in a line
          { name: 'it\\'s \\x41 \\303\\266 "#"', data_type: TYPE_STRING; dims: [ -1, 2 ] }
        ]
        output [ { name: "probability" data_type: TYPE_FP32 dims: [ 1 ] } ]
        parameters { key: "input" value: { string_value: "input { name: \\"no\\" }" } }
    """,
    "repeated": """
        platform: "tensorrt_plan"
        input { name: "images" data_type: TYPE_FP16 format: FORMAT_NCHW dims: -1 dims: 3 dims: 224 }
        input: < name: "mas" "k" data_type: 9 dims: [] dims: [0x10, 5] optional: true >
        instance_group [ { count: 1 kind: KIND_CPU }, { count: 2 gpus: [ 0, 1 ] } ]
        sequence_batching { control_input [ { name: "START" control [
          { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } ] } ] }
        optimization { priority: PRIORITY_MAX }
    """,
    "ensemble": """
        platform: "ensemble" max_batch_size: 1
        ensemble_scheduling { step [ {
          model_name: "tokenizer" model_version: -1
          input_map { key: "TEXT" value: "text" } output_map { key: "IDS" value: "ids" }
        } ] }
        input [ { name: "text" data_type: TYPE_STRING dims: [ 1 ]
                  reshape: { shape: [ ] } } ]
    """,
}


def built() -> Any:
    config = triton.ModelConfig(name="all types", backend="python", max_batch_size=4)
    for name, number in triton.DataType.items():
        if number:
            config.input.add(name=f"größe {name}", data_type=number, dims=[1, number])
    config.input[0].reshape.shape.append(1)
    config.output.add(name="out", data_type=triton.TYPE_FP32, dims=[1])
    config.parameters["a"].string_value = 'quote " and \\ and\nnewline'
    return config


def fields(config: Any) -> List[Dict[str, Any]]:
    described = []
    for given in config.input:
        name = triton.DataType.Name(given.data_type)[len("TYPE_") :]
        kind = KINDS.get(name) or ("numeric" if name.startswith("FP") else "integer")
        dims = given.dims if config.max_batch_size > 0 else given.dims[1:]
        described.append(
            {
                "name": given.name,
                "type": kind,
                "shape": [max(length, 1) for length in dims],
                "datatype": "BYTES" if name == "STRING" else name,
            }
        )
    return described


def main(folder: Path) -> None:
    texts = dict(BY_HAND)
    for name, options in {
        "written": {},
        "one-line": {"as_one_line": True},
        "utf8": {"as_utf8": True, "use_short_repeated_primitives": True},
        "angles": {"pointy_brackets": True},
    }.items():
        texts[name] = text_format.MessageToString(built(), **options)
    for name, text in texts.items():
        config = text_format.Parse(text, triton.ModelConfig())
        kept = folder / f"protobuf-7.36-{name}"
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "config.pbtxt").write_text(text, encoding="utf-8")
        expect = {"source": "triton", "fields": fields(config), "made_up": False}
        content = json.dumps(expect, indent=1, ensure_ascii=False) + "\n"
        (kept / "expect.json").write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
