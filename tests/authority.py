"""The one certificate authority of a test run: mitmproxy signs with it, and clients trust no other."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mitmproxy.certs import DEFAULT_DHPARAM

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests of the gateway")])

_SIGNS_ONLY = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
"""Python's ssl trusts no authority that does not say so."""


def settle_authority(confdir: Path) -> Path:
    """Make a confdir of mitmproxy's that has the authority; gives the path of its certificate."""
    key, certificate = _authority()
    confdir.mkdir(parents=True, exist_ok=True)
    (confdir / "mitmproxy-ca.pem").write_bytes(key + certificate)
    (confdir / "mitmproxy-dhparam.pem").write_bytes(DEFAULT_DHPARAM)
    path = confdir / "mitmproxy-ca-cert.pem"
    path.write_bytes(certificate)
    return path


@cache
def _authority() -> tuple[bytes, bytes]:
    """(key, certificate). Elliptic, for mitmproxy's own kind of key, RSA, takes longer to read than most tests."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            issuer_name=_NAME,
            subject_name=_NAME,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + timedelta(days=1),
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_SIGNS_ONLY, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return (
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.public_bytes(pem),
    )
