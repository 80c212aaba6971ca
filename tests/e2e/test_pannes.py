"""Processes killed and a database restarted under load: what was acknowledged is there, once; what was refused is not.

The checks read the tables and the messages by themselves, with a canonical form of their own: not through the service's code.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import tempfile
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from msgspec import Struct

from adapters.embedded_postgres import EmbeddedPostgres
from tests.builders import Corps, un_citoyen, une_demande
from tests.e2e.processus import PATIENCE, Comptoir, dossier_jetable
from tests.fournisseurs import BoiteSmtp, boite_smtp

INSCRIPTIONS, CLIENTS = 500, 32
MOT_DE_PASSE = "Canari!9falaise"
PRIS = "deja.pris"
# Longer than a lease and than the reservation of a key: what a killed process held is free again.
OUBLI = 31


class Essai(Struct):
    """One sign-up of a client's ledger: sent until something certain comes back."""

    marque: str
    demande: Corps
    cle: str
    patient: bool
    reponses: list[int]
    certaine: httpx.Response | None = None
    en_retard: bool = False
    """Nothing certain came while processes were being killed."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A durable one, on the disk."""
    with dossier_jetable(Path(tempfile.gettempdir())) as dossier, EmbeddedPostgres(dossier / "pg") as serveur:
        yield serveur


@pytest.fixture(scope="module")
def reglages(postgres: EmbeddedPostgres) -> dict[str, Any]:
    return {
        "database_url": postgres.url(),
        "database_owner_url": postgres.url_owner(),
        "processes": 2,
        "worker": "off",
        "limits": "off",
        "mail_from": "Portail <noreply@exemple.fr>",
    }


@pytest.fixture
def sql(postgres: EmbeddedPostgres) -> Callable[..., Any]:
    """Reads as the superuser, over a connection of each call's own: it outlives what the tests do to the server."""

    async def lire(ordre: str, *valeurs: Any) -> list[asyncpg.Record]:
        connexion = await asyncpg.connect(postgres.url_owner())
        try:
            return list(await connexion.fetch(ordre, *valeurs))
        finally:
            await connexion.close()

    return lire


async def jusqu_a(condition: Callable[[], Any], delai: float = PATIENCE) -> None:
    """Polls an asynchronous condition, with a deadline."""
    async with asyncio.timeout(delai):
        while not await condition():  # noqa: ASYNC110  (rows and logs are polled)
            await asyncio.sleep(0.05)


# Killing


class Faucheuse:
    """Kills an API process every so many answers, a delivery worker every so many messages; starts the workers again.

    By progress rather than by the clock: a slow machine has as many deaths to survive as a fast one.
    """

    def __init__(self, serve: Comptoir, livreurs: list[Comptoir], graine: int) -> None:
        self._serve, self._livreurs = serve, livreurs
        self._alea = random.Random(graine)  # noqa: S311
        self._avant_api, self._avant_livreur = 10, 5
        self.api = self.livraison = 0

    def apres_reponse(self) -> None:
        self._avant_api -= 1
        if self._avant_api <= 0 and self.api_debout():
            self._avant_api = self._alea.randint(15, 45)
            # In turn: two deaths of one process within six seconds are a crash loop to its supervisor, which stops.
            os.kill(self._serve.processus_api()[self.api % 2], signal.SIGKILL)
            self.api += 1

    def apres_message(self) -> None:
        """All of them, between what the provider accepted from one and what that one marks."""
        self._avant_livreur -= 1
        if self._avant_livreur <= 0:
            self._avant_livreur = self._alea.randint(60, 120)
            for livreur in self._livreurs:
                livreur.processus.kill()
                assert livreur.processus.wait() == -signal.SIGKILL, livreur.journal()
                livreur.lancer()
            self.livraison += len(self._livreurs)

    def api_debout(self) -> bool:
        """Whether both API processes are up, however often they died."""
        return self._serve.journal().count("Started worker-") == 2 + self.api


# Signing up


def des_essais() -> list[Essai]:
    """Four in five are good; the others are refused for a taken username, or for a weak password."""
    essais = []
    for n in range(INSCRIPTIONS):
        marque = "Marque" + "".join(chr(ord("a") + int(chiffre)) for chiffre in f"{n:04d}")
        demande = une_demande(
            un_citoyen(prenom="Jean", nom_naissance=marque if n % 8 else "Martin", nom_usage=marque),
            email=f"temoin-{marque.lower()}@exemple.fr",
            mot_de_passe=MOT_DE_PASSE if n % 10 else "faible",
            identifiant=PRIS if n % 10 == 5 else None,
            activer_par="email",
        )
        essais.append(Essai(marque, demande, str(uuid4()), n % 4 > 0, []))
    return essais


