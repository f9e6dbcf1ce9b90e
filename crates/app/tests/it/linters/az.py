"""Stands in for Microsoft's az, as far as set-up's script uses it: `az account show`, `az account get-access-token` and `az rest`.

Graph is where AZ_GRAPH says; the token is AZ_TOKEN, the tenant AZ_TENANT. Everything else is refused, so that a script that needs
more does not pass.
"""

import json
import os
import sys
import urllib.error
import urllib.request

import jmespath

GRAPH = "https://graph.microsoft.com"


def options(arguments, known):
    found = {}
    rest = list(arguments)
    while rest:
        name = rest.pop(0)
        if name not in known or not rest:
            sys.exit(f"az: unexpected argument {name}")
        found[name] = rest.pop(0)
    return found


def show(value, given):
    if "--query" in given:
        value = jmespath.search(given["--query"], value)
    form = given.get("--output", "json")
    if form == "json":
        print(json.dumps(value))
    elif form == "tsv":
        # As az has it: one line an item, nothing for null.
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                print(item)
    elif form != "none":
        sys.exit(f"az: unexpected output {form}")


def rest(given):
    url = given["--url"]
    if not url.startswith(GRAPH + "/"):
        sys.exit(f"az: {url} is not Microsoft Graph")
    body = given.get("--body")
    body = None if body is None else body.replace(GRAPH, os.environ["AZ_GRAPH"]).encode()
    headers = {"Authorization": "Bearer " + os.environ["AZ_TOKEN"]}
    if "--headers" in given:
        name, value = given["--headers"].split("=", 1)
        headers[name] = value
    request = urllib.request.Request(
        url.replace(GRAPH, os.environ["AZ_GRAPH"], 1), data=body, headers=headers, method=given["--method"]
    )
    try:
        with urllib.request.urlopen(request) as response:
            text = response.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"az: {given['--method']} {url}: {error.code} {error.read().decode()}")
    show(json.loads(text) if text else None, given)


def main(arguments):
    match arguments:
        case ["account", "show", *more]:
            account = {"tenantId": os.environ["AZ_TENANT"], "user": {"name": "admin"}}
            show(account, options(more, {"--query", "--output", "-o"}))
        case ["account", "get-access-token", *more]:
            options(more, {"--resource-type", "--tenant", "--query", "--output", "-o"})
            print(json.dumps({"accessToken": os.environ["AZ_TOKEN"], "tokenType": "Bearer", "tenant": os.environ["AZ_TENANT"]}))
        case ["rest", *more]:
            rest(options(more, {"--method", "--url", "--headers", "--body", "--query", "--output"}))
        case _:
            sys.exit(f"az: unexpected command {' '.join(arguments)}")


main(sys.argv[1:])
