"""Two regions: a bucket is found from the wrong one, and the answers say where it is."""

import urllib.error
import urllib.request

from cloud import client, refused, session, told

full = session(told["alice_token"])
east = client("s3", full, region_name="us-east-1")
west = client("s3", full, region_name="eu-west-1")
east.create_bucket(Bucket="in-the-east")
west.create_bucket(Bucket="in-the-west", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
assert east.get_bucket_location(Bucket="in-the-east")["LocationConstraint"] is None
assert east.get_bucket_location(Bucket="in-the-west")["LocationConstraint"] == "eu-west-1"
regions = {entry["Name"]: entry["BucketRegion"] for entry in east.list_buckets()["Buckets"]}
assert regions["in-the-east"] == "us-east-1" and regions["in-the-west"] == "eu-west-1", regions

# boto3 follows the redirect by itself.
east.put_object(Bucket="in-the-west", Key="k", Body=b"x")
assert west.get_object(Bucket="in-the-west", Key="k")["Body"].read() == b"x"

# A region that does not exist here is named, and the right one with it.
lost = client("s3", full, region_name="ap-south-1")
lost.meta.events.unregister("needs-retry.s3")
error = refused("AuthorizationHeaderMalformed", lost.list_buckets)
assert error["Error"]["Region"] == "us-east-1", error

# Without permission the region is told all the same.
try:
    urllib.request.urlopen(urllib.request.Request(f"{told['s3_endpoint']}/in-the-west", method="HEAD"))
    raise AssertionError("an unsigned request was accepted")
except urllib.error.HTTPError as error:
    assert error.code == 403 and error.headers["x-amz-bucket-region"] == "eu-west-1"