async def envoyer(http: httpx.AsyncClient, essai: Essai) -> bool:
    """Whether something certain came back; the same key each time. Some give up at once the first time, and try again."""
    patience = 30.0 if essai.patient else 0.05
    essai.patient = True
    try:
        reponse = await http.post(
            "/v1/inscriptions", json=essai.demande, headers={"Idempotency-Key": essai.cle}, timeout=patience
        )
    except httpx.TransportError:
        essai.reponses.append(0)
        return False
    essai.reponses.append(reponse.status_code)
    if reponse.status_code >= 500:
        # I16
        assert reponse.status_code == 503, reponse.text
        assert int(reponse.headers["Retry-After"]) > 0
        return False
    if reponse.status_code == 409 and reponse.json()["code"] == "requete_en_cours":
        return False
    essai.certaine = reponse
    return True


async def inscrire_tous(http: httpx.AsyncClient, essais: list[Essai], reprises: int, apres: Callable[[], None]) -> None:
    """As many clients at once; each tries again a few times, a moment later."""
    file = iter(essais)

    async def client() -> None:
        for essai in file:
            for _ in range(reprises):
                if await envoyer(http, essai):
                    apres()
                    break
                await asyncio.sleep(0.2)
            else:
                essai.en_retard = True

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def rien() -> None:
    pass


async def test_processes_killed_under_load_lose_nothing_double_nothing_and_send_everything(
    dossier: Path, reglages: dict[str, Any], sql: Callable[..., Any]
) -> None:
    graine = int(os.environ.get("GRAINE", random.SystemRandom().randrange(10**6)))
    print(f"seed {graine}")
    essais = des_essais()
    async with AsyncExitStack() as pile:
        boite = await pile.enter_async_context(boite_smtp())
        reglages = reglages | {"smtp_url": boite.url}
        serve = pile.enter_context(Comptoir("serve", dossier, **reglages))
        livreurs = [pile.enter_context(Comptoir("worker", dossier, **reglages)) for _ in range(2)]
        http = await pile.enter_async_context(httpx.AsyncClient(base_url=serve.url, timeout=30))
        assert (await http.post("/v1/inscriptions", json=une_demande(identifiant=PRIS))).status_code == 201

        faucheuse = Faucheuse(serve, livreurs, graine)
        boite.apres = faucheuse.apres_message
        await inscrire_tous(http, essais, 5, faucheuse.apres_reponse)
        boite.apres = rien
        print(f"{faucheuse.api} API processes and {faucheuse.livraison} delivery workers killed")
        print(f"{sum(e.reponses.count(0) for e in essais)} requests without an answer")

        # Everything calm again, and late enough for what the dead held to be free.
        await jusqu_a(lambda: _vrai(faucheuse.api_debout()))
        # What the living hold is not the dead's: they end it before time moves.
        for livreur in livreurs:
            await asyncio.to_thread(livreur.arreter)
        await _avancer(sql)
        for livreur in livreurs:
            livreur.lancer()
        en_retard = [e for e in essais if e.en_retard]
        print(f"{len(en_retard)} sign-ups uncertain until calm came back")
        for essai in en_retard:
            essai.reponses.clear()
        await inscrire_tous(http, en_retard, 25, rien)
        assert {s for e in en_retard for s in e.reponses} <= {201, 409, 422}
        await jusqu_a(lambda: _file_vide(sql))

        await _verifier_inscriptions(sql, essais)
        await _verifier_registre(sql)
        await _verifier_envois(sql, boite, faucheuse.livraison)
        await _verifier_processus(sql, serve, livreurs, faucheuse)
        await _verifier_preuves(http, boite)
        _verifier_journaux([serve, *livreurs], essais, boite)


async def _avancer(sql: Callable[..., Any]) -> None:
    await sql(
        "create or replace function horloge() returns timestamptz language sql volatile as "
        f"'select clock_timestamp() + interval ''{OUBLI} seconds'''"
    )


async def _file_vide(sql: Callable[..., Any]) -> bool:
    return not await sql("select from outbox where livraison in ('en_file', 'nouvel_essai')")


# The invariants (security figures, I1 to I19)


def _canonique(identifiant: str) -> str:
    return unicodedata.normalize("NFKC", identifiant).casefold().replace(" ", "")


