"""Copies a folder to a bucket or back with the transfer client of AWS's Common Runtime: crt.py up|down URL BUCKET PREFIX FOLDER."""

import os
import sys

import botocore.session
from s3transfer.crt import (
    BotocoreCRTCredentialsWrapper,
    BotocoreCRTRequestSerializer,
    CRTTransferManager,
    create_s3_crt_client,
)


def main(verb, url, bucket, prefix, folder):
    session = botocore.session.get_session()
    region = session.get_config_variable("region")
    credentials = BotocoreCRTCredentialsWrapper(session.get_credentials()).to_crt_credentials_provider()
    client = create_s3_crt_client(region, credentials, use_ssl=url.startswith("https:"))
    options = {"endpoint_url": url, "region_name": region}
    with CRTTransferManager(client, BotocoreCRTRequestSerializer(session, options)) as manager:
        futures = []
        if verb == "up":
            for parent, _, names in os.walk(folder):
                for name in names:
                    path = os.path.join(parent, name)
                    key = prefix + os.path.relpath(path, folder)
                    futures.append(manager.upload(path, bucket, key))
        else:
            s3 = session.create_client("s3", endpoint_url=url, region_name=region)
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for found in page.get("Contents", []):
                    path = os.path.join(folder, found["Key"][len(prefix) :])
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    futures.append(manager.download(bucket, found["Key"], path))
        for future in futures:
            future.result()


main(*sys.argv[1:])
