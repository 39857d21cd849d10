"""What the scripts of a model pipeline promise each other, as data.

A `ScriptContract` names a script's folders in its container by logical name, the environment
variables that it needs and knows, and what must be installed; `validate_implementation` compares a
real script with it, without running it. The names, and the data of the scripts that are not this
project's own, are those that users of the cursus pipelines know
(https://github.com/TianpeiLuke/cursus).

>>> from mims_pipeline.contracts import MIMS_PAYLOAD_CONTRACT
>>> MIMS_PAYLOAD_CONTRACT.expected_input_paths["model_input"]
'/opt/ml/processing/input/model'
>>> MIMS_PAYLOAD_CONTRACT.validate_implementation("lambda_fn/mims_payload.py").is_valid
True
"""

from __future__ import annotations

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
        "CONTENT_TYPES": "application/json",
        "DEFAULT_NUMERIC_VALUE": "0.0",
        "DEFAULT_TEXT_VALUE": "DEFAULT_TEXT",
        "DEFAULT_CATEGORICAL_VALUE": "",
        "FIELD_DEFAULTS": "{}",
        "PAYLOAD_LAYOUT": "contract",
        "SAMPLE_COUNT": "1",
        "REALISTIC_VALUES": "false",
        "MAX_HYPERPARAMETERS_BYTES": "4194304",
        "MAX_ARCHIVE_BYTES": "1099511627776",
        "MAX_MEMBERS": "1000000",
    },
    framework_requirements={"python": ">=3.8"},
    description="""Makes sample payloads for the load test and registration of a model.

Input `model_input`: a folder with the training job's model.tar.gz, or its files; somewhere in it
lies hyperparameters.json, which names the model's input fields.
Output `payload_sample`: payload.tar.gz, with one folder for each content type
(application_json/sample_payload.json) and metadata.json; with PAYLOAD_LAYOUT=flat the payload
files alone.
Environment: besides the variables listed, the family SPECIAL_FIELD_<name> gives the value of the
field <name>; characters of the field's name that no variable can hold are written '_'.
An empty variable counts as unset; DEFAULT_CATEGORICAL_VALUE, unset, takes DEFAULT_TEXT_VALUE's.
Standard library only.
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
    required_env_vars=[],
    framework_requirements={"python": ">=3.7"},
    description="""Packs the trained model and its inference code into the deployable model.tar.gz.

Inputs: `model_input`, the training job's model.tar.gz or its files; `inference_scripts_input`, the
inference code; `calibration_model`, optional.
Output `packaged_model`: model.tar.gz with the model's files at its root (hyperparameters.json among
them) and the inference code under code/.
""",
)

MIMS_REGISTRATION_CONTRACT = ScriptContract(
    entry_point="script.py",
    expected_input_paths={
        "PackagedModel": "/opt/ml/processing/input/model",
        "GeneratedPayloadSamples": "/opt/ml/processing/mims_payload",
    },
    expected_output_paths={},
    required_env_vars=["MODS_WORKFLOW_EXECUTION_ID"],
    optional_env_vars={"PERFORMANCE_METADATA_PATH": ""},
    framework_requirements={"python": ">=3.7"},
    description="""Registers a packaged model, with its sample payloads.

Inputs: `PackagedModel`, the packaged model.tar.gz; `GeneratedPayloadSamples`, the folder with
payload.tar.gz. No output: the registration is the effect.
""",
)

XGBOOST_TRAIN_CONTRACT = ScriptContract(
    entry_point="xgboost_training.py",
    expected_input_paths={
        "input_path": "/opt/ml/input/data",
        "hyperparameters_s3_uri": "/opt/ml/code/hyperparams/hyperparameters.json",
    },
    expected_output_paths={
        "model_output": "/opt/ml/model",
        "evaluation_output": "/opt/ml/output/data",
    },
    required_env_vars=[],
    framework_requirements={
        "xgboost": "==1.7.6",
        "scikit-learn": ">=0.23.2,<1.0.0",
        "pandas": ">=1.2.0,<2.0.0",
        "numpy": ">=1.19.0",
    },
    description="""Trains an XGBoost model on tabular data.

Output `model_output`: what SageMaker packs into model.tar.gz: xgboost_model.bst,
risk_table_map.pkl, impute_dict.pkl, feature_importance.json, feature_columns.txt, and
hyperparameters.json with tab_field_list, cat_field_list, label_name and id_name.
""",
)

PYTORCH_TRAIN_CONTRACT = ScriptContract(
    entry_point="pytorch_training.py",
    expected_input_paths={
        "input_path": "/opt/ml/input/data",
        "hyperparameters_s3_uri": "/opt/ml/code/hyperparams/hyperparameters.json",
    },
    expected_output_paths={
        "model_output": "/opt/ml/model",
        "evaluation_output": "/opt/ml/output/data",
    },
    required_env_vars=[],
    optional_env_vars={"SM_CHECKPOINT_DIR": "/opt/ml/checkpoints"},
    framework_requirements={
        "torch": "==2.1.2",
        "transformers": "==4.37.2",
        "lightning": "==2.1.3",
        "scikit-learn": "==1.3.2",
        "pandas": "==2.1.4",
    },
    description="""Trains a PyTorch model on text and tabular data.

Output `model_output`: what SageMaker packs into model.tar.gz: model.pth, model_artifacts.pth,
model.onnx, and hyperparameters.json with tab_field_list, cat_field_list, text_name, label_name and
id_name.
""",
)
