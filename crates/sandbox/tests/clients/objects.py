"""S3 by boto3: objects and their conditions, listings, versions, tags, multipart, checksums, presigned addresses."""

import base64
import hashlib
import os
import urllib.error
import urllib.request
import zlib

from botocore.exceptions import ClientError
from cloud import client, refused, session, told

full = session(told["alice_token"])
s3 = client("s3", full)
bucket = "objects-of-boto3"
s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": told["region"]})
refused("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": told["region"]})
refused("IllegalLocationConstraintException", s3.create_bucket, Bucket="another-bucket")
assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == told["region"]
assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == told["region"]

# Buckets, paged.
names = [entry["Name"] for page in s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1}) for entry in page["Buckets"]]
assert names == ["objects-of-boto3", "pintail-archive", "pintail-demo", "pintail-public"], names
assert [entry["Name"] for entry in s3.list_buckets(Prefix="objects")["Buckets"]] == [bucket]

# One object and everything said with it.
body = "grüße, Welt\n".encode()
put = s3.put_object(
    Bucket=bucket, Key="a/b c+ü%.txt", Body=body, ContentType="text/plain", CacheControl="max-age=60",
    ContentDisposition="inline", ContentEncoding="identity", ContentLanguage="de", Metadata={"one": "1", "two": "zwei"},
    Tagging="team=red&note=a%20b",
)
assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"' and put["ChecksumCRC32"], put
got = s3.get_object(Bucket=bucket, Key="a/b c+ü%.txt", ChecksumMode="ENABLED")
assert got["Body"].read() == body
assert (got["ContentType"], got["CacheControl"], got["ContentLanguage"]) == ("text/plain", "max-age=60", "de"), got
assert got["Metadata"] == {"one": "1", "two": "zwei"} and got["TagCount"] == 2, got
assert got["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
head = s3.head_object(Bucket=bucket, Key="a/b c+ü%.txt", ChecksumMode="ENABLED")
assert head["ContentLength"] == len(body) and head["ChecksumType"] == "FULL_OBJECT", head
over = s3.get_object(Bucket=bucket, Key="a/b c+ü%.txt", ResponseContentType="x/y", ResponseContentDisposition="attachment")
assert over["ContentType"] == "x/y" and over["ContentDisposition"] == "attachment"

# Ranges.
part = s3.get_object(Bucket=bucket, Key="a/b c+ü%.txt", Range="bytes=2-5")
assert part["Body"].read() == body[2:6] and part["ContentRange"] == f"bytes 2-5/{len(body)}", part
assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
assert s3.get_object(Bucket=bucket, Key="a/b c+ü%.txt", Range="bytes=-4")["Body"].read() == body[-4:]
assert refused("InvalidRange", s3.get_object, Bucket=bucket, Key="a/b c+ü%.txt", Range="bytes=999-")["ResponseMetadata"]["HTTPStatusCode"] == 416

# Conditions of reads and writes.
key = "a/b c+ü%.txt"
refused("304", s3.head_object, Bucket=bucket, Key=key, IfNoneMatch=put["ETag"])
refused("304", s3.get_object, Bucket=bucket, Key=key, IfModifiedSince=head["LastModified"])
refused("PreconditionFailed", s3.get_object, Bucket=bucket, Key=key, IfMatch='"other"')
refused("412", s3.head_object, Bucket=bucket, Key=key, IfUnmodifiedSince="2001-01-01")
assert s3.get_object(Bucket=bucket, Key=key, IfMatch=put["ETag"], IfUnmodifiedSince="2001-01-01")["Body"].read()
refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key=key, Body=b"x", IfNoneMatch="*")
refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key=key, Body=b"x", IfMatch='"other"')
refused("NoSuchKey", s3.put_object, Bucket=bucket, Key="nothing", Body=b"x", IfMatch='"other"')
s3.put_object(Bucket=bucket, Key=key, Body=body, IfMatch=put["ETag"], ContentType="text/plain", Metadata={"one": "1"}, Tagging="team=red")
s3.put_object(Bucket=bucket, Key="fresh", Body=b"", IfNoneMatch="*")

# Missing things.
refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="nothing")
refused("404", s3.head_object, Bucket=bucket, Key="nothing")
refused("NoSuchBucket", s3.list_objects_v2, Bucket="no-such-bucket")
refused("404", s3.head_bucket, Bucket="no-such-bucket")
refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)

# Checksums: named, wrong, by trailer, by MD5.
for algorithm in ("CRC32", "SHA1", "SHA256"):
    s3.put_object(Bucket=bucket, Key="sum", Body=body, ChecksumAlgorithm=algorithm)
    assert s3.head_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")[f"Checksum{algorithm}"]