async def _verifier_inscriptions(sql: Callable[..., Any], essais: list[Essai]) -> None:
    comptes = {
        ligne["valeur"]: ligne
        for ligne in await sql(
            "select c.id, c.identifiant, c.type, c.etat, v.valeur from comptes c join contacts v on v.compte_id = c.id "
            "where v.nature = 'email'"
        )
    }
    par_marque = Counter(ligne["marque"] for ligne in await sql("select profil->>'nom_usage' as marque from comptes"))
    acceptes: list[Essai] = []
    refuses: list[Essai] = []
    for essai in essais:
        assert essai.certaine is not None
        (acceptes if essai.certaine.status_code == 201 else refuses).append(essai)
    assert len(acceptes) == INSCRIPTIONS * 8 // 10
    for essai in acceptes:
        # I1 and I3: present, once, as acknowledged.
        assert essai.certaine is not None
        corps, compte = essai.certaine.json(), comptes[essai.demande["email"]]
        assert par_marque[essai.marque] == 1
        assert (UUID(corps["id"]), corps["identifiant"], corps["profil"], corps["etat"]) == (
            compte["id"], compte["identifiant"], compte["type"], compte["etat"],
        )  # fmt: skip
    # I2: of what was refused, nothing.
    assert {e.certaine.status_code for e in refuses if e.certaine} == {409, 422}
    assert not any(par_marque[e.marque] for e in refuses)
    # I4
    identifiants = [_canonique(ligne["identifiant"]) for ligne in await sql("select identifiant from comptes")]
    assert len(set(identifiants)) == len(identifiants) == len(acceptes) + 1


async def _verifier_registre(sql: Callable[..., Any]) -> None:
    """I7: both legal records of each account, of a text that exists, under its own hash."""
    sans = await sql(
        """
        select c.id from comptes c
         cross join (values ('cgu', 'acceptation'), ('rgpd', 'prise_de_connaissance')) as voulu (code, nature)
         where (select count(*) from actes_juridiques a join documents_juridiques d
                    on d.code = a.document_code and d.version = a.document_version and d.sha256 = a.document_sha256
                 where a.compte_id = c.id and a.valeur and a.document_code = voulu.code and a.nature = voulu.nature) <> 1
        """
    )
    assert sans == []


async def _verifier_envois(sql: Callable[..., Any], boite: BoiteSmtp, morts: int) -> None:
    copies = defaultdict(list)
    for recu in boite.recus:
        copies[recu.id].append(recu)
    lignes = await sql(
        "select o.id, o.livraison, v.valeur from outbox o join comptes c on c.id = o.compte_id "
        "join contacts v on v.compte_id = c.id and v.nature = 'email'"
    )
    # I9 and I12: every message was delivered, none that no committed account asked for, each to its address.
    assert {ligne["livraison"] for ligne in lignes} == {"envoye"}
    assert {ligne["id"]: ligne["valeur"] for ligne in lignes} == {id_: c[0].destination for id_, c in copies.items()}
    assert len(lignes) == INSCRIPTIONS * 8 // 10
    # I10
    doubles = len(boite.recus) - len(copies)
    print(f"{len(copies)} messages, {doubles} sent twice")
    assert 1 <= doubles <= morts
    assert all(len(set(c)) == 1 for c in copies.values())


async def _verifier_processus(sql: Callable[..., Any], serve: Comptoir, livreurs: list[Comptoir], faucheuse: Faucheuse) -> None:
    """I19: nobody died but by our hand, and nothing of the dead is left in the database."""
    assert serve.vivant()
    assert sum("Unexpected exit" in e["message"] for e in serve.evenements()) == faucheuse.api
    assert all(livreur.vivant() for livreur in livreurs)
    sessions = await sql("select state from pg_stat_activity where usename = 'comptoir'")
    # Two API processes and two workers: a dozen connections each at the very most.
    assert len(sessions) <= 4 * 13
    # The living too are there for an instant, between two statements.
    await jusqu_a(lambda: _personne_ne_tient(sql))
    assert [e for e in serve.fautes() if not e["message"].startswith("Unexpected exit")] == []
    assert [e for livreur in livreurs for e in livreur.fautes()] == []


async def _personne_ne_tient(sql: Callable[..., Any]) -> bool:
    return not await sql("select from pg_stat_activity where usename = 'comptoir' and state ^@ 'idle in transaction'")


async def _verifier_preuves(http: httpx.AsyncClient, boite: BoiteSmtp) -> None:
    """What arrived is worth what it says."""
    for recu in boite.recus[::50]:
        reponse = await http.post("/v1/liens-activation", json={"jeton": recu.lien})
        assert (reponse.status_code, reponse.json()["etat"]) == (200, "actif")


