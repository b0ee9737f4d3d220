"""The certificate that the local AWS serves, and the bundle that its callers trust."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bbws_access.local_aws.files import write_atomically

_VALID_DAYS = 825
_RENEW_DAYS = 30


def ensure_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """Return (certificate, private key, CA bundle) in `folder`, made or renewed when needed.

    The server's certificate is signed by an authority of this folder alone, whose private key is thrown away at
    once: nobody can sign another certificate that a trusting machine would accept. The bundle holds that authority
    alone: what trusts it talks to the local AWS and nothing else, and reading the system's roots as well would take
    each new connection 25 ms.
    """
    certificate, key, bundle = folder / "server.pem", folder / "server.key", folder / "ca-bundle.pem"
    if not (key.exists() and bundle.exists() and _is_current(certificate)):
        folder.mkdir(parents=True, exist_ok=True)
        authority_pem, certificate_pem, key_pem = _issue()
        write_atomically(key, key_pem)
        write_atomically(bundle, authority_pem)
        write_atomically(certificate, certificate_pem)
    return certificate, key, bundle


def _is_current(path: Path) -> bool:
    try:
        expires = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return False
    return expires - datetime.datetime.now(datetime.UTC) > datetime.timedelta(days=_RENEW_DAYS)


def _issue() -> tuple[bytes, bytes, bytes]:
    now = datetime.datetime.now(datetime.UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "BBWS Access local AWS authority")])
    authority_identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())

    def builder(name: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(authority_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_identifier), False)
        )

    def usage(*, signs_certificates: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not signs_certificates,
            key_cert_sign=signs_certificates,
            crl_sign=signs_certificates,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )

    authority = (
        builder(authority_name, authority_key.public_key())
        .add_extension(authority_identifier, False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(usage(signs_certificates=True), True)
        .sign(authority_key, hashes.SHA256())
    )
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = (
        builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]), server_key.public_key())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(server_key.public_key()), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(usage(signs_certificates=False), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                    x509.DNSName("localhost"),
                    x509.DNSName("*.execute-api.localhost"),
                ]
            ),
            False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority_pem = authority.public_bytes(serialization.Encoding.PEM)
    return authority_pem, server.public_bytes(serialization.Encoding.PEM) + authority_pem, private
