"""The SMTP sender against a real server (aiosmtpd) where it must succeed, and against a scripted one where it must fail."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from aiosmtplib.email import quote_address
from msgspec import structs

from adapters.smtp import SmtpSender
from adapters.smtp_config import SmtpConfig, lire_url
from domain.message import EnvoiDiffere, EnvoiRefuse, Rendu
from tests.certificat import certificat
from tests.fournisseurs import prise_muette

EXPEDITEUR = "Portail Numérique <noreply@exemple.fr>"
UTILISATEUR, MOT_DE_PASSE = "portail", "p@ss:w/ord%é"
RENDU = Rendu(
    id=UUID("0192f0c0-0000-7000-8000-000000000001"),
    canal="email",
    destination="ines.dupont@exemple.fr",
    objet="Vérifiez votre adresse – œuvre n° 1",
    texte="Bonjour Éloïse,\n\n.votre code est 123456\nhttps://exemple.fr/activer#" + "a" * 200 + "\n",
    html="<p>Bonjour <b>Éloïse</b>, 123456</p>\n",
)


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context, and that of a client who trusts it."""
    public, cle = certificat()
    fichier = tmp_path_factory.mktemp("tls") / "serveur.pem"
    fichier.write_text(public + cle)
    serveur = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serveur.load_cert_chain(fichier)
    return serveur, ssl.create_default_context(cadata=public)


# --- a real server


class Boite:
    def __init__(self) -> None:
        self.recus: list[tuple[str | None, list[str], EmailMessage]] = []
        self.en_tls: list[bool] = []
        self.bruts: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.recus.append((envelope.mail_from, envelope.rcpt_tos, message))
        self.en_tls.append(session.ssl is not None)
        self.bruts.append(envelope.content)
        return "250 OK"


def _authentifier(server: SMTP, session: Session, envelope: Envelope, mechanism: str, donnees: Any) -> AuthResult:
    bon = donnees == LoginPassword(UTILISATEUR.encode(), MOT_DE_PASSE.encode())
    # With `handled` left true, a refusal would get no answer at all.
    return AuthResult(success=bon, handled=False)


