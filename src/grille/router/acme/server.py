"""The ACME server (RFC 8555), by the ``acme`` library. Every call blocks, for a minute at most: use it in a thread."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from ...service.certificates import Key, read_key
from ...wire.acme import AcmeSettings
from ...wire.errors import Failed, GrilleError, Unavailable

TIMEOUT = 20  # seconds that one answer may take
NONCES = 3  # tries with another nonce, each of them two
AGENT = "grille"
T = TypeVar("T")


class Refused(Failed):
    """The ACME server said no. ``least``: seconds to leave it alone for."""

    least = 0.0


def new_key() -> str:
    """A new private key (P-256, PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def signing_request(key: Key, domains: list[str]) -> bytes:
    """A request (PKCS #10, PEM) for a certificate of ``key`` for ``domains``."""
    names = x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn the library's errors into Grille's: Unavailable (no answer), or Refused with the server's own words."""
    try:
        yield
    except messages.Error as error:
        refused = Refused(f"the ACME server says: {error.detail or error.typ}", code=f"acme_{error.code or 'error'}")
        refused.least = 3600.0 if error.code == "rateLimited" else 0.0
        raise refused from None
    except (requests.RequestException, errors.NonceError) as error:
        raise Unavailable(f"the ACME server does not answer: {_short(error)}", code="acme_unavailable") from None
    except (errors.Error, JoseError, ValueError, KeyError) as error:
        raise Refused(f"the ACME server's answer is of no use: {_short(error)}", code="acme_error") from None


class Network(client.ClientNetwork):
    """The library's, more patient with servers that do not take a nonce (RFC 8555, section 6.5)."""

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a signed request, again with a fresh nonce a few times."""
        for _ in range(NONCES):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
                self._nonces.clear()
        return super().post(*args, **kwargs)


class Server:
    """One account at one ACME server. ``close()`` it.

    Args:
        key: the account's private key (PEM).
    """

    def __init__(self, settings: AcmeSettings, key: str) -> None:
        self._settings = settings
        private = read_key(key)
        self._key = JWKEC(key=private)
        self._net = Network(self._key, alg=ES256, user_agent=AGENT, timeout=TIMEOUT)
        self._ca: Path | None = None
        if settings.ca:
            with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False, encoding="ascii") as file:
                file.write(settings.ca)
            self._ca = Path(file.name)
            self._net.verify_ssl = file.name  # type: ignore[assignment]  # the library hands it to requests
        self._client: client.ClientV2 | None = None

    def close(self) -> None:
        """Forget the server."""
        self._net.session.close()
        if self._ca is not None:
            self._ca.unlink(missing_ok=True)

    def enter(self, uri: str) -> str:
        """Find the server and the account, made if ``uri`` is empty; its URI. Raises Unavailable, Refused."""
        with told():
            directory = client.ClientV2.get_directory(self._settings.directory, self._net)
            self._client = client.ClientV2(directory, self._net)
            body = messages.Registration.from_data(email=self._settings.email or None)
            account = messages.RegistrationResource(body=body, uri=uri)
            if not uri:
                account = self._register()
            self._net.account = account
            return str(account.uri)

    def _register(self) -> messages.RegistrationResource:
        wanted = messages.NewRegistration.from_data(
            email=self._settings.email or None, terms_of_service_agreed=self._settings.terms_agreed
        )
        try:
            return self._acme.new_account(wanted)
        except errors.ConflictError as error:  # made by an attempt that was not answered
            return messages.RegistrationResource(body=messages.Registration(), uri=error.location)

    @property
    def _acme(self) -> client.ClientV2:
        if self._client is None:
            raise RuntimeError("enter() comes first")
        return self._client

    def place(self, csr: bytes) -> messages.OrderResource:
        """A new order; raises Unavailable, Refused."""
        with told():
            return self._acme.new_order(csr)

    def resume(self, uri: str, csr: bytes) -> messages.OrderResource | None:
        """The order at ``uri``; None when it came to nothing. Raises Unavailable."""
        try:
            with told():
                body = messages.Order.from_json(self._get(uri).json())
                if body.status == messages.STATUS_INVALID:
                    return None
                found = [
                    messages.AuthorizationResource(
                        body=messages.Authorization.from_json(self._get(each).json()), uri=each
                    )
                    for each in body.authorizations
                ]
                return messages.OrderResource(body=body, uri=uri, authorizations=found, csr_pem=csr)
        except Refused:
            return None

    def answer(self, challenge: messages.ChallengeBody) -> None:
        """Tell the server that a challenge can be tried; raises Unavailable, Refused."""
        with told():
            self._acme.answer_challenge(challenge, challenge.chall.response(self._key))

    def proof(self, challenge: messages.ChallengeBody) -> str:
        """What answers the challenge: the key authorization (http-01), or the value of the TXT record (dns-01)."""
        return str(challenge.chall.validation(self._key))

    def authorization(self, uri: str) -> messages.Authorization:
        """An authorization as it is now; raises Unavailable, Refused."""
        with told():
            found: messages.Authorization = messages.Authorization.from_json(self._get(uri).json())
            return found

    def finalize(self, order: messages.OrderResource) -> None:
        """Ask for the certificate of an order whose authorizations are valid; raises Unavailable, Refused."""
        try:
            with told():
                self._acme.begin_finalization(order)
        except Refused as error:
            if error.code != "acme_orderNotReady":
                raise

    def order(self, uri: str) -> messages.Order:
        """An order as it is now; raises Unavailable, Refused."""
        with told():
            found: messages.Order = messages.Order.from_json(self._get(uri).json())
            return found

    def chain(self, uri: str) -> str:
        """The certificate at ``uri`` with its chain (PEM); raises Unavailable, Refused."""
        with told():
            return str(self._get(uri).text)

    def _get(self, uri: str) -> requests.Response:
        return self._net.post(uri, None, new_nonce_url=self._acme.directory["newNonce"])


def pick(authorization: messages.Authorization, kind: str) -> messages.ChallengeBody:
    """The challenge of ``kind`` (``http-01`` or ``dns-01``) in an authorization; raises Refused."""
    types: dict[str, Callable[..., Any]] = {"http-01": challenges.HTTP01, "dns-01": challenges.DNS01}
    for each in authorization.challenges:
        if isinstance(each.chall, types[kind]):  # type: ignore[arg-type]
            return each
    raise Refused(f"the ACME server offers no {kind} for {authorization.identifier.value}", code="acme_no_challenge")


def reason(authorization: messages.Authorization) -> str:
    """Why an authorization failed, in the server's words."""
    for each in authorization.challenges or ():
        if each.error is not None:
            return f"{authorization.identifier.value}: {each.error.detail or each.error.typ}"
    return f"{authorization.identifier.value}: the authorization is {authorization.status.name}"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def is_refusal(error: GrilleError) -> float:
    """The seconds for which the server wants to be left alone after ``error``."""
    return error.least if isinstance(error, Refused) else 0.0
