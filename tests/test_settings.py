"""The environment: read whole, refused whole, never printed."""

from __future__ import annotations

import stat
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import msgspec
import pytest
from msgspec import structs

from app.settings import ConfigurationInvalide, Settings, charger, cles, inconnues

CHAMPS = [champ.name for champ in structs.fields(Settings)]
FOURNISSEURS = ("franceconnect", "proconnect")
CLE = "une:" + b64encode(bytes(range(32))).decode()
PRODUCTION = {
    "COMPTOIR_ENV": "production",
    "COMPTOIR_PUBLIC_URL": "https://compte.exemple.fr",
    "COMPTOIR_DATABASE_URL": "postgresql://comptoir:Canari!73@base/comptoir",
    "COMPTOIR_SECRET_KEYS": CLE,
    "COMPTOIR_SMTP_URL": "smtps://envoi:Canari!73@smtp.exemple.fr",
    "COMPTOIR_MAIL_FROM": "ne-pas-repondre@exemple.fr",
    "COMPTOIR_TWILIO_ACCOUNT_SID": "AC0",
    "COMPTOIR_TWILIO_AUTH_TOKEN": "Canari!73",
    "COMPTOIR_TWILIO_FROM": "+33700000000",
}


def fautes(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationInvalide) as refus:
        charger(environ)
    return refus.value.fautes


def test_nothing_set_is_a_development_service() -> None:
    lus = charger({})
    assert lus == Settings()
    assert (lus.env, lus.host, lus.port, lus.processes) == ("development", "127.0.0.1", 8000, 1)
    assert (lus.origine, lus.data_dir, lus.database_url) == ("http://localhost:8000", "./var", None)
    assert (lus.limits, lus.worker, lus.proxys, lus.origines_cors) == ("on", "on", [], [])
    # What is set to nothing is not set.
    assert charger({f"COMPTOIR_{nom.upper()}": "" for nom in CHAMPS}) == Settings()


def test_each_variable_is_read_in_its_own_type() -> None:
    lus = charger(
        {
            "COMPTOIR_PORT": "8080",
            "COMPTOIR_PROCESSES": "4",
            "COMPTOIR_PUBLIC_URL": "https://compte.exemple.fr/",
            "COMPTOIR_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::/32,192.0.2.1",
            "COMPTOIR_CORS_ORIGINS": "https://Portail.fr/ , capacitor://localhost,ionic://localhost, http://[::1]:8100",
            "COMPTOIR_SMS_DAILY_BUDGET": "500",
        }
    )
    assert (lus.port, lus.processes, lus.sms_daily_budget) == (8080, 4, 500)
    assert lus.origine == "https://compte.exemple.fr"
    assert [str(p) for p in lus.proxys] == ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"]
    assert lus.origines_cors == ["https://portail.fr", "capacitor://localhost", "ionic://localhost", "http://[::1]:8100"]


def test_all_the_faults_are_told_at_once_each_by_its_variable() -> None:
    fautifs = {
        "ENV": "staging", "PORT": "0", "PROCESSES": "beaucoup", "PUBLIC_URL": "compte.exemple.fr", "SECRET_KEYS": "une:courte",
        "TRUSTED_PROXIES": "10.0.0.0/99", "CORS_ORIGINS": "https://portail.fr/chemin", "LIMITS": "peut-être", "SMTP_URL": "smtp://a:port",
        "TWILIO_ACCOUNT_SID": "AC0", "SMS_DAILY_BUDGET": "-1", "AVAILABILITY_CEILING": "10", "SIGN_IN_CEILING": "10",
        "MAIL_FROM": "pas une adresse", "DATABASE_URL": "postgresql://u:p@h:port/b", "DATABASE_OWNER_URL": "postgresql://h/b?ssl=on",
    }  # fmt: skip
    dites = "\n".join(fautes({f"COMPTOIR_{nom}": valeur for nom, valeur in fautifs.items()}))
    assert {nom for nom in fautifs if f"COMPTOIR_{nom}" in dites} == fautifs.keys()


@pytest.mark.parametrize(
    "cle", ["", "une", "une:", ":" + CLE[4:], "une:###", "une:" + "A" * 40, f"{CLE},{CLE}", f"{CLE},deux:AAAA", "," + "A" * 44]
)
def test_a_key_is_named_and_has_32_bytes_at_least(cle: str) -> None:
    if not cle:
        assert charger({"COMPTOIR_SECRET_KEYS": cle}).secret_keys is None
        return
    [faute] = fautes({"COMPTOIR_SECRET_KEYS": cle})
    assert faute.startswith("COMPTOIR_SECRET_KEYS: ")
    assert cle not in faute


def test_several_keys_are_read_and_the_first_one_signs() -> None:
    seconde = "deux:" + b64encode(bytes(40)).decode()
    lues = cles(charger({"COMPTOIR_SECRET_KEYS": f"{CLE}, {seconde}"}))
    assert [(c.id, len(c.octets)) for c in lues] == [("une", 32), ("deux", 40)]


