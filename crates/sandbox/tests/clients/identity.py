"""IAM and STS: set a trust up, use it, chain on, and be refused in AWS's words."""

import base64
import json

from cloud import admin, cli, client, refused, session, told, unsigned_sts

alice, bob = told["alice_token"], told["bob_token"]
name = told["issuer"].removeprefix("http://")
account = told["role_arn"].split(":")[4]

# The account as it stands, through both clients.
iam = client("iam", admin)
providers = [entry["Arn"] for entry in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
assert providers == [f"arn:aws:iam::{account}:oidc-provider/{name}"], providers
provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=providers[0])
assert provider["Url"] == name and provider["ClientIDList"] == [told["client_id"]], provider
who = client("sts", admin).get_caller_identity()
assert who["Account"] == account and who["Arn"].endswith("user/sandbox-admin"), who

# A provider of somebody else, by the CLI, in and out.
made = cli("iam", "create-open-id-connect-provider", "--url", "https://login.example/tenant/v2.0",
           "--client-id-list", "one", "two", "--tags", "Key=made-by,Value=test")
arn = made["OpenIDConnectProviderArn"]
assert arn == f"arn:aws:iam::{account}:oidc-provider/login.example/tenant/v2.0", made
refused("EntityAlreadyExists", iam.create_open_id_connect_provider, Url="https://login.example/tenant/v2.0")
refused("InvalidInput", iam.create_open_id_connect_provider, Url="http://login.example")
refused("InvalidInput", iam.create_open_id_connect_provider, Url="https://login.example/x?appid=1")
iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="three")
iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="three")
iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="one")
got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
assert got["ClientIDList"] == ["two", "three"] and got["Tags"] == [{"Key": "made-by", "Value": "test"}], got
iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
refused("NoSuchEntity", iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn)

# A role for Bob alone, by the CLI.
bob_sub = json.loads(base64.urlsafe_b64decode(bob.split(".")[1] + "=="))["sub"]
trust = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"Federated": providers[0]}, "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringEquals": {f"{name}:aud": told["client_id"], f"{name}:sub": bob_sub}}}]}
role = cli("iam", "create-role", "--role-name", "BobOnly", "--assume-role-policy-document", json.dumps(trust),
           "--description", "Bob's", "--max-session-duration", "7200")["Role"]
assert role["AssumeRolePolicyDocument"] == trust, role
assert iam.get_role(RoleName="BobOnly")["Role"]["MaxSessionDuration"] == 7200
refused("EntityAlreadyExists", iam.create_role, RoleName="BobOnly", AssumeRolePolicyDocument=json.dumps(trust))
cli("iam", "create-role", "--role-name", "Bad", "--assume-role-policy-document", "{}", code="MalformedPolicyDocument")
allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}
iam.put_role_policy(RoleName="BobOnly", PolicyName="list", PolicyDocument=json.dumps(allow))
assert iam.get_role_policy(RoleName="BobOnly", PolicyName="list")["PolicyDocument"] == allow
assert iam.list_role_policies(RoleName="BobOnly")["PolicyNames"] == ["list"]
iam.attach_role_policy(RoleName="BobOnly", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
attached = iam.list_attached_role_policies(RoleName="BobOnly")["AttachedPolicies"]
assert [entry["PolicyName"] for entry in attached] == ["AmazonS3ReadOnlyAccess"], attached
assert "BobOnly" in [entry["RoleName"] for entry in iam.list_roles()["Roles"]]

# The exchange, by the CLI and by boto3, and who one is then.
answer = cli("sts", "assume-role-with-web-identity", "--role-arn", role["Arn"], "--role-session-name", "bob",
             "--web-identity-token", bob, "--duration-seconds", "900", credentials=None)
assert answer["Audience"] == told["client_id"] and answer["SubjectFromWebIdentityToken"] == bob_sub, answer
assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/BobOnly/bob", answer
who = cli("sts", "get-caller-identity", credentials=answer["Credentials"])
assert who["Arn"] == answer["AssumedRoleUser"]["Arn"] and who["UserId"].endswith(":bob"), who
assert client("s3", answer["Credentials"]).list_buckets()["Buckets"]

# Refusals of the exchange.
sts = unsigned_sts()
def exchange(**more):
    request = {"RoleArn": told["role_arn"], "RoleSessionName": "script", "WebIdentityToken": alice, **more}
    return sts.assume_role_with_web_identity(**request)

error = refused("AccessDenied", exchange, RoleArn=role["Arn"])
assert error["Error"]["Message"] == "Not authorized to perform sts:AssumeRoleWithWebIdentity", error
assert error["ResponseMetadata"]["HTTPStatusCode"] == 403
refused("AccessDenied", exchange, WebIdentityToken=bob)
refused("AccessDenied", exchange, RoleArn=f"arn:aws:iam::{account}:role/Nobody")
error = refused("InvalidIdentityToken", exchange, RoleArn="arn:aws:iam::999999999999:role/PintailSandbox")
assert error["Error"]["Message"] == f"No OpenIDConnect provider found in your account for {told['issuer']}", error
assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
refused("InvalidIdentityToken", exchange, WebIdentityToken="not-a-token")
head, claims, signature = alice.split(".")
forged = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"name": "Mallory"}
forged = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
refused("InvalidIdentityToken", exchange, WebIdentityToken=f"{head}.{forged}.{signature}")
error = refused("ValidationError", exchange, RoleArn=f"arn:aws:iam::{account}:user/somebody")
assert error["Error"]["Message"] == "Request ARN is invalid", error
refused("ValidationError", exchange, RoleSessionName="no spaces")
refused("ValidationError", exchange, RoleArn=role["Arn"], WebIdentityToken=bob, DurationSeconds=7201)
refused("ValidationError", exchange, DurationSeconds=899)
refused("MalformedPolicyDocument", exchange, Policy="{}")
iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=providers[0], ClientID=told["client_id"])
error = refused("InvalidIdentityToken", exchange)
assert error["Error"]["Message"] == "Incorrect token audience", error
iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=providers[0], ClientID=told["client_id"])

