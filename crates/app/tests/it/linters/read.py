"""Reads what set-up printed with the parsers and linters of others, and prints what they made of it.

Standard input: {"terraform": [files], "policies": {name: text}}. Standard output: {"terraform": {file: tree}, "policies": {name: [[issue, detail]]}}.
"""

import json
import sys

import hcl2
import parliament


def plain(value):
    """Takes away what the parser adds: its marks, and the quotes around keys and texts."""
    if isinstance(value, dict):
        return {bare(key): plain(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return bare(value) if isinstance(value, str) else value


def bare(text):
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def tree(path):
    with open(path, encoding="utf-8") as file:
        return plain(hcl2.load(file))


def findings(text):
    return [[finding.issue, str(finding.detail)] for finding in parliament.analyze_policy_string(text).findings]


asked = json.load(sys.stdin)
json.dump(
    {
        "terraform": {path: tree(path) for path in asked["terraform"]},
        "policies": {name: findings(text) for name, text in asked["policies"].items()},
    },
    sys.stdout,
)