@pytest.mark.parametrize("champ", CHAMPS)
def test_each_variable_is_readable_from_a_file(tmp_path: Path, champ: str) -> None:
    valeurs = {"env": "development", "port": "81", "processes": "2", "limits": "off", "worker": "off", "sms_daily_budget": "7",
               "availability_ceiling": "200", "sign_in_ceiling": "300", "public_url": "https://a.fr",
               "cors_origins": "https://b.fr", "secret_keys": CLE, "trusted_proxies": "10.0.0.1",
               "database_url": "postgresql://a", "database_owner_url": "postgresql://b", "smtp_url": "smtps://a",
               "mail_from": "a@b.fr", "return_urls": "https://b.fr/retour", "simulator": "off", "simulator_port": "82",
               **{f"{f}_issuer": "https://fc.fr" for f in FOURNISSEURS},
               **{f"{f}_algorithm": "RS256" for f in FOURNISSEURS}}  # fmt: skip
    # Some only go together.
    autres = {
        "smtp_url": {"COMPTOIR_MAIL_FROM": "a@b.fr"},
        "mail_from": {"COMPTOIR_SMTP_URL": "smtps://a"},
        **{f"twilio_{n}": {f"COMPTOIR_TWILIO_{m.upper()}": "x" for m in ("account_sid", "auth_token", "from") if m != n}
           for n in ("account_sid", "auth_token", "from")},
        **{f"{f}_{c}": _un_fournisseur(f, sauf=c) for f in FOURNISSEURS for c in ("issuer", "client_id", "client_secret")},
        **{f"{f}_private_key": _un_fournisseur(f, sauf="client_secret") for f in FOURNISSEURS},
    }.get(champ, {})  # fmt: skip
    fichier = tmp_path / "secret"
    fichier.write_text(valeurs.get(champ, "valeur") + "\n")
    nom = f"COMPTOIR_{champ.upper()}"
    assert str(getattr(charger({f"{nom}_FILE": str(fichier)} | autres), champ)) == valeurs.get(champ, "valeur")


def _un_fournisseur(nom: str, sauf: str) -> dict[str, str]:
    complet = {"issuer": "https://fc.fr", "client_id": "x", "client_secret": "x"}
    return {f"COMPTOIR_{nom.upper()}_{c.upper()}": v for c, v in complet.items() if c != sauf}


def test_a_file_that_is_not_there_or_doubles_the_variable_is_a_fault(tmp_path: Path) -> None:
    assert fautes({"COMPTOIR_DATABASE_URL_FILE": str(tmp_path / "absent")}) == [
        "COMPTOIR_DATABASE_URL_FILE: No such file or directory"
    ]
    double = {"COMPTOIR_DATABASE_URL_FILE": str(tmp_path), "COMPTOIR_DATABASE_URL": "postgresql://a:Canari!73@b/c"}
    [faute] = fautes(double)
    assert faute.startswith("COMPTOIR_DATABASE_URL: given both")
    (tmp_path / "latin").write_bytes(b"\xe9")
    assert len(fautes({"COMPTOIR_SECRET_KEYS_FILE": str(tmp_path / "latin")})) == 1


def test_a_variable_that_means_nothing_is_named() -> None:
    environ = {
        "COMPTOIR_DATABSE_URL": "x",
        "COMPTOIR_PORT": "1",
        "COMPTOIR_PORT_FILE": "x",
        "COMPTOIR_X_FILE": "x",
        "PATH": "x",
    }
    assert inconnues(environ) == ["COMPTOIR_DATABSE_URL", "COMPTOIR_X_FILE"]


def test_production_starts_on_no_development_default() -> None:
    assert charger(PRODUCTION).production
    dites = "\n".join(fautes({"COMPTOIR_ENV": "production"}))
    for nom in ("DATABASE_URL", "SECRET_KEYS", "SMTP_URL", "TWILIO_ACCOUNT_SID", "PUBLIC_URL"):
        assert f"COMPTOIR_{nom}: " in dites
    for nom, valeur in (("LIMITS", "off"), ("PUBLIC_URL", "http://compte.exemple.fr")):
        [faute] = fautes(PRODUCTION | {f"COMPTOIR_{nom}": valeur})
        assert faute.startswith(f"COMPTOIR_{nom}: ")
    for nom in ("COMPTOIR_MAIL_FROM", "COMPTOIR_TWILIO_FROM", "COMPTOIR_TWILIO_AUTH_TOKEN"):
        assert fautes({cle: valeur for cle, valeur in PRODUCTION.items() if cle != nom})


def test_in_production_there_is_no_mailbox() -> None:
    from app.composition import litestar

    def a_une_boite(settings: Settings) -> bool:
        return any("/dev/" in route.path for route in litestar(settings).routes)

    developpement = Settings(database_url="postgresql://", secret_keys=CLE)
    assert (a_une_boite(charger(PRODUCTION)), a_une_boite(developpement)) == (False, True)


