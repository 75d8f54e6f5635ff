"""An S3 server of this process, and one bucket of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

KEY, SECRET = "the-key", "the-secret"


@dataclass(frozen=True)
class Bucket:
    """A bucket `lets`, which is new and empty."""

    endpoint: str

    @property
    def all(self) -> Any:
        s3 = boto3.resource(
            "s3", "us-east-1", endpoint_url=self.endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET
        )
        return s3.Bucket("lets")

    @property
    def names(self) -> list[str]:
        return sorted(one.key for one in self.all.objects.all())

    def upload(self, root: Path, *folders: str) -> None:
        """Copy the files of these folders, those that were made first before the others, as Snakemake made them."""
        files = [path for folder in folders for path in (root / folder).rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: path.stat().st_mtime_ns):
            self.all.upload_file(str(path), path.relative_to(root).as_posix())

    def read(self, name: str) -> bytes:
        return self.all.Object(name).get()["Body"].read()


@contextmanager
def new_bucket() -> Iterator[Bucket]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    bucket = Bucket("http://{}:{}".format(*server.get_host_and_port()))
    urlopen(
        Request(f"{bucket.endpoint}/moto-api/reset", method="POST")
    )  # servers of one process share their buckets
    bucket.all.create()
    yield bucket
    server.stop()
