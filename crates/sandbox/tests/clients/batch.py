"""Batch jobs through boto3's client for S3 Control: create, describe, list, update; and what jobs leave behind."""

import gzip
import hashlib
import json
import socket

import boto3
from botocore.config import Config

from cloud import admin, client, refused, region, told

account = told["account_id"]
s3 = client("s3", admin)
iam = client("iam", admin)

# boto3 puts the account before the host, and nobody but a desktop's resolver knows names below localhost.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve(
    "127.0.0.1" if isinstance(host, str) and host.endswith(".localhost") else host, *rest, **more
)
control = boto3.client(
    "s3control",
    region_name=region,
    endpoint_url=told["s3_endpoint"].replace("127.0.0.1", "localhost"),
    aws_access_key_id=admin["AccessKeyId"],
    aws_secret_access_key=admin["SecretAccessKey"],
    config=Config(retries={"max_attempts": 1}),
)

trust = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "batchoperations.s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
role = iam.create_role(RoleName="jobs", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
iam.put_role_policy(RoleName="jobs", PolicyName="s3", PolicyDocument=json.dumps(allow))

s3.create_bucket(Bucket="jobs-here", CreateBucketConfiguration={"LocationConstraint": region})
for key in ["in/a", "in/b c", "in/ä"]:
    s3.put_object(Bucket="jobs-here", Key=key, Body=b"x", Tagging="old=1")
etag = s3.put_object(
    Bucket="jobs-here", Key="list.csv", Body=b"jobs-here,in/a\njobs-here,in/b%20c\njobs-here,in/%C3%A4\njobs-here,in/none\n"
)["ETag"]

manifest = {
    "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
    "Location": {"ObjectArn": "arn:aws:s3:::jobs-here/list.csv", "ETag": etag},
}
report = {
    "Bucket": "arn:aws:s3:::jobs-here",
    "Format": "Report_CSV_20180820",
    "Enabled": True,
    "Prefix": "reports",
    "ReportScope": "AllTasks",
}


def create(operation, token, **more):
    given = {"Manifest": manifest, "Report": report, "Priority": 10, "RoleArn": role, "ConfirmationRequired": False}
    return control.create_job(AccountId=account, Operation=operation, ClientRequestToken=token, **{**given, **more})["JobId"]


def look(job):
    return control.describe_job(AccountId=account, JobId=job)["Job"]


def follow(job, until=("Complete", "Failed", "Cancelled", "Suspended")):
    for _ in range(50):
        told_now = look(job)
        if told_now["Status"] in until:
            return told_now
    raise AssertionError(told_now)


copied = create(
    {"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::jobs-here", "TargetKeyPrefix": "out", "StorageClass": "GLACIER"}},
    "copy",
    Description="copies & more",
)
done = follow(copied)
assert done["Status"] == "Complete" and done["Description"] == "copies & more", done
assert done["ProgressSummary"]["TotalNumberOfTasks"] == 4, done
assert (done["ProgressSummary"]["NumberOfTasksSucceeded"], done["ProgressSummary"]["NumberOfTasksFailed"]) == (3, 1), done
assert done["Operation"]["S3PutObjectCopy"]["TargetKeyPrefix"] == "out", done
assert done["Manifest"]["Spec"]["Fields"] == ["Bucket", "Key"], done
assert done["JobArn"] == f"arn:aws:s3:{region}:{account}:job/{copied}", done
head = s3.head_object(Bucket="jobs-here", Key="out/in/b c")
assert head["StorageClass"] == "GLACIER", head

where = f"reports/job-{copied}/"
found = json.loads(s3.get_object(Bucket="jobs-here", Key=where + "manifest.json")["Body"].read())
for result in found["Results"]:
    body = s3.get_object(Bucket=result["Bucket"], Key=result["Key"])["Body"].read()
    assert hashlib.md5(body).hexdigest() == result["MD5Checksum"], result
    assert len(body.splitlines()) == (3 if result["TaskExecutionStatus"] == "succeeded" else 1), body