sha = base64.b64encode(hashlib.sha256(body).digest()).decode()
s3.put_object(Bucket=bucket, Key="sum", Body=body, ChecksumSHA256=sha)
refused("BadDigest", s3.put_object, Bucket=bucket, Key="sum", Body=b"other", ChecksumSHA256=sha)
refused("BadDigest", s3.put_object, Bucket=bucket, Key="sum", Body=b"other", ContentMD5=base64.b64encode(hashlib.md5(body).digest()).decode())
quiet = client("s3", full, config={"request_checksum_calculation": "when_required"})
quiet.put_object(Bucket=bucket, Key="sum", Body=body)
assert s3.head_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")["ChecksumCRC64NVME"]

# Copies.
s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
copy = s3.head_object(Bucket=bucket, Key="copy")
assert copy["Metadata"] == {"one": "1"} and copy["ContentType"] == "text/plain", copy
s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key}, MetadataDirective="REPLACE", Metadata={"new": "x"})
assert s3.head_object(Bucket=bucket, Key="copy")["Metadata"] == {"new": "x"}
refused("InvalidRequest", s3.copy_object, Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "copy"})
refused("PreconditionFailed", s3.copy_object, Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": key}, CopySourceIfMatch='"x"')
refused("NoSuchKey", s3.copy_object, Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "nothing"})

# Tags.
assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "team", "Value": "red"}]
s3.put_object_tagging(Bucket=bucket, Key="copy", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "k", "Value": "v"}]
s3.delete_object_tagging(Bucket=bucket, Key="copy")
assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == []

# Listings, paged both ways, with groups and odd names.
for number in range(25):
    s3.put_object(Bucket=bucket, Key=f"many/{number:02}/file & <{number}>", Body=b"x")
for operation in ("list_objects_v2", "list_objects"):
    pages = s3.get_paginator(operation).paginate(Bucket=bucket, Prefix="many/", PaginationConfig={"PageSize": 7})
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    assert keys == sorted(f"many/{number:02}/file & <{number}>" for number in range(25)), keys
    pages = s3.get_paginator(operation).paginate(Bucket=bucket, Prefix="many/", Delimiter="/", PaginationConfig={"PageSize": 7})
    groups = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
    assert groups == [f"many/{number:02}/" for number in range(25)], groups
later = s3.list_objects_v2(Bucket=bucket, Prefix="many/", StartAfter="many/20/")
assert later["KeyCount"] == 5 and not later["IsTruncated"], later
gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": entry["Key"]} for entry in later["Contents"]]})
assert len(gone["Deleted"]) == 5 and "Errors" not in gone

# Multipart: the transfer manager, then by hand with everything that may be wrong.
scratch = os.environ["TMPDIR"]
big = os.urandom(1 << 20) * 20
with open(f"{scratch}/big", "wb") as file:
    file.write(big)
s3.upload_file(f"{scratch}/big", bucket, "big")
s3.download_file(bucket, "big", f"{scratch}/again")
with open(f"{scratch}/again", "rb") as file:
    assert file.read() == big
told_big = s3.head_object(Bucket=bucket, Key="big", PartNumber=1)
assert told_big["PartsCount"] == 3 and told_big["ContentLength"] == 8 << 20, told_big
attributes = s3.get_object_attributes(Bucket=bucket, Key="big", ObjectAttributes=["ETag", "ObjectSize", "ObjectParts", "Checksum"])
assert attributes["ObjectSize"] == len(big) and attributes["ObjectParts"]["TotalPartsCount"] == 3, attributes

piece = b"p" * (5 << 20)
for algorithm, kind in ((None, None), ("CRC64NVME", "FULL_OBJECT"), ("SHA256", "COMPOSITE"), ("CRC32", "FULL_OBJECT")):
    chosen = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if algorithm in ("SHA256", "CRC32") else {}
    upload = s3.create_multipart_upload(Bucket=bucket, Key="hand", Metadata={"by": "hand"}, **chosen)
    where = {"Bucket": bucket, "Key": "hand", "UploadId": upload["UploadId"]}
    named = {"ChecksumAlgorithm": algorithm} if chosen else {}
    parts = []
    for number, data in ((1, piece), (3, b"tail")):
        answer = s3.upload_part(PartNumber=number, Body=data, **named, **where)
        parts.append({"PartNumber": number, **{k: v for k, v in answer.items() if k == "ETag" or k.startswith("Checksum") and k != "ChecksumType"}})
    if not chosen:
        parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    listed = s3.list_parts(MaxParts=1, **where)
    assert listed["IsTruncated"] and listed["Parts"][0]["PartNumber"] == 1, listed
    assert s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["UploadId"] == upload["UploadId"]
    refused("InvalidPartOrder", s3.complete_multipart_upload, MultipartUpload={"Parts": parts[::-1]}, **where)
    refused("InvalidPart", s3.complete_multipart_upload, MultipartUpload={"Parts": [parts[0], {**parts[1], "PartNumber": 4}]}, **where)
    refused("PreconditionFailed", s3.complete_multipart_upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*", **(where | {"Key": "hand"})) if algorithm else None
    whole = {"ChecksumCRC32": base64.b64encode(zlib.crc32(piece + b"tail").to_bytes(4, "big")).decode(), "ChecksumType": "FULL_OBJECT"} if kind == "FULL_OBJECT" and algorithm == "CRC32" else {}
    if whole:
        refused("BadDigest", s3.complete_multipart_upload, MultipartUpload={"Parts": parts}, ChecksumCRC32="AAAAAA==", ChecksumType="FULL_OBJECT", **where)
    done = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **whole, **where)
    expected = hashlib.md5(hashlib.md5(piece).digest() + hashlib.md5(b"tail").digest()).hexdigest()
    assert done["ETag"] == f'"{expected}-2"' and done["ChecksumType"] == (kind or "FULL_OBJECT"), done
    if algorithm == "SHA256":
        digest = hashlib.sha256(hashlib.sha256(piece).digest() + hashlib.sha256(b"tail").digest()).digest()
        assert done["ChecksumSHA256"] == base64.b64encode(digest).decode() + "-2", done
    refused("NoSuchUpload", s3.complete_multipart_upload, MultipartUpload={"Parts": parts}, **where)
    assert s3.get_object(Bucket=bucket, Key="hand")["Body"].read() == piece + b"tail"
