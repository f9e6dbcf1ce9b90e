"""The other ways to a credential, each by the client that AWS itself offers for it."""

import base64
import hashlib
import hmac
import html
import json
import os
import re
import struct
import time
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from cloud import cli, client, refused, region, told

user = told["key_user"]
long_term = {"AccessKeyId": user["access_key_id"], "SecretAccessKey": user["secret_access_key"]}
account = user["arn"].split(":")[4]
demo, public = "pintail-demo", told["public_bucket"]


def one_time_code(seed, ahead=0):
    """RFC 6238, written once more."""
    counter = struct.pack(">Q", int(time.time()) // 30 + ahead)
    mac = hmac.new(base64.b32decode(seed + "=" * (-len(seed) % 8)), counter, hashlib.sha1).digest()
    at = mac[-1] & 15
    return "%06d" % ((int.from_bytes(mac[at:at + 4], "big") & 0x7FFFFFFF) % 1_000_000)


# A user with a key, and what a code adds.
sts = client("sts", long_term)
assert sts.get_caller_identity()["Arn"] == user["arn"]
assert client("s3", long_term).get_object(Bucket=demo, Key="readme.txt")["Body"].read()
plain = sts.assume_role(RoleArn=told["user_role_arn"], RoleSessionName="script", DurationSeconds=7200)
assert client("sts", plain["Credentials"]).get_caller_identity()["Arn"].endswith(":assumed-role/PintailForUsers/script")
refused("AccessDenied", sts.assume_role, RoleArn=told["mfa_role_arn"], RoleSessionName="script")
code = one_time_code(user["mfa_seed"])
proven = {"RoleArn": told["mfa_role_arn"], "RoleSessionName": "script", "SerialNumber": user["mfa_serial"], "TokenCode": code}
opened = sts.assume_role(**proven)
assert client("s3", opened["Credentials"]).list_objects_v2(Bucket=demo)["KeyCount"]
error = refused("AccessDenied", sts.assume_role, **proven)
assert "MultiFactorAuthentication failed with invalid MFA one time pass code" in error["Error"]["Message"], error
got = cli("sts", "get-session-token", "--serial-number", user["mfa_serial"], "--token-code",
          one_time_code(user["mfa_seed"], 1), "--duration-seconds", "900", credentials=long_term)
assert client("sts", got["Credentials"]).get_caller_identity()["Arn"] == user["arn"]
assert client("iam", got["Credentials"]).list_access_keys()["AccessKeyMetadata"]
without = sts.get_session_token()["Credentials"]
refused("InvalidClientTokenId", client("iam", without).list_access_keys)
refused("AccessDenied", client("sts", without).get_session_token)

# Users through IAM, with a device made and enabled by the clients.
admin = {"AccessKeyId": told["admin"]["access_key_id"], "SecretAccessKey": told["admin"]["secret_access_key"]}
iam = client("iam", admin)
assert iam.create_user(UserName="robot")["User"]["Arn"].endswith(":user/robot")
key = cli("iam", "create-access-key", "--user-name", "robot")["AccessKey"]
assert client("iam", admin).get_user(UserName="robot")["User"]["UserName"] == "robot"
refused("AccessDenied", client("s3", key).list_buckets)
iam.put_user_policy(UserName="robot", PolicyName="list", PolicyDocument=json.dumps({
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}))
assert client("s3", key).list_buckets()["Buckets"]
device = iam.create_virtual_mfa_device(VirtualMFADeviceName="robot")["VirtualMFADevice"]
seed = device["Base32StringSeed"].decode()
iam.enable_mfa_device(UserName="robot", SerialNumber=device["SerialNumber"],
                      AuthenticationCode1=one_time_code(seed, -1), AuthenticationCode2=one_time_code(seed))
assert iam.list_mfa_devices(UserName="robot")["MFADevices"][0]["SerialNumber"] == device["SerialNumber"]
iam.delete_access_key(UserName="robot", AccessKeyId=key["AccessKeyId"])
refused("InvalidClientTokenId", client("sts", key).get_caller_identity)

# Identity Center, first by its API.
unsigned = Config(signature_version=UNSIGNED, retries={"max_attempts": 1})
oidc = boto3.client("sso-oidc", region_name=region, endpoint_url=told["sso_oidc_endpoint"], config=unsigned)
portal = boto3.client("sso", region_name=region, endpoint_url=told["sso_portal_endpoint"], config=unsigned)
registered = oidc.register_client(clientName="script", clientType="public", scopes=["sso:account:access"])
proof = {"clientId": registered["clientId"], "clientSecret": registered["clientSecret"]}
started = oidc.start_device_authorization(startUrl=told["sso_start_url"], **proof)
poll = {"grantType": "urn:ietf:params:oauth:grant-type:device_code", "deviceCode": started["deviceCode"], **proof}
try:
    oidc.create_token(**poll)
    raise AssertionError("not yet approved")
except oidc.exceptions.AuthorizationPendingException as error:
    assert error.response["error"] == "authorization_pending", error.response


def submit(page, fields):
    """Sends the page's form with what a person fills in; returns the next page."""
    action = re.search(r'<form method="post" action="([^"]+)"', page).group(1)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    hidden = {name: html.unescape(value) for name, value in hidden.items()}
    body = urllib.parse.urlencode({**hidden, **fields}).encode()
    with urllib.request.urlopen(told["sso_oidc_endpoint"] + action, body) as answer:
        return answer.read().decode()


with urllib.request.urlopen(started["verificationUriComplete"]) as answer:
    page = answer.read().decode()
assert started["userCode"] in page
alice = told["users"][0]
page = submit(page, {"user_code": started["userCode"]})
page = submit(page, {"username": alice["username"], "password": alice["password"]})
assert "Request approved" in submit(page, {"do": "accept"})
token = oidc.create_token(**poll)
accounts = list(portal.get_paginator("list_accounts").paginate(
    accessToken=token["accessToken"], PaginationConfig={"PageSize": 1}))
assert [entry["accountName"] for page in accounts for entry in page["accountList"]] and len(accounts) == 2, accounts
roles = portal.list_account_roles(accessToken=token["accessToken"], accountId=account)["roleList"]
assert [role["roleName"] for role in roles] == ["PintailFull", "PintailRead"], roles
refused("UnauthorizedException", portal.list_accounts, accessToken="wrong")
refused("ForbiddenException", portal.get_role_credentials, accessToken=token["accessToken"], accountId=account, roleName="No")

# Then as people use it: a profile with an sso_session, whose cached token has nearly ended and is renewed.
home = os.environ["HOME"]
os.makedirs(f"{home}/.aws/sso/cache")
with open(f"{home}/.aws/config", "w") as file:
    file.write(f"""[profile portal]
region = {region}
sso_session = corner
sso_account_id = {account}
sso_role_name = PintailFull
[sso-session corner]
sso_region = {region}
sso_start_url = {told["sso_start_url"]}
sso_registration_scopes = sso:account:access
""")
moment = lambda seconds: (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
kept = f"{home}/.aws/sso/cache/{hashlib.sha1(b'corner').hexdigest()}.json"
with open(kept, "w") as file:
    json.dump({"startUrl": told["sso_start_url"], "region": region, "accessToken": token["accessToken"],
               "expiresAt": moment(60), "refreshToken": token["refreshToken"], "registrationExpiresAt": moment(86400),
               **proof}, file)
os.environ["AWS_ENDPOINT_URL_SSO"] = told["sso_portal_endpoint"]
os.environ["AWS_ENDPOINT_URL_SSO_OIDC"] = told["sso_oidc_endpoint"]
session = boto3.Session(profile_name="portal")
assert session.get_credentials().method == "sso"
who = session.client("sts", endpoint_url=told["sts_endpoint"]).get_caller_identity()["Arn"]
assert ":assumed-role/AWSReservedSSO_PintailFull_" in who and who.endswith(alice["username"]), who
session.client("s3", endpoint_url=told["s3_endpoint"]).put_object(Bucket=demo, Key="by-portal", Body=b"x")
with open(kept) as file:
    renewed = json.load(file)
assert renewed["accessToken"] != token["accessToken"] and renewed["refreshToken"] != token["refreshToken"]
refused("InvalidGrantException", oidc.create_token, grantType="refresh_token", refreshToken=token["refreshToken"], **proof)
portal.logout(accessToken=renewed["accessToken"])
refused("UnauthorizedException", portal.list_accounts, accessToken=renewed["accessToken"])
del os.environ["AWS_ENDPOINT_URL_SSO"], os.environ["AWS_ENDPOINT_URL_SSO_OIDC"]
os.remove(f"{home}/.aws/config")


def found(method, **environment):
    """The session that boto3's own chain finds in this environment."""
    os.environ.update(environment)
    try:
        session = boto3.Session(region_name=region)
        assert session.get_credentials().method == method, session.get_credentials().method
        return session
    finally:
        for name in environment:
            del os.environ[name]


# A machine's role, and a container's.
del os.environ["AWS_EC2_METADATA_DISABLED"]
machine = found("iam-role", AWS_EC2_METADATA_SERVICE_ENDPOINT=told["metadata_endpoint"], AWS_EC2_METADATA_V1_DISABLED="true")
who = machine.client("sts", endpoint_url=told["sts_endpoint"]).get_caller_identity()["Arn"]
assert ":assumed-role/PintailInstance/i-" in who, who
machine.client("s3", endpoint_url=told["s3_endpoint"]).put_object(Bucket=demo, Key="by-machine", Body=b"x")
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
box = found("container-role", AWS_CONTAINER_CREDENTIALS_FULL_URI=told["container"]["endpoint"],
            AWS_CONTAINER_AUTHORIZATION_TOKEN=told["container"]["token"])
assert box.client("s3", endpoint_url=told["s3_endpoint"]).get_object(Bucket=demo, Key="by-machine")["Body"].read() == b"x"
refused("AccessDenied", box.client("s3", endpoint_url=told["s3_endpoint"]).delete_object, Bucket=demo, Key="by-machine")

# The console, as a broker opens it.
federated = opened["Credentials"]
query = {"Action": "getSigninToken", "Session": json.dumps({
    "sessionId": federated["AccessKeyId"], "sessionKey": federated["SecretAccessKey"], "sessionToken": federated["SessionToken"]})}
with urllib.request.urlopen(told["federation_endpoint"] + "?" + urllib.parse.urlencode(query)) as answer:
    assert json.load(answer)["SigninToken"]

# Nobody in particular.
nobody = boto3.client("s3", region_name=region, endpoint_url=told["s3_endpoint"], config=unsigned)
assert nobody.get_object(Bucket=public, Key="hello.txt")["Body"].read()
assert nobody.list_objects_v2(Bucket=public)["KeyCount"] == 1
refused("AccessDenied", nobody.get_object, Bucket=demo, Key="readme.txt")
refused("AccessDenied", nobody.put_object, Bucket=public, Key="new", Body=b"x")
listed = cli("s3", "ls", f"s3://{public}/", "--no-sign-request", credentials=None)
assert "hello.txt" in listed, listed
cli("s3", "cp", "--no-sign-request", f"s3://{demo}/readme.txt", "-", credentials=None, code="403")
policy = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{demo}/readme.txt"}]}
owner = client("s3", admin)
owner.put_bucket_policy(Bucket=demo, Policy=json.dumps(policy))
assert json.loads(owner.get_bucket_policy(Bucket=demo)["Policy"]) == policy
assert nobody.get_object(Bucket=demo, Key="readme.txt")["Body"].read()
owner.delete_bucket_policy(Bucket=demo)
refused("NoSuchBucketPolicy", owner.get_bucket_policy, Bucket=demo)
refused("MalformedPolicy", owner.put_bucket_policy, Bucket=demo, Policy="{}")
