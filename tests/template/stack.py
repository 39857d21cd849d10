"""The template as CloudFormation sees it: translated from SAM, then evaluated for parameters."""

from __future__ import annotations

import copy
import json
import logging
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Mapping, Tuple

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
DEFINITION = ROOT / "mims_pipeline" / "generate_payload.asl.json"

REGION = "eu-central-1"
ACCOUNT = "111122223333"
MODEL_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0000-model"
PAYLOAD_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0000-payload"

FUNCTION_ALIAS = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:mims-PayloadFunction-1:live"
FILLED_IN = {
    "PayloadFunctionArn": FUNCTION_ALIAS,
    "Partition": "aws",
    "LoadTestLocation": "s3://models/mims-load-test",
}

# The fewest parameters that a user can give, and as many as possible (some exclude each other).
SMALLEST = {"ModelBucketName": "models"}
LARGEST = {
    "ModelBucketName": "models",
    "ModelPrefix": "training/",
    "ModelBucketOwner": "444455556666",
    "ModelKmsKeyArn": MODEL_KEY,
    "TrainingJobRule": "ENABLED",
    "CreateQueue": "true",
    "UploadsThroughQueue": "true",
    "QueueConcurrency": "40",
    "PayloadBucketName": "payloads",
    "PayloadPrefix": "samples",
    "PayloadBucketOwner": "777788889999",
    "PayloadKmsKeyArn": PAYLOAD_KEY,
    "MemorySize": "1024",
    "ReservedConcurrency": "50",
    "LogLevel": "DEBUG",
    "Tracing": "Active",
    "GradualDeployment": "true",
    "ResultDestinationArn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/models",
    "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "SecurityGroupIds": "sg-0123456789abcdef0",
    "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
}
# The stacks that are checked, each with something that no other has.
STACKS: Dict[str, Dict[str, str]] = {
    "smallest": SMALLEST,
    "largest": LARGEST,
    "recommended": {**SMALLEST, "Recipe": "auto"},
    "bucket": {
        **SMALLEST,
        "CreateModelBucket": "true",
        "ModelKmsKeyArn": MODEL_KEY,
        "PayloadKmsKeyArn": MODEL_KEY,
        "ModelBucketOwner": ACCOUNT,
    },
    "payload bucket": {**SMALLEST, "PayloadBucketName": "payloads", "ModelKmsKeyArn": MODEL_KEY},
    "bucket named twice": {
        **SMALLEST,
        "PayloadBucketName": "models",
        "PayloadPrefix": "samples",
        "ModelBucketOwner": "444455556666",
    },
    "queue besides the rule": {**SMALLEST, "CreateQueue": "true"},
    "results to a topic": {
        **SMALLEST,
        "ResultDestinationArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:results",
        "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
    },
    "no state machine": {**SMALLEST, "CreateStateMachine": "false", "Tracing": "Active"},
    "network": {
        **SMALLEST,
        "SubnetIds": "subnet-0123456789abcdef0",
        "SecurityGroupIds": "sg-0123456789abcdef0,sg-0123456789abcdef1",
    },
}

# What `sam package` replaces the paths by.
_PACKAGED = {
    "PayloadFunction": ("CodeUri", "s3://artifacts/function"),
    "PayloadStateMachine": ("DefinitionUri", "s3://artifacts/definition"),
}
_SUB_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
_NO_VALUE = object()

# The translator warns about a feature toggle that only the service has.
logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)

Template = Dict[str, Any]


def source() -> Template:
    """Return template.yaml as written, with intrinsic functions in their long form."""
    return copy.deepcopy(_source())


def translated(**parameters: str) -> Template:
    """Return the CloudFormation template that SAM makes from template.yaml, offline."""
    return copy.deepcopy(_translated(tuple(sorted(_values(source(), parameters).items()))))


def resolved(*, partition: str = "aws", **parameters: str) -> Template:
    """Return the translated template with its parameters and conditions evaluated.

    References to resources stay intrinsic functions. Resources whose condition is false are left
    out.

    Raises
    ------
    ValueError
        A parameter is missing, unknown or not allowed, or a rule of the template is broken.
    """
    template = translated(**parameters)
    scope: Dict[str, Any] = {
        "AWS::AccountId": ACCOUNT,
        "AWS::NoValue": _NO_VALUE,
        "AWS::Partition": partition,
        "AWS::Region": REGION,
        "AWS::StackName": "mims",
    }
    for name, value in _values(template, parameters).items():
        is_list = template["Parameters"][name]["Type"] == "CommaDelimitedList"
        scope[name] = value.split(",") if is_list else value
    conditions: Dict[str, bool] = {}
    for name, condition in template["Conditions"].items():
        conditions[name] = _resolve(condition, scope, conditions)
    for rule in template["Rules"].values():
        if _resolve(rule.get("RuleCondition", True), scope, conditions):
            for assertion in rule["Assertions"]:
                if not _resolve(assertion["Assert"], scope, conditions):
                    raise ValueError(assertion["AssertDescription"])
    result = dict(template)
    for section in ("Resources", "Outputs"):
        result[section] = {
            name: _resolve({**entry, "Condition": _NO_VALUE}, scope, conditions)
            for name, entry in template[section].items()
            if conditions.get(entry.get("Condition"), True)
        }
    return result


def definition() -> Dict[str, Any]:
    """Return the state machine's definition, with the variables of the smallest stack filled in."""
    text = DEFINITION.read_text()
    for name, value in FILLED_IN.items():
        text = text.replace(f"${{{name}}}", value)
    parsed: Dict[str, Any] = json.loads(text)
    return parsed


