"""Runs against servers that somebody has started or installed; each test says what it lacks."""

import os
import subprocess
import uuid

import pytest

from dgmm.errors import TemporaryError
from dgmm.io.results.result import open_result
from dgmm.io.storage.lease import hold_lease
from dgmm.io.storage.location import output_path
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.run.victim import digest
from tests.stores.conftest import free_port, wait_for
from tests.stores.runs import clumps, configuration, write_zarr

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("clock")]


@pytest.fixture
def azurite(tmp_path, monkeypatch):
    """A container of Microsoft's emulator, whose account and key everybody knows."""
    program = os.environ.get("DGMM_AZURITE")
    if program is None:
        pytest.skip("needs DGMM_AZURITE=.../azurite/dist/src/blob/main.js (npm install azurite)")
    pytest.importorskip("adlfs", reason='needs pip install "dgmm[azure]"')
    port = free_port()
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "-l", str(tmp_path)]
    quiet = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    process = subprocess.Popen(["node", program, *options, *quiet])
    url = f"http://127.0.0.1:{port}/devstoreaccount1"
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING",
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={key};"
        f"BlobEndpoint={url};",
    )
    try:
        wait_for(process, f"http://127.0.0.1:{port}")
        output_path("az://container").fs.mkdir("container")
        yield "az://container", {}
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def s3_server():
    """A bucket of whatever S3 server there is, such as Ceph's gateway."""
    endpoint = os.environ.get("DGMM_S3_ENDPOINT")
    if endpoint is None:
        pytest.skip("needs DGMM_S3_ENDPOINT, an S3 server, and credentials in the environment")
    options = {"endpoint_url": endpoint}
    bucket = f"dgmm-{uuid.uuid4().hex}"
    fs = output_path(f"s3://{bucket}", options).fs
    fs.mkdir(bucket)
    yield f"s3://{bucket}", options
    fs.rm(bucket, recursive=True)


@pytest.mark.parametrize("server", ["azurite", "s3_server"])
def test_a_run_on_a_server_has_the_bits_of_a_local_one(server, request, tmp_path, clock, caplog):
    url, options = request.getfixturevalue(server)
    write_zarr(tmp_path / "x.zarr", None, clumps())
    expected = run(loads(configuration(tmp_path / "x.zarr", tmp_path / "out")))
    write_zarr(f"{url}/x.zarr", options, clumps())
    text = configuration(f"{url}/x.zarr", f"{url}/out", options)
    done = run(loads(text))
    assert digest(done.path, options or None) == digest(expected.path)
    assert str(open_result(f"{url}/out", options).path) == done.path
    assert run(loads(text)).already_complete
    output = output_path(f"{url}/out", options)
    assert {path.name for path in output.iterdir()} == {".lock", "latest.json", "runs"}
    with hold_lease(output) as confirm:
        clock.meanwhile = lambda: confirm.__self__._renew()
        with pytest.raises(TemporaryError, match="is being written to by process"):
            hold_lease(output).__enter__()
    assert "conditional writes" not in caplog.text