def test_neither_settings_nor_their_faults_print_a_secret() -> None:
    ecrits = [repr(charger(PRODUCTION)), str(charger(PRODUCTION)), repr(cles(charger(PRODUCTION)))]
    casses: dict[str, Any] = PRODUCTION | {"COMPTOIR_SECRET_KEYS": f"{CLE},Canari!73", "COMPTOIR_PORT": "Canari!73"}
    with pytest.raises(ConfigurationInvalide) as refus:
        charger(casses)
    ecrits += [repr(refus.value), str(refus.value), *refus.value.fautes]
    for ecrit in ecrits:
        assert "Canari" not in ecrit
        assert CLE[4:] not in ecrit


def test_development_keys_are_made_once_even_by_those_that_start_together(tmp_path: Path) -> None:
    ensemble = Barrier(8)

    def lire(dossier: Path) -> bytes:
        ensemble.wait()
        return cles(Settings(data_dir=str(dossier)))[0].octets

    with ThreadPoolExecutor(8) as fils:
        for tour in range(20):
            dossier = tmp_path / str(tour)
            [octets] = set(fils.map(lire, [dossier] * 8))
            assert len(octets) == 32
            [fichier] = dossier.iterdir()
            assert stat.S_IMODE(fichier.stat().st_mode) == 0o600


def test_settings_are_not_changed_once_read() -> None:
    with pytest.raises(AttributeError):
        charger({}).port = 1  # type: ignore[misc]
    assert msgspec.structs.replace(charger({}), port=1).port == 1


@pytest.mark.parametrize(
    ("variable", "valeur"),
    [
        ("DATABASE_URL", "mysql://u:motdepasse@h/d"), ("DATABASE_OWNER_URL", "h:5432"), ("SMTP_URL", "https://u:motdepasse@h"),
        ("DATABASE_URL", "postgresql://u:motdepasse@h:/d?sslmode=motdepasse"), ("DATABASE_URL", "postgresql://u:mot@depasse@h/d"),
        ("SMTP_URL", "smtp://u:motdepasse@h:motdepasse"),
    ],
)  # fmt: skip
def test_an_address_of_another_kind_is_told_without_its_secrets(variable: str, valeur: str) -> None:
    environ = {f"COMPTOIR_{variable}": valeur} | ({"COMPTOIR_MAIL_FROM": "p@exemple.fr"} if variable == "SMTP_URL" else {})
    with pytest.raises(ConfigurationInvalide) as refus:
        charger(environ)
    assert f"COMPTOIR_{variable}" in str(refus.value)
    assert "motdepasse" not in str(refus.value)


def test_what_is_not_in_a_list_is_told_with_the_list() -> None:
    assert fautes({"COMPTOIR_LIMITS": "maybe"}) == ["COMPTOIR_LIMITS: one of on, off is expected"]


def test_in_development_links_follow_the_port() -> None:
    assert charger({"COMPTOIR_PORT": "8441"}).origine == "http://localhost:8441"
    assert charger({"COMPTOIR_PORT": "8441"}).retours == ["http://localhost:8441/dev/franceconnect"]
    assert charger({"COMPTOIR_PORT": "8441", "COMPTOIR_PUBLIC_URL": "http://hote/"}).origine == "http://hote"


@pytest.mark.parametrize(
    "origine",
    ["*", "null", "portail.fr", "https://", "https://portail.fr/chemin", "https://portail.fr?x", "https://portail.fr#x", "file://",
     "https://moi@portail.fr", "https://portail.fr:port", "https://portail.fr:0", "https://portail.fr:70000", "https://a b.fr"],
)  # fmt: skip
def test_an_origin_is_a_scheme_a_host_and_perhaps_a_port(origine: str) -> None:
    [faute] = fautes({"COMPTOIR_CORS_ORIGINS": origine})
    assert faute.startswith("COMPTOIR_CORS_ORIGINS: ")


def test_links_are_web_addresses_even_where_applications_have_origins() -> None:
    [faute] = fautes({"COMPTOIR_PUBLIC_URL": "capacitor://localhost"})
    assert faute.startswith("COMPTOIR_PUBLIC_URL: ")


def test_a_command_is_asked_for_what_it_uses_and_no_more() -> None:
    base = {"COMPTOIR_ENV": "production", "COMPTOIR_DATABASE_URL": "postgresql://base"}
    proprietaire = {"COMPTOIR_DATABASE_OWNER_URL": "postgresql://proprietaire@base"}
    for commande, autres in (("migrate", proprietaire), ("retention", {})):
        assert charger(base | autres, commande).production
        with pytest.raises(ConfigurationInvalide) as refus:
            charger({"COMPTOIR_ENV": "production"} | autres, commande)
        [faute] = refus.value.fautes
        assert faute.startswith("COMPTOIR_DATABASE_URL: ")
    with pytest.raises(ConfigurationInvalide) as refus:
        charger(base, "migrate")
    assert [f.partition(":")[0] for f in refus.value.fautes] == ["COMPTOIR_DATABASE_OWNER_URL"]
    assert charger({"COMPTOIR_ENV": "production"}, "openapi").production
    for commande in ("serve", "worker"):
        with pytest.raises(ConfigurationInvalide):
            charger(base, commande)
    # What is given must be right, whoever is asked.
    with pytest.raises(ConfigurationInvalide):
        charger(base | {"COMPTOIR_PORT": "non"}, "migrate")