def references(node: Any) -> Iterator[str]:
    """Yield the name of every resource and parameter that a part of a template refers to."""
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield value[0] if isinstance(value, list) else value.split(".")[0]
            elif key == "Fn::Sub":
                text, variables = (value, {}) if isinstance(value, str) else value
                names = {name.split(".")[0] for name in _SUB_VARIABLE.findall(text)}
                yield from names - set(variables)
                yield from references(variables)
            elif key == "DependsOn":
                yield from [value] if isinstance(value, str) else value
            else:
                yield from references(value)


def statements(template: Template, role: str) -> Dict[str, Dict[str, Any]]:
    """Return the statements of a role's policies, without their Sids, by Sid.

    Raises
    ------
    ValueError
        The role has permissions from elsewhere, or two statements with one Sid.
    """
    properties = template["Resources"][role]["Properties"]
    if "ManagedPolicyArns" in properties:
        raise ValueError(f"{role} has managed policies")
    found: Dict[str, Dict[str, Any]] = {}
    for policy in properties["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            rest = {key: value for key, value in statement.items() if key != "Sid"}
            if found.setdefault(statement["Sid"], rest) is not rest:
                raise ValueError(f"{role} has two statements {statement['Sid']}")
    return found


def of_type(template: Template, resource_type: str) -> Dict[str, Dict[str, Any]]:
    """Return the properties of each resource of a type, by logical name."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == resource_type
    }


@lru_cache(maxsize=None)
def _source() -> Template:
    parsed: Template = yaml_parse(TEMPLATE.read_text())
    return parsed


@lru_cache(maxsize=None)
def _translated(values: Tuple[Tuple[str, str], ...]) -> Template:
    template = source()
    for name, (key, location) in _PACKAGED.items():
        template["Resources"][name]["Properties"][key] = location
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    result: Template = translator.translate(template, dict(values))
    translator.metrics.publish()  # else it warns when the process ends
    return result


def _values(template: Template, parameters: Mapping[str, str]) -> Dict[str, str]:
    unknown = set(parameters) - set(template["Parameters"])
    if unknown:
        raise ValueError(f"no such parameter: {', '.join(sorted(unknown))}")
    values: Dict[str, str] = {}
    for name, declaration in template["Parameters"].items():
        if name not in parameters and "Default" not in declaration:
            raise ValueError(f"{name} has no default and must be given")
        value = str(parameters.get(name, declaration.get("Default")))
        if not _allows(declaration, value):
            raise ValueError(f"{name} does not allow {value!r}")
        values[name] = value
    return values


def _allows(declaration: Mapping[str, Any], value: str) -> bool:
    if declaration["Type"] == "Number":
        minimum, maximum = declaration.get("MinValue", 0), declaration.get("MaxValue", int(value))
        if not minimum <= int(value) <= maximum:
            return False
    return (
        value in [str(item) for item in declaration.get("AllowedValues", [value])]
        and re.fullmatch(declaration.get("AllowedPattern", ".*"), value) is not None
        and len(value) <= declaration.get("MaxLength", len(value))
    )


def _resolve(node: Any, scope: Mapping[str, Any], conditions: Mapping[str, bool]) -> Any:
    if isinstance(node, list):
        items = [_resolve(item, scope, conditions) for item in node]
        return [item for item in items if item is not _NO_VALUE]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        [(function, argument)] = node.items()
        if function == "Ref":
            return scope.get(argument, node)
        if function == "Condition" and isinstance(argument, str):
            return conditions[argument]
        if function == "Fn::If":
            name, if_true, if_false = argument
            return _resolve(if_true if conditions[name] else if_false, scope, conditions)
        if function == "Fn::Sub":
            return _substitute(argument, scope, conditions)
        if function in _FUNCTIONS:
            evaluated = _resolve(argument, scope, conditions)
            # A reference to a resource has no value here that could be split or selected from.
            if function in ("Fn::Select", "Fn::Split") and isinstance(evaluated[1], dict):
                return {function: evaluated}
            return _FUNCTIONS[function](evaluated)
    resolved_items = {key: _resolve(value, scope, conditions) for key, value in node.items()}
    return {key: value for key, value in resolved_items.items() if value is not _NO_VALUE}


def _substitute(argument: Any, scope: Mapping[str, Any], conditions: Mapping[str, bool]) -> Any:
    text, variables = (argument, {}) if isinstance(argument, str) else argument
    known = {**scope, **_resolve(variables, scope, conditions)}
    # A string that still refers to resources becomes part of the outer one, with its references.
    known = {
        name: value["Fn::Sub"] if isinstance(value, dict) and "Fn::Sub" in value else value
        for name, value in known.items()
    }
    text = _SUB_VARIABLE.sub(lambda match: str(known.get(match[1], match[0])), text)
    return {"Fn::Sub": text} if _SUB_VARIABLE.search(text) else text


_FUNCTIONS: Dict[str, Callable[[Any], Any]] = {
    "Fn::And": all,
    "Fn::Equals": lambda pair: pair[0] == pair[1],
    "Fn::Join": lambda argument: argument[0].join(argument[1]),
    "Fn::Not": lambda argument: not argument[0],
    "Fn::Or": any,
    "Fn::Select": lambda argument: argument[1][int(argument[0])],
    "Fn::Split": lambda argument: argument[1].split(argument[0]),
}
