"""Starting, stopping, starting again: what an operator types, and what a newcomer sees first."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.builders import Corps, une_demande
from tests.e2e.processus import Comptoir, attendre, dossier_jetable, environnement, executer, port_libre


@pytest.fixture
def vide() -> Iterator[Path]:
    with dossier_jetable() as chemin:
        yield chemin


@pytest.fixture(scope="module")
def service(dossier: Path) -> Iterator[Comptoir]:
    """The whole service on its embedded database."""
    with Comptoir("serve", dossier) as serve:
        yield serve


def inscrire(serve: Comptoir, **changes: Any) -> Corps:
    reponse = httpx.post(f"{serve.url}/v1/inscriptions", json=une_demande(**changes), timeout=30)
    assert reponse.status_code == 201, reponse.text
    corps: Corps = reponse.json()
    return corps


def suivre(serve: Comptoir, inscription: Corps) -> httpx.Response:
    entetes = {"Authorization": f"Bearer {inscription['secret']}"}
    return httpx.get(f"{serve.url}/v1/inscriptions/{inscription['id']}", headers=entetes, timeout=30)


def derniere_lecture(acces: dict[str, str]) -> object:
    """When a sign-up was last looked at."""

    async def lire() -> object:
        connexion = await asyncpg.connect(acces["database_owner_url"])
        try:
            return await connexion.fetchval(
                "select max(query_start) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid() and query like '%as expiree%'"
            )
        finally:
            await connexion.close()

    return asyncio.run(lire())


def test_a_first_start_needs_nothing_a_stop_leaves_nothing_and_a_second_start_finds_everything(vide: Path) -> None:
    with Comptoir("serve", vide) as serve:
        inscription = inscrire(serve)
        assert serve.arreter() == 0
        attendre(serve.disparu)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", serve.port), 30)

        serve.lancer()
        attendre(serve.pret)
        suivie = suivre(serve, inscription)
        assert (suivie.status_code, suivie.json()["identifiant"]) == (200, inscription["identifiant"])
        assert inscrire(serve)["identifiant"] == f"{inscription['identifiant']}2"
        assert "Traceback" not in serve.journal()


def test_the_demonstration_opens_three_accounts_and_follows_one_to_its_erasure(vide: Path) -> None:
    with Comptoir("serve", vide) as serve:
        demo = executer("demo", "--url", serve.url, env=serve.env)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "✓ Trois comptes ouverts et actifs" in demo.stdout
    assert [demo.stdout.count(f"━━ {profil}") for profil in ("Citoyen", "Entreprise", "Association")] == [1, 1, 1]
    suivies = [json.loads(ligne) for ligne in demo.stdout.splitlines() if ligne.startswith('   {"id"')]
    assert [s["etat"] for s in suivies if "etat" in s and "secret" not in s] == ["actif"] * 3
    appels = [ligne.split()[1:] for ligne in demo.stdout.splitlines() if ligne.startswith("→")]
    for appel in (
        ["GET", "/v1/moi"],
        ["GET", "/v1/moi/export"],
        ["DELETE", "/v1/sessions/courante"],
        ["POST", "/v1/moi/effacement"],
    ):
        assert appel in appels


def test_the_demonstration_says_what_refused_it(service: Comptoir) -> None:
    demo = executer("demo", "--url", f"{service.url}/ailleurs", env=service.env)
    assert demo.returncode == 1
    assert "✗ Rien n'existe à cette adresse." in demo.stdout


def test_two_services_on_one_data_folder_share_its_database_and_its_keys(service: Comptoir, dossier: Path) -> None:
    inscription = inscrire(service)
    with Comptoir("serve", dossier) as second:
        assert suivre(second, inscription).status_code == 200
        assert suivre(service, inscrire(second)).status_code == 200
        assert second.arreter() == 0
    assert suivre(service, inscription).status_code == 200


def test_the_service_stops_while_clients_wait_without_making_them_wait_to_the_end(acces: dict[str, str], vide: Path) -> None:
    with Comptoir("serve", vide, **acces) as serve:
        inscription = inscrire(serve)
        entetes = f"Authorization: Bearer {inscription['secret']}\r\nHost: localhost\r\n\r\n"
        with socket.create_connection(("127.0.0.1", serve.port), 30) as prise:
            avant = derniere_lecture(acces)
            prise.sendall(f"GET /v1/inscriptions/{inscription['id']}?attendre=25 HTTP/1.1\r\n{entetes}".encode())
            # It has come as far as the database: what is still on its way when the service stops is nobody's.
            attendre(lambda: derniere_lecture(acces) != avant)
            debut = time.monotonic()
            assert serve.arreter() == 0
            # The wait it asked for is not waited for.
            assert time.monotonic() - debut < 20
            assert prise.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_thousand_silent_connections_keep_nobody_out(service: Comptoir) -> None:
    souple, dure = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(souple, 2048), dure))
    with ExitStack() as pile:
        for _ in range(1100):
            pile.enter_context(socket.create_connection(("127.0.0.1", service.port), 30))
        assert httpx.get(f"{service.url}/sante/vivant", timeout=30).status_code == 200


def test_production_does_not_start_on_development_defaults_and_says_every_fault_at_once(vide: Path) -> None:
    secrets = [uuid4().hex for _ in range(4)]
    env = environnement(
        vide,
        env="production",
        secret_keys=f"a:{b64encode(secrets[0].encode()[:31]).decode()}",
        smtp_url=f"smtp://portail:{secrets[1]}@mail.exemple.fr",
        twilio_auth_token=secrets[2],
        database_owner_url=f"postgresql://proprietaire:{secrets[3]}@base/comptoir",
        limits="off",
        processes="beaucoup",
        cors_origins="https://portail.exemple.fr/chemin",
    )
    for commande in ("serve", "worker"):
        fini = executer(commande, env=env)
        sortie = fini.stdout + fini.stderr
        assert fini.returncode == 2
        for nom in (
            "COMPTOIR_DATABASE_URL", "COMPTOIR_SECRET_KEYS", "COMPTOIR_MAIL_FROM", "COMPTOIR_TWILIO_ACCOUNT_SID",
            "COMPTOIR_LIMITS", "COMPTOIR_PUBLIC_URL", "COMPTOIR_PROCESSES", "COMPTOIR_CORS_ORIGINS",
        ):  # fmt: skip
            assert nom in sortie
        assert not any(secret in sortie for secret in (*secrets, env["COMPTOIR_SECRET_KEYS"]))
        assert "Traceback" not in sortie
    assert list(vide.iterdir()) == []


def test_a_database_that_is_down_is_told_in_one_line(vide: Path) -> None:
    env = environnement(vide, database_url="postgresql://u:secret@127.0.0.1:1/absente", port=port_libre())
    for commande in ("serve", "migrate", "retention"):
        fini = executer(commande, env=env)
        assert (fini.returncode, fini.stdout) == (1, "")
        [ligne] = fini.stderr.splitlines()
        assert ligne.startswith("comptoir: the database does not answer: ConnectionRefusedError")
        assert "secret" not in ligne


def test_a_database_that_refuses_is_told_for_what_it_is(acces: dict[str, str], vide: Path) -> None:
    proprietaire = acces["database_owner_url"]
    inconnu = proprietaire.replace("//postgres@", "//inconnu@")
    # The server's own database, which has no schema of ours.
    sans_schema = re.sub(r"/e2e_\d+\?", "/postgres?", proprietaire)
    application = sans_schema.replace("//postgres@", "//comptoir@")
    for commande, reglages, attendus in (
        ("migrate", {"database_url": inconnu}, ["the database refuses", "InvalidAuthorizationSpecificationError", "inconnu"]),
        ("migrate", {"database_url": application}, ["InsufficientPrivilegeError", "COMPTOIR_DATABASE_OWNER_URL"]),
        ("migrate", {"database_url": inconnu, "database_owner_url": proprietaire}, ["UndefinedObjectError", "role"]),
        ("retention", {"database_url": sans_schema}, ["UndefinedFunctionError", "has `comptoir migrate` been run?"]),
    ):
        fini = executer(commande, env=environnement(vide, port=port_libre(), **reglages))
        assert (fini.returncode, fini.stdout) == (1, ""), fini.stderr
        [ligne] = fini.stderr.splitlines()
        assert ligne.startswith("comptoir: the database refuses: ")
        assert all(attendu in ligne for attendu in attendus), ligne


async def test_a_rule_of_retention_that_failed_is_told_and_the_others_are_applied(acces: dict[str, str], vide: Path) -> None:
    proprietaire = await asyncpg.connect(acces["database_owner_url"])
    await proprietaire.execute("insert into limites (cle, expire_le) values ('', horloge())")
    await proprietaire.execute("revoke delete on limites from comptoir")
    try:
        fini = executer("retention", env=environnement(vide, **acces))
    finally:
        await proprietaire.execute("grant delete on limites to comptoir")
        await proprietaire.close()
    assert fini.returncode == 1
    faits = dict(ligne.split() for ligne in fini.stdout.splitlines())
    assert {regle for regle, fait in faits.items() if fait != "0"} == {"limites_perimees"}
    assert faits["limites_perimees"] == "failed"
    [ligne] = fini.stderr.splitlines()
    assert ligne.startswith("comptoir: limites_perimees: InsufficientPrivilegeError permission denied"), ligne


def test_production_starts_without_its_database_and_the_log_says_once_what_is_the_matter(vide: Path) -> None:
    reglages = {
        "env": "production", "public_url": "https://compte.exemple.fr", "secret_keys": f"a:{b64encode(bytes(32)).decode()}",
        "smtp_url": "smtp://127.0.0.1", "mail_from": "a@exemple.fr", "twilio_account_sid": "AC0", "twilio_auth_token": "x",
        "twilio_from": "+33700000000", "database_url": "postgresql://u:secret@127.0.0.1:1/absente",
    }  # fmt: skip
    serve = Comptoir("serve", vide, **reglages)
    serve.lancer()
    try:
        attendre(lambda: not serve.pret() and '"requete"' in serve.journal())
        chemins = ("/sante/pret", "/v1/configuration", "/sante/vivant")
        assert [httpx.get(serve.url + chemin, timeout=30).status_code for chemin in chemins] == [503, 503, 200]
    finally:
        serve.arreter()
    pannes = [e for e in serve.evenements() if e["source"] == "comptoir.base"]
    assert {(e["niveau"], e["type"]) for e in pannes} == {("WARNING", "ConnectionRefusedError")}
    # The process that starts the others, and each of them at most.
    assert len(pannes) <= 2
    assert serve.fautes() == []


@pytest.mark.parametrize(
    ("reglages", "pourquoi"), [({"host": "192.0.2.1"}, "Cannot assign requested address"), ({}, "Address already in use")]
)
def test_an_address_where_one_cannot_listen_is_told_for_what_it_is(vide: Path, reglages: dict[str, str], pourquoi: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as prise:
        fini = executer("serve", env=environnement(vide, port=prise.getsockname()[1], **reglages))
    assert (fini.returncode, fini.stdout) == (1, "")
    assert fini.stderr.startswith(f"comptoir: cannot listen: {pourquoi}")


def test_a_mistyped_variable_is_told_beside_the_other_faults(vide: Path) -> None:
    fini = executer("serve", env=environnement(vide, prot="8000", limits="maybe"))
    assert fini.returncode == 2
    assert "COMPTOIR_PROT means nothing" in fini.stderr
    assert "COMPTOIR_LIMITS: one of on, off" in fini.stderr


def test_the_image_s_probe_asks_only_what_listens(vide: Path) -> None:
    """Here the first process is not `comptoir serve`: as for a worker, nothing is asked of a port where nobody listens."""
    dockerfile = (Path(__file__).parents[2] / "Dockerfile").read_text()
    sonde = json.loads(re.findall(r"HEALTHCHECK .*\\\n\s+CMD (\[.*\])", dockerfile)[0])
    assert sonde[0] == "python"
    fini = subprocess.run([sys.executable, *sonde[1:]], env=environnement(vide, port=port_libre()), check=False)
    assert fini.returncode == 0


def test_production_does_not_run_as_the_owner_of_the_ledger(acces: dict[str, str], vide: Path) -> None:
    env = environnement(
        vide,
        env="production",
        public_url="https://compte.exemple.fr",
        secret_keys=f"a:{b64encode(bytes(32)).decode()}",
        smtp_url="smtp://127.0.0.1:1",
        mail_from="ne-pas-repondre@exemple.fr",
        twilio_account_sid="AC",
        twilio_auth_token="x",
        twilio_from="+33639980001",
        simulator="off",
        database_url=acces["database_owner_url"],
    )
    attendus = {"serve": "rewriting the legal ledger", "worker": "rewriting the legal ledger", "migrate": "DATABASE_OWNER_URL"}
    for commande, attendu in attendus.items():
        fini = executer(commande, env=env)
        assert fini.returncode == 2
        assert attendu in fini.stderr
        assert "Traceback" not in fini.stderr


def test_a_worker_by_itself_delivers_what_the_service_queued(acces: dict[str, str], vide: Path) -> None:
    with Comptoir("serve", vide, worker="off", **acces) as serve:
        inscription = inscrire(serve, activer_par="email")
        assert suivre(serve, inscription).json()["activation"]["livraison"] == "en_file"
        with Comptoir("worker", vide, **acces) as worker:
            attendre(lambda: "comptoir: delivering messages" in worker.journal())
            attendre(lambda: suivre(serve, inscription).json()["activation"]["livraison"] == "envoye")
            assert worker.arreter() == 0
        boite = httpx.get(f"{serve.url}/dev/messages", headers={"Accept": "application/json"}, timeout=30)
        (message,) = boite.json()["messages"]
        assert message["destination"] == "ines@exemple.fr"


def test_the_openapi_document_is_printed_without_a_database(vide: Path) -> None:
    fini = executer("openapi", env=environnement(vide / "nulle-part"))
    document = json.loads(fini.stdout)
    assert (fini.returncode, fini.stderr) == (0, "")
    assert document["openapi"].startswith("3.1")
    assert document["paths"]["/v1/inscriptions"]["post"]["operationId"] == "inscrire"
    assert list(vide.iterdir()) == []