# Chaining: with the external ID, with none, not with another; an hour at most.
full = session(alice)
chain = client("sts", full)
for more in ({"ExternalId": "pintail-project"}, {}):
    chained = chain.assume_role(RoleArn=told["chained_role_arn"], RoleSessionName="chained", **more)
who = client("sts", chained["Credentials"]).get_caller_identity()
assert who["Arn"].endswith(":assumed-role/PintailProject/chained"), who
refused("AccessDenied", chain.assume_role, RoleArn=told["chained_role_arn"], RoleSessionName="chained", ExternalId="other")
refused("ValidationError", chain.assume_role, RoleArn=told["chained_role_arn"], RoleSessionName="chained", DurationSeconds=3601)
refused("AccessDenied", client("sts", session(bob, told["read_only_role_arn"])).assume_role,
        RoleArn=told["chained_role_arn"], RoleSessionName="chained")

# A session policy narrows.
only = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::pintail-demo/readme.txt"}]}
narrow = client("s3", session(alice, Policy=json.dumps(only)))
assert narrow.get_object(Bucket="pintail-demo", Key="readme.txt")["Body"].read()
refused("AccessDenied", narrow.get_object, Bucket="pintail-demo", Key="reports/2025/summary.csv")
refused("AccessDenied", narrow.put_object, Bucket="pintail-demo", Key="readme.txt", Body=b"x")

# Proof of who asks.
refused("InvalidClientTokenId", client("sts", full | {"AccessKeyId": "ASIAUNKNOWNKEY000000"}).get_caller_identity)
refused("InvalidClientTokenId", client("sts", full | {"SessionToken": "wrong"}).get_caller_identity)
refused("SignatureDoesNotMatch", client("sts", full | {"SecretAccessKey": "wrong"}).get_caller_identity)
refused("AccessDenied", client("iam", full).list_roles)

# And down again.
refused("DeleteConflict", iam.delete_role, RoleName="BobOnly")
iam.detach_role_policy(RoleName="BobOnly", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
iam.delete_role_policy(RoleName="BobOnly", PolicyName="list")
iam.update_assume_role_policy(RoleName="BobOnly", PolicyDocument=json.dumps(trust))
iam.update_role(RoleName="BobOnly", MaxSessionDuration=3600)
iam.delete_role(RoleName="BobOnly")
refused("NoSuchEntity", iam.get_role, RoleName="BobOnly")
