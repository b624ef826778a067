"""A certificate for the servers that speak TLS: the same for all of them, made anew for each run."""

from pathlib import Path

from command import BenchmarkError


def write_certificate(folder: Path) -> Path:
    """Write a key and its certificates to a file in the folder; return the file's path."""
    try:
        import trustme
    except ImportError as error:
        raise BenchmarkError(
            "TLS needs a certificate, and trustme, which makes it: pip install --group bench"
        ) from error
    path = folder / "server.pem"
    certificate = trustme.CA().issue_cert("localhost", "127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(path)
    return path