restored = follow(
    create(
        {"S3InitiateRestoreObject": {"ExpirationInDays": 3, "GlacierJobTier": "BULK"}},
        "restore",
        Manifest={
            **manifest,
            "Location": {
                "ObjectArn": "arn:aws:s3:::jobs-here/cold.csv",
                "ETag": s3.put_object(Bucket="jobs-here", Key="cold.csv", Body=b"jobs-here,out/in/a\n")["ETag"],
            },
        },
    )
)
assert restored["ProgressSummary"]["NumberOfTasksSucceeded"] == 1, restored
assert 'ongoing-request="false"' in s3.head_object(Bucket="jobs-here", Key="out/in/a")["Restore"]
refused("InvalidObjectState", s3.get_object, Bucket="jobs-here", Key="out/in/b c")

# An inventory is a list too.
rows = gzip.compress(b'"jobs-here","in/a","1"\n"jobs-here","in/b+c","1"\n')
s3.put_object(Bucket="jobs-here", Key="stock/data/1.csv.gz", Body=rows)
stock = {
    "sourceBucket": "jobs-here",
    "destinationBucket": "arn:aws:s3:::jobs-here",
    "version": "2016-11-30",
    "fileFormat": "CSV",
    "fileSchema": "Bucket, Key, Size",
    "files": [{"key": "stock/data/1.csv.gz", "size": len(rows), "MD5checksum": hashlib.md5(rows).hexdigest()}],
}
tag = s3.put_object(Bucket="jobs-here", Key="stock/manifest.json", Body=json.dumps(stock).encode())["ETag"]
held = create(
    {"S3PutObjectTagging": {"TagSet": [{"Key": "new", "Value": "2"}]}},
    "tag",
    Manifest={
        "Spec": {"Format": "S3InventoryReport_CSV_20161130"},
        "Location": {"ObjectArn": "arn:aws:s3:::jobs-here/stock/manifest.json", "ETag": tag},
    },
    ConfirmationRequired=True,
)
assert follow(held)["Status"] == "Suspended"
assert control.update_job_priority(AccountId=account, JobId=held, Priority=42)["Priority"] == 42
confirmed = control.update_job_status(AccountId=account, JobId=held, RequestedJobStatus="Ready", StatusUpdateReason="go")
assert confirmed["Status"] == "Ready", confirmed
done = follow(held)
assert done["Status"] == "Complete" and done["Priority"] == 42 and done["StatusUpdateReason"] == "go", done
assert s3.get_object_tagging(Bucket="jobs-here", Key="in/b c")["TagSet"] == [{"Key": "new", "Value": "2"}]
assert s3.get_object_tagging(Bucket="jobs-here", Key="in/ä")["TagSet"] == [{"Key": "old", "Value": "1"}]

untagged = follow(create({"S3DeleteObjectTagging": {}}, "untag"))
assert untagged["ProgressSummary"]["NumberOfTasksSucceeded"] == 3, untagged
assert s3.get_object_tagging(Bucket="jobs-here", Key="in/a")["TagSet"] == []

cancelled = create({"S3DeleteObjectTagging": {}}, "never", ConfirmationRequired=True)
assert control.update_job_status(AccountId=account, JobId=cancelled, RequestedJobStatus="Cancelled")["Status"] == "Cancelled"
refused("JobStatusException", control.update_job_status, AccountId=account, JobId=cancelled, RequestedJobStatus="Ready")
refused("NoSuchJob", control.describe_job, AccountId=account, JobId="no-such-job")
refused("IdempotencyException", create, {"S3DeleteObjectTagging": {}}, "never")

everything, token = [], {}
while True:
    page = control.list_jobs(AccountId=account, MaxResults=2, **token)
    everything += [job["JobId"] for job in page["Jobs"]]
    if "NextToken" not in page:
        break
    token = {"NextToken": page["NextToken"]}
assert len(everything) == 5 and everything[0] == cancelled and everything[-1] == copied, everything
ended = control.list_jobs(AccountId=account, JobStatuses=["Cancelled"])["Jobs"]
assert [job["JobId"] for job in ended] == [cancelled] and ended[0]["Operation"] == "S3DeleteObjectTagging", ended

# Lifecycle rules as boto3 writes and reads them.
refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket="jobs-here")
rule = {
    "ID": "go",
    "Filter": {"Tag": {"Key": "go", "Value": "yes"}},
    "Status": "Enabled",
    "Expiration": {"Days": 1},
}
s3.put_bucket_lifecycle_configuration(Bucket="jobs-here", LifecycleConfiguration={"Rules": [rule]})
assert s3.get_bucket_lifecycle_configuration(Bucket="jobs-here")["Rules"] == [rule]
s3.delete_bucket_lifecycle(Bucket="jobs-here")
