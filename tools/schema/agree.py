#!/usr/bin/env python3
"""Do docs/scenario.schema.json and the loader agree?

Run from the source root. The loader's half of the answer is plan/case_test: it accepts every scenario under scenarios/
and fixtures/scenarios/valid/, and refuses every one under fixtures/scenarios/broken/. Here the schema must say the
same, but for broken cases with a file `semantic`: what is wrong there (a name that does not exist, a circle, a pattern
that does not compile) is beyond a schema, which must accept them.

Needs Debian's python3-jsonschema and python3-yaml.
"""
import json
import pathlib
import sys

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    """YAML 1.2 as editors and the loader read it: `no` is a text, 22:22 is not a number, no key is there twice."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if len(keys) != len(set(keys)):
            raise yaml.constructor.ConstructorError(None, None, "a key is here twice", node.start_mark)
        self.flatten_mapping(node)
        return {str(key): value for key, value in super().construct_mapping(node, deep).items()}


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("merge", r"^<<$", "<"),
):
    Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, yaml.resolver.re.compile(pattern), list(first))


def integer(loader, node):
    return int(loader.construct_scalar(node), 10)


Loader.add_constructor("tag:yaml.org,2002:int", integer)


def refusal(validator, path):
    """None when the schema accepts the file, else why not."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        return f"not YAML: {type(error).__name__}"
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    return error.message if error else None


def undescribed(schema, where="#"):
    """Properties that an editor could not explain."""
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from undescribed(item, f"{where}/{index}")
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        # Conditions (if, not) hold no properties that are offered.
        if name == "properties" and not where.endswith(("/if", "/not", "/during")):
            for key, property_schema in value.items():
                if "description" not in property_schema:
                    yield f"{where}/properties/{key}"
        yield from undescribed(value, f"{where}/{name}")


def main():
    schema = json.loads(pathlib.Path("docs/scenario.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    scenario = jsonschema.Draft7Validator(schema)
    stack = jsonschema.Draft7Validator({"$ref": "#/definitions/stack", "definitions": schema["definitions"]})
    wrong = [f"docs/scenario.schema.json: {where} has no description" for where in undescribed(schema)]
    counts = {"accepted": 0, "refused": 0}

    def judge(folder, path, must_accept):
        reason = refusal(scenario, path)
        if reason is None and folder is not None and (folder / "stack.yaml").exists():
            reason = refusal(stack, folder / "stack.yaml")
        counts["accepted" if reason is None else "refused"] += 1
        if must_accept and reason is not None:
            wrong.append(f"{path}: the loader accepts it (or refuses it for its meaning only), the schema says: {reason}")
        if not must_accept and reason is None:
            wrong.append(f"{path}: the loader refuses it, the schema accepts it (if only its meaning is wrong, add a file `semantic`)")

    for path in sorted(pathlib.Path("scenarios").glob("**/*.yaml")):
        if any(line.startswith("falsestart:") for line in path.read_text(encoding="utf-8").splitlines()):
            judge(None, path, True)
        else:
            reason = refusal(stack, path)
            if reason:
                wrong.append(f"{path}: {reason}")
    for path in sorted(pathlib.Path("fixtures/scenarios/valid").glob("*/scenario.yaml")):
        judge(path.parent, path, True)
    for path in sorted(pathlib.Path("fixtures/scenarios/broken").glob("*/scenario.yaml")):
        judge(path.parent, path, (path.parent / "semantic").exists())
    for line in wrong:
        print(line)
    print(f"{counts['accepted']} accepted, {counts['refused']} refused, {len(wrong)} wrong")
    if counts["accepted"] == 0 or counts["refused"] == 0:
        print("no cases found: run this from the source root")
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