@asynccontextmanager
async def _ecouter(protocole: Callable[[], asyncio.Protocol], contexte: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    serveur = await asyncio.get_running_loop().create_server(protocole, "127.0.0.1", 0, ssl=contexte)
    try:
        yield serveur.sockets[0].getsockname()[1]
    finally:
        serveur.close()


def _config(port: int, **changements: Any) -> SmtpConfig:
    config = SmtpConfig(
        host="127.0.0.1",
        port=port,
        securite="aucune",
        utilisateur=None,
        mot_de_passe=None,
        expediteur=EXPEDITEUR,
        delai=60.0,
    )
    return structs.replace(config, **changements)


def _config_starttls(port: int, tls: tuple[ssl.SSLContext, ssl.SSLContext], **changements: Any) -> SmtpConfig:
    base = {"securite": "starttls", "tls_context": tls[1], "utilisateur": UTILISATEUR, "mot_de_passe": MOT_DE_PASSE}
    return _config(port, **(base | changements))


@asynccontextmanager
async def _starttls(boite: Boite, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncIterator[int]:
    def serveur() -> SMTP:
        return SMTP(
            boite,
            hostname="serveur.test",
            tls_context=tls[0],
            require_starttls=True,
            authenticator=_authentifier,
            auth_required=True,
        )

    async with _ecouter(serveur) as port:
        yield port


async def test_a_message_leaves_by_starttls_after_authentication(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    boite = Boite()
    async with _starttls(boite, tls) as port:
        await SmtpSender(_config_starttls(port, tls)).envoyer(RENDU)
    ((de, a, _),) = boite.recus
    assert (de, a, boite.en_tls) == ("noreply@exemple.fr", ["ines.dupont@exemple.fr"], [True])


async def test_a_message_leaves_by_implicit_tls(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    boite = Boite()
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test"), tls[0]) as port:
        await SmtpSender(_config(port, securite="tls", tls_context=tls[1])).envoyer(RENDU)
    assert len(boite.recus) == 1


async def test_a_message_leaves_in_clear_only_when_told_to() -> None:
    boite = Boite()
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test")) as port:
        await SmtpSender(_config(port)).envoyer(RENDU)
    assert boite.en_tls == [False]


async def test_what_was_written_is_what_is_read() -> None:
    boite = Boite()
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test")) as port:
        await SmtpSender(_config(port)).envoyer(RENDU)
    ((_, _, message),) = boite.recus
    texte, html = message.get_body(("plain",)), message.get_body(("html",))
    assert texte is not None
    assert html is not None
    assert message["Subject"] == RENDU.objet
    assert texte.get_content().replace("\r\n", "\n") == RENDU.texte
    assert html.get_content().replace("\r\n", "\n") == RENDU.html
    assert message.get_content_type() == "multipart/alternative"


async def test_the_headers_say_who_writes_to_whom_and_that_no_answer_is_expected() -> None:
    boite = Boite()
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test")) as port:
        await SmtpSender(_config(port)).envoyer(RENDU)
    ((_, _, message),) = boite.recus
    assert message["From"] == EXPEDITEUR
    assert message["To"] == "ines.dupont@exemple.fr"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert abs(message["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize("longueur", [1, 16, 200])
async def test_a_mailing_bears_its_one_click_way_out_letter_for_letter(longueur: int) -> None:
    boite, url = Boite(), f"https://comptes.exemple.fr/desinscription/lettre_actualite/{'a_-9' * longueur}"
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test")) as port:
        await SmtpSender(_config(port)).envoyer(structs.replace(RENDU, desinscription=url))
    entetes = boite.bruts[0].partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert f"List-Unsubscribe: <{url}>".encode() in entetes
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in entetes
    assert boite.recus[0][2]["Subject"] == RENDU.objet


async def test_a_message_that_is_no_mailing_offers_no_way_out() -> None:
    boite = Boite()
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test")) as port:
        await SmtpSender(_config(port)).envoyer(RENDU)
    assert not [nom for nom in boite.recus[0][2] if nom.lower().startswith("list-")]


async def test_a_message_without_html_is_plain_text() -> None:
    boite = Boite()
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test")) as port:
        await SmtpSender(_config(port)).envoyer(structs.replace(RENDU, html=None))
    assert boite.recus[0][2].get_content_type() == "text/plain"


async def test_a_message_sent_twice_keeps_its_message_id_however_long_the_domain() -> None:
    boite = Boite()
    domaine = "notifications.tres-long.service-public.gouv.fr"
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test")) as port:
        for _ in range(2):
            await SmtpSender(_config(port, expediteur=f"noreply@{domaine}")).envoyer(RENDU)
    assert [message["Message-ID"] for _, _, message in boite.recus] == [f"<{RENDU.id}@{domaine}>"] * 2


@pytest.mark.parametrize(
    "destination",
    [
        "a@exemple.fr, intrus@exemple.fr",
        "a@exemple.fr,intrus@exemple.fr",
        "a@exemple.fr;intrus@exemple.fr",
        "a@exemple.fr\r\nRCPT TO:<intrus@exemple.fr>",
        "a@exemple.fr\nBcc: intrus@exemple.fr",
        "a@exemple.fr\u2028Bcc: intrus@exemple.fr",
        "a@exemple.fr> <intrus@exemple.fr",
        "<a@exemple.fr>",
        "a(intrus)@exemple.fr",
        '"a, intrus"@exemple.fr',
        "ıntrus@exemple.fr",
        "a@exemple.fr ",
        "a@",
        "",
    ],
)
async def test_an_address_that_is_not_exactly_one_is_refused_and_nothing_leaves(destination: str) -> None:
    boite = Boite()
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test")) as port:
        with pytest.raises(EnvoiRefuse) as refus:
            await SmtpSender(_config(port)).envoyer(structs.replace(RENDU, destination=destination))
    assert refus.value.motif == "smtp_adresse"
    assert boite.recus == []


@pytest.mark.parametrize("destination", ["o'brien+portail@exemple.fr", "a..b@exemple.fr", "!#$%&'*+/=?^_`{|}~-@xn--caf-dma.fr"])
async def test_the_recipient_is_the_stored_address_to_the_letter(destination: str) -> None:
    boite = Boite()
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test")) as port:
        await SmtpSender(_config(port)).envoyer(structs.replace(RENDU, destination=destination))
    ((_, a, message),) = boite.recus
    assert a == [destination]
    assert str(message["To"]) == destination
    assert quote_address(destination) == f"<{destination}>"


async def test_a_wrong_password_waits_for_the_operator(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    boite = Boite()
    async with _starttls(boite, tls) as port:
        differe = await _differe(_config_starttls(port, tls, mot_de_passe="mauvais-secret"))
    assert differe.motif == "smtp_auth"
    assert boite.recus == []
    _ne_dit_rien(differe, "mauvais-secret")


async def test_a_certificate_nobody_vouches_for_is_refused(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    boite = Boite()
    inconnu = ssl.create_default_context()
    async with _starttls(boite, tls) as port:
        assert (await _differe(_config_starttls(port, tls, tls_context=inconnu))).motif == "smtp_tls"
    async with _ecouter(lambda: SMTP(boite, hostname="serveur.test"), tls[0]) as port:
        assert (await _differe(_config(port, securite="tls", tls_context=inconnu))).motif == "smtp_tls"
    assert boite.recus == []


async def test_a_certificate_for_another_host_is_refused(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    boite = Boite()
    async with _starttls(boite, tls) as port:
        assert (await _differe(_config_starttls(port, tls, host="localhost"))).motif == "smtp_tls"
    assert boite.recus == []


async def test_a_server_that_does_not_authenticate_waits_for_the_operator() -> None:
    async with _ecouter(lambda: SMTP(Boite(), hostname="serveur.test")) as port:
        config = _config(port, utilisateur=UTILISATEUR, mot_de_passe=MOT_DE_PASSE)
        assert (await _differe(config)).motif == "smtp_auth"


# --- a server that fails where it is told to


class Script(asyncio.Protocol):
    """Answers each verb; "" cuts the connection, None never answers. "." stands for the end of a message."""

    def __init__(self, reponses: dict[str, str | None], lignes: list[str]) -> None:
        habituelles: dict[str, str | None] = {
            "ACCUEIL": "220 serveur.test",
            "EHLO": "250 serveur.test",
            "MAIL": "250 ok",
            "RCPT": "250 ok",
            "DATA": "354 go",
            ".": "250 ok",
            "QUIT": "221 bye",
        }
        self._reponses = habituelles | reponses
        self._lignes, self._tampon, self._message = lignes, b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._repondre("ACCUEIL")

    def data_received(self, data: bytes) -> None:
        *lignes, self._tampon = (self._tampon + data).split(b"\r\n")
        for ligne in lignes:
            self._lignes.append(ligne.decode())
            if not self._message:
                self._repondre(ligne.split(b" ")[0].decode())
            elif ligne == b".":
                self._message = False
                self._repondre(".")

    def _repondre(self, verbe: str) -> None:
        reponse = self._reponses.get(verbe, "502 ?")
        if reponse == "":
            self._transport.abort()
        elif reponse is not None:
            self._message = verbe == "DATA" and reponse.startswith("354")
            self._transport.write(reponse.encode() + b"\r\n")


async def _jouer(reponses: dict[str, str | None], rendu: Rendu = RENDU, **changements: Any) -> list[str]:
    """Sends one message, well before the default delay; the lines the server heard."""
    lignes: list[str] = []
    async with _ecouter(lambda: Script(reponses, lignes)) as port, asyncio.timeout(30):
        await SmtpSender(_config(port, **changements)).envoyer(rendu)
    return lignes


PAROLE = "<ines.dupont@exemple.fr> parole du serveur"


@pytest.mark.parametrize(
    ("verbe", "reponse", "motif"),
    [
        ("ACCUEIL", f"421 {PAROLE}", "smtp_421"),
        ("ACCUEIL", f"554 {PAROLE}", "smtp_554"),
        ("ACCUEIL", "", "smtp_connexion"),
        ("ACCUEIL", "HTTP/1.1 400 Bad Request", "smtp_reponse"),
        ("EHLO", f"421 {PAROLE}", "smtp_421"),
        ("MAIL", f"451 {PAROLE}", "smtp_451"),
        ("MAIL", f"550 {PAROLE}", "smtp_550"),
        ("MAIL", "", "smtp_connexion"),
        ("RCPT", f"450 {PAROLE}", "smtp_450"),
        ("RCPT", f"451 4.7.1 {PAROLE}", "smtp_451"),
        ("RCPT", f"421 {PAROLE}", "smtp_421"),
        ("RCPT", f"530 5.7.0 {PAROLE}", "smtp_530"),
        ("RCPT", "999 ?", "smtp_reponse"),
        ("RCPT", "", "smtp_connexion"),
        ("DATA", f"451 {PAROLE}", "smtp_451"),
        ("DATA", "", "smtp_connexion"),
        (".", f"452 {PAROLE}", "smtp_452"),
        (".", f"421 {PAROLE}", "smtp_421"),
        (".", "charabia", "smtp_reponse"),
        (".", "", "smtp_connexion"),
    ],
)
async def test_what_may_pass_is_tried_again(verbe: str, reponse: str, motif: str) -> None:
    with pytest.raises(EnvoiDiffere) as differe:
        await _jouer({verbe: reponse})
    assert differe.value.motif == motif
    _ne_dit_rien(differe.value)


@pytest.mark.parametrize(
    ("verbe", "reponse", "motif"),
    [
        ("RCPT", f"550 5.1.1 {PAROLE}", "smtp_550"),
        ("RCPT", f"553 {PAROLE}", "smtp_553"),
        ("DATA", f"554 {PAROLE}", "smtp_554"),
        (".", f"550 {PAROLE}", "smtp_550"),
        (".", f"552 {PAROLE}", "smtp_552"),
    ],
)
async def test_what_the_server_says_for_good_is_not_tried_again(verbe: str, reponse: str, motif: str) -> None:
    with pytest.raises(EnvoiRefuse) as refus:
        await _jouer({verbe: reponse})
    assert refus.value.motif == motif
    _ne_dit_rien(refus.value)


@pytest.mark.parametrize("verbe", ["ACCUEIL", "EHLO", "RCPT", "."])
async def test_a_server_that_never_answers_is_left_after_the_delay(verbe: str) -> None:
    with pytest.raises(EnvoiDiffere) as differe:
        await _jouer({verbe: None}, delai=0.05)
    assert differe.value.motif == "smtp_delai"


async def test_a_tls_handshake_that_never_ends_is_left_after_the_delay(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async with _ecouter(asyncio.Protocol) as port, asyncio.timeout(30):
        assert (await _differe(_config(port, delai=0.05, securite="tls", tls_context=tls[1]))).motif == "smtp_delai"


@pytest.mark.parametrize("reponse", ["", "500 ?", None])
async def test_a_lost_good_bye_does_not_send_the_message_again(reponse: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.smtp._ADIEU", 0.01)
    lignes = await _jouer({"QUIT": reponse})
    assert lignes[-1] == "QUIT"


async def test_a_message_has_seven_bits_and_short_lines() -> None:
    lignes = await _jouer({}, structs.replace(RENDU, texte="é", html="<p>é</p>"))
    assert all(ligne.isascii() and len(ligne) <= 78 for ligne in lignes)


@pytest.mark.parametrize("capacites", ["250 serveur.test", "250-serveur.test\r\n250 AUTH PLAIN LOGIN", "502 ?"])
async def test_without_starttls_nothing_is_said_in_clear(capacites: str, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    lignes: list[str] = []
    async with _ecouter(lambda: Script({"EHLO": capacites}, lignes)) as port:
        await _differe(_config_starttls(port, tls))
    assert lignes == ["EHLO exemple.fr"]


async def test_a_starttls_refused_is_not_replaced_by_clear_text(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    lignes: list[str] = []
    reponses: dict[str, str | None] = {"EHLO": "250-serveur.test\r\n250 STARTTLS", "STARTTLS": "454 later"}
    async with _ecouter(lambda: Script(reponses, lignes)) as port:
        assert (await _differe(_config_starttls(port, tls))).motif == "smtp_454"
    assert lignes == ["EHLO exemple.fr", "STARTTLS"]


async def test_nobody_listening_waits_for_the_operator() -> None:
    with prise_muette() as prise:
        assert (await _differe(_config(prise.getsockname()[1]))).motif == "smtp_connexion"


async def test_one_connection_carries_one_message() -> None:
    connexions: list[Script] = []

    def serveur() -> Script:
        connexions.append(Script({}, []))
        return connexions[-1]

    async with _ecouter(serveur) as port:
        sender = SmtpSender(_config(port))
        await asyncio.gather(*(sender.envoyer(RENDU) for _ in range(3)))
    assert len(connexions) == 3


async def test_a_fault_of_ours_is_not_taken_for_one_of_the_server() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        await SmtpSender(_config(1)).envoyer(structs.replace(RENDU, objet="deux\nlignes"))


# --- the configuration


@pytest.mark.parametrize(
    ("url", "attendu"),
    [
        ("smtp://mail.exemple.fr", ("mail.exemple.fr", 587, "starttls", None, None)),
        ("smtps://mail.exemple.fr", ("mail.exemple.fr", 465, "tls", None, None)),
        ("smtp+plain://localhost", ("localhost", 25, "aucune", None, None)),
        ("smtp+plain://127.0.0.1:1025/", ("127.0.0.1", 1025, "aucune", None, None)),
        ("smtp://[::1]:2525", ("::1", 2525, "starttls", None, None)),
        ("smtp://portail:p%40ss%3Aw%2Ford%25%C3%A9@h:26", ("h", 26, "starttls", UTILISATEUR, MOT_DE_PASSE)),
        ("smtps://compte%40exemple.fr:x@h", ("h", 465, "tls", "compte@exemple.fr", "x")),
    ],
)
def test_a_url_says_host_port_security_and_credentials(url: str, attendu: tuple[str, int, str, str | None, str | None]) -> None:
    config = lire_url(url, EXPEDITEUR)
    assert (config.host, config.port, config.securite, config.utilisateur, config.mot_de_passe) == attendu
    assert config.expediteur == EXPEDITEUR


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret",
        "http://u:secret@h",
        "smtp://",
        "smtp://u:secret@",
        "smtp://u:secret/fin@h",
        "smtp://u:secret#fin@h",
        "smtp://u:secret?fin@h",
        "smtp://u:secret@h/chemin",
        "smtp://u:secret@h:port",
        "smtp://u:secret@h:0",
        "smtp://u:secret@h:70000",
        "smtp://u:secret@[::1",
        "smtp://u:secret@h\u2100",
        "smtp://u:secret%ff@h",
        "smtp://u:secret@deux mots",
        "smtp://secret@h",
        "smtp://:secret@h",
    ],
)
def test_any_other_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError) as refus:
        lire_url(url, EXPEDITEUR)
    assert "secret" not in str(refus.value)
    assert refus.value.__context__ is None


@pytest.mark.parametrize("expediteur", ["", "Portail", "a@b.fr, c@d.fr", "a@", "<>", "x\ny <a@b.fr>", "é@exemple.fr"])
def test_a_sender_that_is_not_one_address_is_refused(expediteur: str) -> None:
    with pytest.raises(ValueError):
        lire_url("smtp://h", expediteur)


def test_the_configuration_does_not_show_its_credentials() -> None:
    texte = repr(_config(25, utilisateur=UTILISATEUR, mot_de_passe=MOT_DE_PASSE))
    assert UTILISATEUR not in texte
    assert MOT_DE_PASSE not in texte


async def _differe(config: SmtpConfig) -> EnvoiDiffere:
    with pytest.raises(EnvoiDiffere) as differe:
        await SmtpSender(config).envoyer(RENDU)
    _ne_dit_rien(differe.value)
    return differe.value


def _ne_dit_rien(erreur: Exception, *secrets: str) -> None:
    """Neither the exception nor its printed causes tell whom we wrote to, nor what the server said."""
    texte = str(erreur) + repr(erreur) + "".join(traceback.format_exception(erreur))
    for secret in ("ines.dupont", "parole", RENDU.texte, MOT_DE_PASSE, *secrets):
        assert secret not in texte
