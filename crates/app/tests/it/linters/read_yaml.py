"""Reads YAML documents from standard input with PyYAML and writes them as JSON."""

import json
import sys

import yaml

print(json.dumps(list(yaml.safe_load_all(sys.stdin.read()))))
