"""IAM and Access Analyzer as whoever sets an account up uses them: pages, tags, versions, boundaries, findings."""

import json

from cloud import admin, cli, client, refused, session, told

iam = client("iam", admin)
account = told["role_arn"].split(":")[4]
provider = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"][0]["Arn"]
trust = json.dumps(iam.get_role(RoleName="PintailReadOnly")["Role"]["AssumeRolePolicyDocument"])


def allow(*actions, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": list(actions), "Resource": resource}]})


# Pages: boto3's paginator and the CLI's walk through them by themselves.
names = [entry["RoleName"] for entry in iam.list_roles()["Roles"]]
paged = [entry["RoleName"] for page in iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2})
         for entry in page["Roles"]]
assert paged == names and len(names) > 5, (paged, names)
assert [entry["RoleName"] for entry in cli("iam", "list-roles", "--page-size", "3")["Roles"]] == names
refused("ValidationError", iam.list_roles, Marker="nonsense")
assert cli("iam", "list-account-aliases")["AccountAliases"] == []

# Tags of both kinds, through both clients.
marker = [{"Key": "pintail:setup", "Value": "work"}]
cli("iam", "tag-open-id-connect-provider", "--open-id-connect-provider-arn", provider, "--tags", "Key=pintail:setup,Value=work")
assert iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=provider)["Tags"] == marker
assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)["Tags"] == marker
iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=provider, TagKeys=["pintail:setup"])
assert iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=provider)["Tags"] == []
iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=provider, ThumbprintList=["b" * 40])
assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)["ThumbprintList"] == ["b" * 40]

# A policy with versions, and as the boundary of a role below a path.
made = cli("iam", "create-policy", "--policy-name", "Data", "--path", "/pintail/", "--policy-document",
           allow("s3:GetObject"), "--tags", "Key=pintail:setup,Value=work")["Policy"]
arn = made["Arn"]
assert arn == f"arn:aws:iam::{account}:policy/pintail/Data" and made["Tags"] == marker, made
iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow("s3:GetObject", "s3:ListBucket"), SetAsDefault=True)
got = iam.get_policy(PolicyArn=arn)["Policy"]
assert got["DefaultVersionId"] == "v2" and got["AttachmentCount"] == 0, got
version = cli("iam", "get-policy-version", "--policy-arn", arn, "--version-id", "v2")["PolicyVersion"]
assert version["Document"]["Statement"][0]["Action"] == ["s3:GetObject", "s3:ListBucket"], version
assert [entry["VersionId"] for entry in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v1", "v2"]
refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)
refused("DeleteConflict", iam.delete_policy_version, PolicyArn=arn, VersionId="v2")
iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
assert arn in [entry["Arn"] for entry in cli("iam", "list-policies", "--scope", "Local")["Policies"]]
assert cli("iam", "get-policy", "--policy-arn", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")["Policy"]["IsAttachable"]

role = iam.create_role(RoleName="Bounded", Path="/pintail/", AssumeRolePolicyDocument=trust, PermissionsBoundary=arn,
                       Tags=marker)["Role"]
assert role["Arn"] == f"arn:aws:iam::{account}:role/pintail/Bounded" and role["Tags"] == marker, role
assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn, role
iam.put_role_policy(RoleName="Bounded", PolicyName="all", PolicyDocument=allow("s3:*"))
assert cli("iam", "list-role-tags", "--role-name", "Bounded")["Tags"] == marker
bounded = client("s3", session(told["alice_token"], role["Arn"]))
assert bounded.get_object(Bucket="pintail-demo", Key="readme.txt")["Body"].read()
error = refused("AccessDenied", bounded.put_object, Bucket="pintail-demo", Key="x", Body=b"x")
assert "because no permissions boundary allows the s3:PutObject action" in error["Error"]["Message"], error
cli("iam", "delete-role-permissions-boundary", "--role-name", "Bounded")
bounded.put_object(Bucket="pintail-demo", Key="x", Body=b"x")
iam.attach_role_policy(RoleName="Bounded", PolicyArn=arn)
entities = iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]
assert [entry["RoleName"] for entry in entities] == ["Bounded"], entities

# A bucket's key of KMS: the bucket says it, the policy must allow it.
key = f"arn:aws:kms:{told['region']}:{account}:key/11111111-2222-4333-8444-555555555555"
s3 = client("s3", admin)
s3.put_bucket_encryption(Bucket="pintail-demo", ServerSideEncryptionConfiguration={"Rules": [
    {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]})
rules = cli("s3api", "get-bucket-encryption", "--bucket", "pintail-demo")["ServerSideEncryptionConfiguration"]["Rules"]
assert rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key, rules
error = refused("AccessDenied", bounded.put_object, Bucket="pintail-demo", Key="x", Body=b"x")
assert f"kms:GenerateDataKey on resource: {key}" in error["Error"]["Message"], error
iam.put_role_policy(RoleName="Bounded", PolicyName="kms", PolicyDocument=allow("kms:GenerateDataKey", "kms:Decrypt", resource=key))
written = bounded.put_object(Bucket="pintail-demo", Key="x", Body=b"x")
assert written["ServerSideEncryption"] == "aws:kms" and written["SSEKMSKeyId"] == key, written
assert bounded.get_object(Bucket="pintail-demo", Key="x")["Body"].read() == b"x"
s3.delete_bucket_encryption(Bucket="pintail-demo")

# Access Analyzer.
analyzer = client("accessanalyzer", admin)
wrong = json.dumps({"Statement": [{"Effect": "Allow", "Action": ["s3:GetObjects", "iam:PassRole"], "Resource": "*"}]})
pages = analyzer.get_paginator("validate_policy").paginate(
    policyDocument=wrong, policyType="IDENTITY_POLICY", PaginationConfig={"PageSize": 2})
findings = [finding for page in pages for finding in page["findings"]]
assert [finding["issueCode"] for finding in findings] == [
    "MISSING_VERSION", "INVALID_ACTION", "PASS_ROLE_WITH_STAR_IN_RESOURCE"], findings
assert findings[1]["locations"][0]["path"][-1] == {"index": 0}, findings
assert findings[1]["locations"][0]["span"]["start"]["line"] == 1, findings
fine = cli("accessanalyzer", "validate-policy", "--policy-document", trust, "--policy-type", "RESOURCE_POLICY",
           "--validate-policy-resource-type", "AWS::IAM::AssumeRolePolicyDocument")
assert fine["findings"] == [], fine
refused("AccessDeniedException", client("accessanalyzer", session(told["alice_token"])).validate_policy,
        policyDocument=wrong, policyType="IDENTITY_POLICY")
refused("ValidationException", analyzer.validate_policy, policyDocument=wrong, policyType="SERVICE_CONTROL_POLICY")

# And down again.
iam.detach_role_policy(RoleName="Bounded", PolicyArn=arn)
for name in ("all", "kms"):
    iam.delete_role_policy(RoleName="Bounded", PolicyName=name)
cli("iam", "untag-role", "--role-name", "Bounded", "--tag-keys", "pintail:setup")
assert iam.list_role_tags(RoleName="Bounded")["Tags"] == []
iam.delete_role(RoleName="Bounded")
iam.delete_policy(PolicyArn=arn)
refused("NoSuchEntity", iam.get_policy, PolicyArn=arn)
