"""The aws CLI's own commands for files: cp, sync, ls, mv, rm, presign."""

import os
import urllib.request

from cloud import cli, session, told

key = session(told["alice_token"])
scratch = os.environ["TMPDIR"]
os.makedirs(f"{scratch}/tree/deep/deeper")
content = {"a.txt": b"a", "deep/b with space.txt": b"b" * 1000, "deep/deeper/c+%.bin": os.urandom(9 << 20)}
for name, data in content.items():
    with open(f"{scratch}/tree/{name}", "wb") as file:
        file.write(data)
    # A listing tells whole seconds, as S3's does: a file written within the second of its upload would look newer than its copy.
    os.utime(f"{scratch}/tree/{name}", (1_700_000_000, 1_700_000_000))


def s3(*args, **more):
    return cli("s3", *args, credentials=key, **more)


s3("mb", "s3://files-of-the-cli")
s3("sync", f"{scratch}/tree", "s3://files-of-the-cli/tree")
listed = s3("ls", "--recursive", "s3://files-of-the-cli/tree/")
assert all(name in listed for name in content), listed
assert "PRE deep/" in s3("ls", "s3://files-of-the-cli/tree/")
assert s3("sync", f"{scratch}/tree", "s3://files-of-the-cli/tree").strip() == "", "a second sync has nothing to do"
s3("sync", "s3://files-of-the-cli/tree", f"{scratch}/back")
for name, data in content.items():
    with open(f"{scratch}/back/{name}", "rb") as file:
        assert file.read() == data, name
s3("cp", "s3://files-of-the-cli/tree/deep/deeper/c+%.bin", "s3://files-of-the-cli/copy.bin")
s3("mv", "s3://files-of-the-cli/tree/a.txt", "s3://files-of-the-cli/moved.txt")
assert s3("cp", "s3://files-of-the-cli/moved.txt", "-") == "a"
address = s3("presign", "s3://files-of-the-cli/moved.txt").strip()
with urllib.request.urlopen(address) as answer:
    assert answer.read() == b"a"
head = cli("s3api", "head-object", "--bucket", "files-of-the-cli", "--key", "copy.bin", "--checksum-mode", "ENABLED", credentials=key)
assert head["ContentLength"] == 9 << 20, head
reader = session(told["bob_token"], told["read_only_role_arn"])
cli("s3", "cp", f"{scratch}/tree/a.txt", "s3://files-of-the-cli/no", credentials=reader, code="AccessDenied")
s3("rm", "--recursive", "s3://files-of-the-cli")
s3("rb", "s3://files-of-the-cli")
