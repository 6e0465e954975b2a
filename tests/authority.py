"""Certificate authorities: the one of a test run, with which mitmproxy signs and which clients trust, and others."""

import ipaddress
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


_SERVES = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def issue(folder: Path, *names: str) -> tuple[Path, Path]:
    """Have an authority of an operator's own make a certificate: (key and certificate, the authority's certificate)."""
    authority_key, authority = _new_authority(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an operator")])
    )
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _begun(x509.Name([]), authority.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SERVES, critical=True)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    own, trusted = folder / "gateway.pem", folder / "authority.pem"
    own.write_bytes(_to_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
    trusted.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    return own, trusted


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@cache
def _authority() -> tuple[bytes, bytes]:
    """(key, certificate)."""
    key, certificate = _new_authority(_NAME)
    return _to_pem(key), certificate.public_bytes(serialization.Encoding.PEM)


def _new_authority(name: x509.Name) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Elliptic, for mitmproxy's own kind of key, RSA, takes longer to read than most tests."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _begun(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_SIGNS_ONLY, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=1),
    )


def _to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
