"""HuggingFace's inference toolkit with real pipelines, with what `RECIPE=auto` makes.

https://github.com/aws/sagemaker-huggingface-inference-toolkit: handler_service.py, which
infers the task from `config.json` and calls the pipeline of transformers. The models are tiny and
untrained.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, NamedTuple

import pytest

from tests.endpoints.auto import COUNTS, Request, request
from tests.endpoints.recipes import library

pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]

TOOLKIT = "sagemaker-huggingface-inference-toolkit"
JUDGE = "its inference toolkit, handler and pipeline"
WORDS = [
    "[UNK]",
    "[PAD]",
    "[CLS]",
    "[SEP]",
    "default",
    "_",
    "text",
    "good",
    "bad",
    "news",
]

FILL_MASK = "fill-mask"
MASK, OTHER_MASK = "[MASK]", "<mask>"

# The recipe's own body, and those that the server reads besides; one record is one sample.
NAMED: Dict[int, List[Dict[str, Any]]] = {
    1: [
        {},
        {"CONTENT_TYPES": "application/json; format=record"},
        {"CONTENT_TYPES": "text/csv"},
    ],
    3: [{}, {"CONTENT_TYPES": "text/csv"}],
}


class Task(NamedTuple):
    """A task, the architecture of its model, texts for its fields, and the tokenizer's mask."""

    name: str
    architecture: str
    values: Dict[str, List[Any]]
    mask: str = MASK

    @property
    def description(self) -> str:
        """The task as it is in the page's table."""
        return self.name + (f", whose mask is `{self.mask}`" if self.name == FILL_MASK else "")


TASKS = (
    Task(
        "text-classification", "BertForSequenceClassification", {"inputs": ["good", "bad", "news"]}
    ),
    Task("token-classification", "BertForTokenClassification", {"inputs": ["good", "bad", "news"]}),
    Task(
        "question-answering",
        "BertForQuestionAnswering",
        {"question": ["good?", "bad?", "news?"], "context": ["bad news", "good news", "text"]},
    ),
    Task("text-generation", "GPT2LMHeadModel", {"inputs": ["good", "bad", "news"]}),
    Task("text2text-generation", "T5ForConditionalGeneration", {"inputs": ["good", "bad", "news"]}),
    Task(FILL_MASK, "BertForMaskedLM", {"inputs": ["good [MASK]", "bad [MASK]", "[MASK]"]}),
    Task(
        FILL_MASK,
        "RobertaForMaskedLM",
        {"inputs": ["good <mask>", "bad <mask>", "<mask>"]},
        OTHER_MASK,
    ),
)


def save(architecture: str, mask: str, folder: Path) -> None:
    """Save a tiny model of an architecture, with a tokenizer of a few words."""
    known = [*WORDS, mask]
    torch, transformers = library("torch"), library("transformers")
    tokenizers = library("tokenizers")
    words = tokenizers.models.WordLevel(
        {word: i for i, word in enumerate(known)}, unk_token="[UNK]"
    )
    tokenizer = tokenizers.Tokenizer(words)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    special = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]"}
    special.update(sep_token="[SEP]", mask_token=mask, eos_token="[SEP]")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=24, **special
    )
    torch.manual_seed(5)
    small: Dict[str, int] = {"vocab_size": len(known), "pad_token_id": 1, "eos_token_id": 3}
    encoder = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    encoder.update(intermediate_size=8, max_position_embeddings=32, num_labels=2)
    configurations: Dict[str, Callable[[], Any]] = {
        "Bert": lambda: transformers.BertConfig(**encoder, **small),
        "Robe": lambda: transformers.RobertaConfig(**encoder, **small),
        "GPT2": lambda: transformers.GPT2Config(
            n_embd=8, n_layer=1, n_head=2, n_positions=64, bos_token_id=3, **small
        ),
        "T5Fo": lambda: transformers.T5Config(
            d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, decoder_start_token_id=1, **small
        ),
    }
    model = getattr(transformers, architecture)(configurations[architecture[:4]]())
    if model.can_generate():  # a few words, the same ones each time
        short = {"do_sample": False, "max_new_tokens": 3}
        tasks = ("text-generation", "text2text-generation")
        model.config.task_specific_params = dict.fromkeys(tasks, short)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)


def handled(folder: Path, made: Request, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the toolkit's handler load the model and answer, as its server does."""
    # The toolkit sets this once it has inferred the task; the fixture removes it again.
    monkeypatch.setenv("HF_TASK", "none")
    monkeypatch.delenv("HF_TASK")
    toolkit = library("sagemaker_huggingface_inference_toolkit.handler_service")
    service = toolkit.HuggingFaceHandlerService()
    headers = {"Content-Type": made.media_type, "Accept": "application/json"}
    context = SimpleNamespace(
        system_properties={"model_dir": str(folder), "batch_size": 1, "gpu_id": None},
        request_processor=[SimpleNamespace(get_request_properties=lambda: headers)],
        metrics=SimpleNamespace(add_time=lambda *_: None),
        set_response_content_type=lambda *_: None,
    )
    (answer,) = service.handle([{"body": made.body}], context)
    return json.loads(answer)


@pytest.mark.parametrize("samples", COUNTS)
@pytest.mark.parametrize("task", TASKS, ids=[task.architecture for task in TASKS])
def test_the_toolkit_answers(
    task: Task,
    samples: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answered: Any,
) -> None:
    save(task.architecture, task.mask, tmp_path)
    plain = request(tmp_path, samples)
    assert (plain.family, plain.recipe) == ("huggingface", "huggingface")
    assert plain.content_type == "application/json; format=task"
    handled(tmp_path, plain, monkeypatch)

    transformers = library("transformers")
    pipeline = transformers.pipeline(task.name, str(tmp_path), tokenizer=str(tmp_path), device=-1)
    given: List[Any] = list(zip(*task.values.values()))[:samples]
    texts = [dict(zip(task.values, sample)) for sample in given]
    inputs = [text.get("inputs", text) for text in texts]
    own = pipeline(inputs[0] if samples == 1 else inputs)
    for named in NAMED[samples]:
        made = request(tmp_path, samples, task.values, **named)
        # From CSV, the toolkit makes a list, even for a single sample.
        wanted = pipeline(inputs) if made.media_type == "text/csv" else own
        answer = handled(tmp_path, made, monkeypatch)
        assert answer == json.loads(json.dumps(wanted, default=float))
        answered(
            made,
            task.description,
            "transformers",
            "200, answers as the pipeline does",
            JUDGE,
            TOOLKIT,
        )


@pytest.mark.parametrize("task", [task for task in TASKS if task.name == FILL_MASK])
def test_without_its_mask_a_text_is_refused(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(task.architecture, task.mask, tmp_path)
    made = request(tmp_path, values={"inputs": ["good news"]})
    service = library("mms.service")
    with pytest.raises(service.PredictionException, match="No mask_token"):
        handled(tmp_path, made, monkeypatch)


@pytest.mark.parametrize("task", [task for task in TASKS if task.name == FILL_MASK])
def test_the_models_type_gives_the_mask_if_the_tokenizer_does_not(
    task: Task, tmp_path: Path
) -> None:
    save(task.architecture, task.mask, tmp_path)
    body = request(tmp_path).json
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["mask_token"]
    path.write_text(json.dumps(config))
    assert request(tmp_path).json == body == {"inputs": f"DEFAULT_TEXT {task.mask}"}