def _verifier_journaux(comptoirs: list[Comptoir], essais: list[Essai], boite: BoiteSmtp) -> None:
    """I18: no password, address, name, link or secret in anything that was written."""
    ecrit = "".join(c.journal() for c in comptoirs).lower()
    secrets = {MOT_DE_PASSE, "temoin-", "marque", *(r.lien for r in boite.recus), *(e.cle for e in essais)}
    secrets |= {e.certaine.json()["secret"] for e in essais if e.certaine and e.certaine.status_code == 201}
    assert [s for s in secrets if s.lower() in ecrit] == []


# The database


async def test_a_database_restarted_under_load_costs_a_few_503_and_nothing_that_was_acknowledged(
    dossier: Path, postgres: EmbeddedPostgres, reglages: dict[str, Any], sql: Callable[..., Any]
) -> None:
    acceptes: list[Corps] = []
    statuts: Counter[int] = Counter()
    sante: list[tuple[float, int]] = []
    async with AsyncExitStack() as pile:
        boite = await pile.enter_async_context(boite_smtp())
        reglages = reglages | {"smtp_url": boite.url, "worker": "on"}
        serve = pile.enter_context(Comptoir("serve", dossier, **reglages))
        http = await pile.enter_async_context(httpx.AsyncClient(base_url=serve.url, timeout=30))
        fini = asyncio.Event()

        async def demander(methode: str, chemin: str, **suite: Any) -> httpx.Response:
            reponse = await http.request(methode, chemin, **suite)
            statuts[reponse.status_code] += 1
            # I16
            assert reponse.status_code < 500 or (reponse.status_code == 503 and int(reponse.headers["Retry-After"]) > 0)
            return reponse

        async def inscrire(n: int) -> None:
            numeros = itertools.count(n, 4)
            while not fini.is_set():
                demande = une_demande(email=f"redemarrage-{next(numeros)}@exemple.fr", activer_par="email")
                reponse = await demander("POST", "/v1/inscriptions", json=demande)
                if reponse.status_code == 201:
                    acceptes.append(reponse.json() | {"email": demande["email"]})
                await asyncio.sleep(0.02)

        async def lire() -> None:
            while not fini.is_set():
                await demander("GET", "/v1/identifiants/libre")
                await demander("GET", "/v1/configuration")
                await asyncio.sleep(0.02)

        async def ausculter() -> None:
            while not fini.is_set():
                debut = time.monotonic()
                sante.append((debut, (await demander("GET", "/sante/pret")).status_code))
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as taches:
            for tache in (*(inscrire(n) for n in range(4)), lire(), ausculter()):
                taches.create_task(tache)
            await jusqu_a(lambda: _vrai(len(acceptes) > 20))
            await asyncio.to_thread(_tuer_net, postgres)
            await jusqu_a(lambda: _vrai(any(statut == 503 for _, statut in sante)))
            postgres.stop()
            postgres.start()
            revenue = time.monotonic()
            await jusqu_a(lambda: _vrai(sum(s == 200 for d, s in sante if d > revenue) >= 20))
            fini.set()
        await _verifier_apres_redemarrage(sql, acceptes, boite)

        premiere = next(debut for debut, statut in sante if debut > revenue and statut == 200)
        derniere = max((debut for debut, statut in sante if statut == 503), default=revenue)
        print(f"{dict(statuts)}; ready again after {premiere - revenue:.2f} s, for good after {derniere - revenue:.2f} s")
        assert derniere - revenue < 5
        assert serve.fautes() == []


async def _vrai(valeur: bool) -> bool:
    return valeur


def _tuer_net(postgres: EmbeddedPostgres) -> None:
    """An immediate shutdown: no connection is told, no transaction ended, the journal is replayed at the next start."""
    dossier = postgres.url_owner().partition("host=")[2].partition("&")[0]
    postmaster = int((Path(dossier.replace("%2F", "/")) / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGQUIT)


async def _verifier_apres_redemarrage(sql: Callable[..., Any], acceptes: list[Corps], boite: BoiteSmtp) -> None:
    """What was acknowledged before, during and after is there, and its message leaves."""
    presents = {str(ligne["id"]) for ligne in await sql("select id from comptes")}
    assert {a["id"] for a in acceptes} <= presents
    await jusqu_a(lambda: _vrai({a["email"] for a in acceptes} <= {r.destination for r in boite.recus}))
