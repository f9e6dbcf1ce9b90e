"""What the scripts share: the sandbox as told on standard input, clients pointed at it, small checks."""

import json
import os
import subprocess
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

told = json.load(sys.stdin)
region = told["region"]
endpoints = {
    "s3": "s3_endpoint",
    "s3api": "s3_endpoint",
    "sts": "sts_endpoint",
    "iam": "iam_endpoint",
    "accessanalyzer": "iam_endpoint",
}


def client(service, credentials=None, **options):
    """A client that can only talk to the sandbox."""
    keys = {}
    if credentials:
        keys = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials.get("SessionToken"),
        }
    config = Config(retries={"max_attempts": 1}, **options.pop("config", {}))
    endpoint = told[endpoints[service]]
    return boto3.client(
        service, region_name=options.pop("region_name", region), endpoint_url=endpoint, config=config, **keys, **options
    )


admin = {"AccessKeyId": told["admin"]["access_key_id"], "SecretAccessKey": told["admin"]["secret_access_key"]}


def unsigned_sts():
    from botocore import UNSIGNED

    return client("sts", config={"signature_version": UNSIGNED, "parameter_validation": False})


def session(token, role=None, name="script", **more):
    answer = unsigned_sts().assume_role_with_web_identity(
        RoleArn=role or told["role_arn"], RoleSessionName=name, WebIdentityToken=token, **more
    )
    return answer["Credentials"]


def refused(code, call, *args, **kwargs):
    """Calls and expects exactly this error code; returns the error for a closer look."""
    try:
        call(*args, **kwargs)
    except ClientError as error:
        actual = error.response["Error"]["Code"]
        assert actual == code, f"expected {code}, got {actual}: {error.response}"
        return error.response
    raise AssertionError(f"expected {code}, but the call succeeded")


def cli(service, *args, credentials=admin, check=True, code=None):
    """Runs the aws CLI against the sandbox; returns its output, as JSON where it is."""
    endpoint = told[endpoints[service]]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "TMPDIR": os.environ["TMPDIR"],
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
        "AWS_DEFAULT_REGION": region,
        "AWS_PAGER": "",
        "LC_ALL": "C.UTF-8",
    }
    if credentials:
        environment["AWS_ACCESS_KEY_ID"] = credentials["AccessKeyId"]
        environment["AWS_SECRET_ACCESS_KEY"] = credentials["SecretAccessKey"]
        if credentials.get("SessionToken"):
            environment["AWS_SESSION_TOKEN"] = credentials["SessionToken"]
    done = subprocess.run(
        [told["aws_cli"], "--endpoint-url", endpoint, service, *args],
        env=environment, capture_output=True, text=True, timeout=120,
    )
    if code:
        assert done.returncode != 0 and code in done.stderr, f"{args}: {done.stdout} {done.stderr}"
        return done.stderr
    if check:
        assert done.returncode == 0, f"{args}: {done.stdout} {done.stderr}"
    try:
        return json.loads(done.stdout)
    except ValueError:
        return done.stdout