upload = s3.create_multipart_upload(Bucket=bucket, Key="small")
where = {"Bucket": bucket, "Key": "small", "UploadId": upload["UploadId"]}
parts = [{"PartNumber": n, "ETag": s3.upload_part(PartNumber=n, Body=b"x", **where)["ETag"]} for n in (1, 2)]
refused("EntityTooSmall", s3.complete_multipart_upload, MultipartUpload={"Parts": parts}, **where)
copied = s3.upload_part_copy(PartNumber=1, CopySource={"Bucket": bucket, "Key": "big"}, CopySourceRange="bytes=0-5242879", **where)
assert copied["CopyPartResult"]["ETag"] == f'"{hashlib.md5(big[:5242880]).hexdigest()}"'
s3.abort_multipart_upload(**where)
refused("NoSuchUpload", s3.list_parts, **where)

# Versions.
assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
first = s3.put_object(Bucket=bucket, Key="v", Body=b"1")["VersionId"]
second = s3.put_object(Bucket=bucket, Key="v", Body=b"2")["VersionId"]
assert s3.get_object(Bucket=bucket, Key="v", VersionId=first)["Body"].read() == b"1"
marker = s3.delete_object(Bucket=bucket, Key="v")
assert marker["DeleteMarker"] and marker["VersionId"], marker
refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="v")
refused("MethodNotAllowed", s3.get_object, Bucket=bucket, Key="v", VersionId=marker["VersionId"])
rows = [(row["VersionId"], row["IsLatest"]) for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix="v", PaginationConfig={"PageSize": 1})
        for row in page.get("Versions", []) + page.get("DeleteMarkers", [])]
assert rows == [(marker["VersionId"], True), (second, False), (first, False)], rows
s3.delete_object(Bucket=bucket, Key="v", VersionId=marker["VersionId"])
assert s3.get_object(Bucket=bucket, Key="v")["Body"].read() == b"2"
s3.delete_object(Bucket=bucket, Key="v", VersionId=second)
assert s3.get_object(Bucket=bucket, Key="v")["VersionId"] == first
refused("NoSuchVersion", s3.get_object, Bucket=bucket, Key="v", VersionId=second)

# Presigned addresses work without a key and end.
address = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60)
with urllib.request.urlopen(address) as answer:
    assert answer.read() == body
upload_to = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "presigned"}, ExpiresIn=60)
urllib.request.urlopen(urllib.request.Request(upload_to, data=b"by address", method="PUT")).close()
assert s3.get_object(Bucket=bucket, Key="presigned")["Body"].read() == b"by address"
try:
    urllib.request.urlopen(address.replace("X-Amz-Expires=60", "X-Amz-Expires=61"))
    raise AssertionError("a changed address was accepted")
except urllib.error.HTTPError as error:
    assert error.code == 403 and b"SignatureDoesNotMatch" in error.read()
try:
    urllib.request.urlopen(f"{told['s3_endpoint']}/{bucket}/presigned")
    raise AssertionError("an unsigned request was accepted")
except urllib.error.HTTPError as error:
    assert error.code == 403 and b"AccessDenied" in error.read()

# Who may do what, and wrong keys.
reader = client("s3", session(told["bob_token"], told["read_only_role_arn"]))
assert reader.get_object(Bucket=bucket, Key=key)["Body"].read() == body
refused("AccessDenied", reader.put_object, Bucket=bucket, Key="x", Body=b"x")
refused("AccessDenied", reader.delete_object, Bucket=bucket, Key=key)
errors = reader.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})["Errors"]
assert errors[0]["Code"] == "AccessDenied", errors
refused("InvalidAccessKeyId", client("s3", full | {"AccessKeyId": "ASIAUNKNOWNKEY000000"}).list_buckets)
refused("InvalidToken", client("s3", full | {"SessionToken": "wrong"}).list_buckets)
refused("InvalidAccessKeyId", client("s3", {k: v for k, v in full.items() if k != "SessionToken"}).list_buckets)
refused("SignatureDoesNotMatch", client("s3", full | {"SecretAccessKey": "wrong"}).list_buckets)
