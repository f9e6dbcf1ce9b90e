"""Makes sigv4.json: signatures by botocore, for requests that are hard to sign.

Run with botocore installed: python generate.py > sigv4.json
"""

import datetime
import json
import sys
from types import SimpleNamespace
from unittest import mock

import botocore
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 11, 23, 16, 20, 59, tzinfo=datetime.timezone.utc)
PERMANENT = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
TEMPORARY = ("ASIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2Vj//+token==")

# name, credential, region, service, kind, method, url, headers, body, expires
CASES = [
    ("list", PERMANENT, "us-east-1", "s3", "headers", "GET",
     "https://b.s3.us-east-1.amazonaws.com/?list-type=2&prefix=a%2Fb%20c&delimiter=%2F&encoding-type=url", {}, b"", 0),
    ("put", TEMPORARY, "eu-central-1", "s3", "headers", "PUT",
     "https://b.s3.eu-central-1.amazonaws.com/folder/%C3%A9%20%2B%7E~%27%28%29%2A%21.txt",
     {"Content-Type": "text/plain; charset=utf-8", "x-amz-meta-note": "  two   spaces ", "If-None-Match": "*"}, b"hello", 0),
    ("unsigned payload", TEMPORARY, "eu-central-1", "s3", "headers", "PUT",
     "https://b.s3.eu-central-1.amazonaws.com/big", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, b"", 0),
    ("unsigned trailer", TEMPORARY, "eu-central-1", "s3", "headers", "PUT",
     "https://b.s3.eu-central-1.amazonaws.com/big",
     {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-trailer": "x-amz-checksum-crc64nvme",
      "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": "66560"}, b"", 0),
    ("port and dots", PERMANENT, "us-east-1", "s3", "headers", "GET",
     "http://127.0.0.1:8333/b/a/../b//c/./d", {"Range": "bytes=0-9"}, b"", 0),
    ("subresources", PERMANENT, "us-east-1", "s3", "headers", "POST",
     "https://s3.us-east-1.amazonaws.com/b/k?uploads&versionId=a%2Bb", {}, b"", 0),
    ("delete many", PERMANENT, "us-east-1", "s3", "headers", "POST",
     "https://s3.us-east-1.amazonaws.com/b?delete", {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, b"<Delete/>", 0),
    ("identity", TEMPORARY, "eu-west-1", "sts", "headers", "POST",
     "https://sts.eu-west-1.amazonaws.com/",
     {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, b"Action=GetCallerIdentity&Version=2011-06-15", 0),
    ("presigned get", PERMANENT, "us-east-1", "s3", "query", "GET",
     "https://b.s3.amazonaws.com/a%20b/%C3%A9", {}, b"", 3600),
    ("presigned get of a session", TEMPORARY, "us-gov-west-1", "s3", "query", "GET",
     "https://b.s3.us-gov-west-1.amazonaws.com/k?versionId=v1&response-content-disposition=attachment%3B%20filename%3D%22a.txt%22",
     {}, b"", 604800),
    ("presigned put", TEMPORARY, "us-east-1", "s3", "query", "PUT",
     "http://127.0.0.1:8333/b/k", {"Content-Type": "image/png"}, b"", 60),
]


def made(case):
    name, credential, region, service, kind, method, url, headers, body, expires = case
    request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
    request.context["signing"] = {"region": region}
    signs_payload = headers.get("x-amz-content-sha256") != "UNSIGNED-PAYLOAD"
    request.context["client_config"] = SimpleNamespace(s3={"payload_signing_enabled": signs_payload})
    if "x-amz-trailer" in headers:
        request.context["checksum"] = {"request_algorithm": {"in": "trailer", "name": "x-amz-checksum-crc64nvme", "algorithm": "crc64nvme"}}
    keys = Credentials(*credential)
    if kind == "query":
        S3SigV4QueryAuth(keys, service, region, expires=expires).add_auth(request)
    elif service == "s3":
        S3SigV4Auth(keys, service, region).add_auth(request)
    else:
        SigV4Auth(keys, service, region).add_auth(request)
    return {
        "name": name, "access_key_id": credential[0], "secret_access_key": credential[1], "session_token": credential[2],
        "region": region, "service": service, "kind": kind, "method": method, "url": url, "headers": headers,
        "body": body.decode(), "expires_s": expires,
        "signed_url": request.url, "authorization": request.headers.get("Authorization"),
        "content_sha256": request.headers.get("X-Amz-Content-SHA256"),
    }


with mock.patch("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: NOW.replace(tzinfo=None) if remove_tzinfo else NOW):
    json.dump({"made_by": f"botocore {botocore.__version__}", "now": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
               "cases": [made(case) for case in CASES]}, sys.stdout, indent=1, sort_keys=True)
    print()
