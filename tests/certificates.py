"""An authority of somebody's own, and the certificates that it has signed."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: Names below it mean nothing here: only a proxy of a test knows where they lead.
OUTSIDE = "outside.example"
#: Certificate -> the names that it is for.
HOSTS = {"localhost": ("localhost", f"*.{OUTSIDE}"), "other": ("other.example",)}
_UNENCRYPTED = serialization.NoEncryption()


def make_certificates(folder: Path) -> Path:
    """A folder with certificate and key (`localhost.pem`, `other.pem`), both signed by `ca.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _signed("an authority", key, issuer="an authority", by=key, can_sign=True)
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for stem, hosts in HOSTS.items():
        its_key = ec.generate_private_key(ec.SECP256R1())
        shown = _signed(stem, its_key, issuer="an authority", by=key, hosts=hosts)
        kept = its_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _UNENCRYPTED
        )
        (folder / f"{stem}.pem").write_bytes(shown.public_bytes(serialization.Encoding.PEM) + kept)
    return folder


def server_context(folder: Path, stem: str = "localhost") -> ssl.SSLContext:
    """What a server needs to show this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{stem}.pem")
    return context


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: str,
    by: ec.EllipticCurvePrivateKey,
    hosts: tuple[str, ...] = (),
    can_sign: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    draft = x509.CertificateBuilder().public_key(key.public_key()).serial_number(x509.random_serial_number())
    draft = draft.subject_name(_named(name)).issuer_name(_named(issuer))
    draft = draft.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=12))
    draft = draft.add_extension(x509.BasicConstraints(ca=can_sign, path_length=None), critical=False)
    if hosts:
        names = [x509.DNSName(host) for host in hosts]
        draft = draft.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return draft.sign(by, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def certify(*hosts: str) -> tuple[bytes, bytes]:
    """A certificate for these hosts that is signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    signed = _signed(hosts[0], key, issuer=hosts[0], by=key, hosts=hosts)
    pem = serialization.Encoding.PEM
    return signed.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8, _UNENCRYPTED)
