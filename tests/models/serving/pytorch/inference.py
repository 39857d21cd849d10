"""The model's network, and the four functions that the SageMaker PyTorch container calls."""

from __future__ import annotations

import io
import json
import os
import re
import zlib
from typing import Any, Dict, List, Mapping, Tuple

# mypy: disable-error-code="import-not-found,import-untyped,misc"
import numpy as np
import pandas
import torch

Model = Tuple["TrimodalNetwork", Dict[str, Any]]


def model_fn(model_dir: str) -> Model:
    """Load the weights, and what is needed to turn records into tensors."""
    artifacts = torch.load(os.path.join(model_dir, "model_artifacts.pth"), weights_only=True)
    network = TrimodalNetwork(
        len(artifacts["numeric_fields"]),
        len(artifacts["text_fields"]),
        artifacts["buckets"],
        artifacts["embed_size"],
    )
    network.load_state_dict(
        torch.load(os.path.join(model_dir, "model.pth"), weights_only=True), strict=True
    )
    return network.eval(), artifacts


def input_fn(body: Any, content_type: str) -> pandas.DataFrame:
    """Read records from JSON (`{"instances": [...]}`), JSON lines, or CSV with a header row."""
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    if content_type == "application/json":
        return pandas.DataFrame(json.loads(text)["instances"])
    if content_type == "application/jsonlines":
        return pandas.DataFrame([json.loads(line) for line in text.split("\n")])
    if content_type == "text/csv":
        return pandas.read_csv(io.StringIO(text))
    raise ValueError(f"{content_type} is not supported")


def predict_fn(records: pandas.DataFrame, model: Model) -> np.ndarray:
    """Return the probability that the refund is granted, one a record."""
    network, artifacts = model
    with torch.no_grad():
        return torch.sigmoid(network(*as_tensors(records, artifacts))).numpy()


def output_fn(prediction: np.ndarray, accept: str) -> str:
    """Return the probabilities as JSON."""
    return json.dumps({"predictions": prediction.tolist()})


def as_tensors(
    records: pandas.DataFrame, artifacts: Mapping[str, Any]
) -> Tuple[torch.Tensor, List[List[torch.Tensor]]]:
    """Return the scaled numbers, (records, numeric fields), and each text field's token buckets."""
    numeric = records[artifacts["numeric_fields"]].astype(float).fillna(artifacts["imputation"])
    scaled = (numeric.to_numpy() - artifacts["means"]) / artifacts["deviations"]
    texts = [
        [token_buckets(str(text), artifacts["buckets"]) for text in records[name]]
        for name in artifacts["text_fields"]
    ]
    return torch.tensor(scaled, dtype=torch.float32), texts


def token_buckets(text: str, buckets: int) -> torch.Tensor:
    """Return one bucket for each word; a text without a word is one empty word."""
    words = re.findall(r"\w+", text.lower()) or [""]
    return torch.tensor([zlib.crc32(word.encode("utf-8")) % buckets for word in words])


class TrimodalNetwork(torch.nn.Module):
    """Numbers beside the mean word embedding of each text, and one linear layer over both."""

    def __init__(self, numeric: int, texts: int, buckets: int, embed_size: int) -> None:
        super().__init__()
        self.embeddings = torch.nn.ModuleList(
            torch.nn.EmbeddingBag(buckets, embed_size, mode="mean") for _ in range(texts)
        )
        self.classifier = torch.nn.Linear(numeric + texts * embed_size, 1)

    def forward(self, numeric: torch.Tensor, texts: List[List[torch.Tensor]]) -> torch.Tensor:
        """Return one logit a record."""
        parts = [numeric]
        for embedding, tokens in zip(self.embeddings, texts):
            starts = [0, *np.cumsum([len(words) for words in tokens])[:-1].tolist()]
            parts.append(embedding(torch.cat(tokens), torch.tensor(starts)))
        logits: torch.Tensor = self.classifier(torch.cat(parts, dim=1))
        return logits.squeeze(1)
