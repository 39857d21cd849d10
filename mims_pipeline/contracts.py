"""What the scripts of a model pipeline promise each other, as data.

A `ScriptContract` names the folders of a script in its container, and the environment variables
that it requires and knows; `validate_implementation` compares a real script with it, without
running the script. The contracts of the other steps are those of the cursus pipelines
(https://github.com/TianpeiLuke/cursus), as far as this step depends on them: names, paths, and
required variables.

>>> from mims_pipeline.contracts import MIMS_PAYLOAD_CONTRACT
>>> MIMS_PAYLOAD_CONTRACT.expected_input_paths["model_input"]
'/opt/ml/processing/input/model'
>>> MIMS_PAYLOAD_CONTRACT.validate_implementation("lambda_fn/mims_payload.py").is_valid
True
"""

from __future__ import annotations

from mims.setting_table import SETTINGS

from mims_pipeline.script_contract import ScriptContract, ValidationResult

__all__ = [
    "MIMS_PACKAGE_CONTRACT",
    "MIMS_PAYLOAD_CONTRACT",
    "MIMS_REGISTRATION_CONTRACT",
    "PYTORCH_TRAIN_CONTRACT",
    "XGBOOST_TRAIN_CONTRACT",
    "ScriptContract",
    "ValidationResult",
]

MIMS_PAYLOAD_CONTRACT = ScriptContract(
    entry_point="mims_payload.py",
    expected_input_paths={"model_input": "/opt/ml/processing/input/model"},
    expected_output_paths={"payload_sample": "/opt/ml/processing/output"},
    required_env_vars=[],
    optional_env_vars={
        setting.variable: setting.default for setting in SETTINGS if setting.variable
    },
    framework_requirements={"python": ">=3.8"},
    description="""Makes sample payloads for the load test and registration of a model.

Input `model_input`: a folder with the training job's model.tar.gz, or with its files. The model's
input fields are learnt from its hyperparameters.json or, where that names none, from the model's
own files; or the setting FIELDS gives them.
Output `payload_sample`: payload.tar.gz, with one folder for each content type
(application_json/sample_payload.json) and metadata.json; with PAYLOAD_LAYOUT=flat the payload
files alone, as a load test needs them.
Environment: besides the variables listed, SPECIAL_FIELD_<name> gives the value of the field <name>;
write '_' for each character of the field's name that a variable's name cannot have. An empty
variable counts as unset; DEFAULT_CATEGORICAL_VALUE defaults to the value of DEFAULT_TEXT_VALUE.
Needs only the standard library.
""",
)

MIMS_PACKAGE_CONTRACT = ScriptContract(
    entry_point="package.py",
    expected_input_paths={
        "model_input": "/opt/ml/processing/input/model",
        "inference_scripts_input": "/opt/ml/processing/input/script",
        "calibration_model": "/opt/ml/processing/input/calibration",
    },
    expected_output_paths={"packaged_model": "/opt/ml/processing/output"},
    description="Packs the trained model and its inference code into a model.tar.gz to deploy.",
)

MIMS_REGISTRATION_CONTRACT = ScriptContract(
    entry_point="script.py",
    expected_input_paths={
        "PackagedModel": "/opt/ml/processing/input/model",
        "GeneratedPayloadSamples": "/opt/ml/processing/mims_payload",
    },
    expected_output_paths={},
    required_env_vars=["MODS_WORKFLOW_EXECUTION_ID"],
    description="Registers a packaged model, with its sample payloads.",
)

_TRAINING_INPUTS = {
    "input_path": "/opt/ml/input/data",
    "hyperparameters_s3_uri": "/opt/ml/code/hyperparams/hyperparameters.json",
}
_TRAINING_OUTPUTS = {"model_output": "/opt/ml/model", "evaluation_output": "/opt/ml/output/data"}

XGBOOST_TRAIN_CONTRACT = ScriptContract(
    entry_point="xgboost_training.py",
    expected_input_paths=_TRAINING_INPUTS,
    expected_output_paths=_TRAINING_OUTPUTS,
    description="Trains an XGBoost model; SageMaker packs `model_output` into model.tar.gz.",
)

PYTORCH_TRAIN_CONTRACT = ScriptContract(
    entry_point="pytorch_training.py",
    expected_input_paths=_TRAINING_INPUTS,
    expected_output_paths=_TRAINING_OUTPUTS,
    description="Trains a PyTorch model; SageMaker packs `model_output` into model.tar.gz.",
)
