"""THE composition root: the only module that builds the adapters. Nothing is built at import."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litestar import Litestar
from litestar.types import ASGIApp
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.coffre import NaclCoffre
from adapters.formats import FrenchFormats
from adapters.gabarits import JinjaGabarits
from adapters.jetons_acces import JoseJetonsAcces
from adapters.mailbox import FileMailbox
from adapters.passwords import PasslibHasher
from adapters.postgres.adresse import role
from adapters.postgres.connexions import PgConnexions
from adapters.postgres.conservation import PgConservation
from adapters.postgres.disponibilites import PgDisponibilites
from adapters.postgres.documents import PgDocuments
from adapters.postgres.dossier import PgDossier
from adapters.postgres.file_messages import PgFileMessages
from adapters.postgres.idempotence import PgIdempotence
from adapters.postgres.lectures import Lectures
from adapters.postgres.recuperations import PgRecuperations
from adapters.postgres.schema import ROLE_PROPRIETAIRE, PgSante, migrer
from adapters.postgres.signaux import PgSignaux
from adapters.postgres.store import PgStore, moteur
from adapters.smtp import SmtpSender
from adapters.smtp_config import lire_url
from adapters.strength import ZxcvbnEstimateur
from adapters.system import RealSystem
from adapters.twilio_sms import TwilioConfig, TwilioSender
from app import __version__
from app.composition_fournisseurs import clients
from app.http import textes
from app.http.app import Facade, Forme, creer
from app.http.bordure import Bordure
from app.http.openapi import document
from app.settings import ConfigurationInvalide, Settings, cles
from app.usecases.assemblage import Ports, assembler
from app.usecases.distribution import Distribution
from app.usecases.preuves import Ouvreur
from app.usecases.recuperations import Recuperateur
from app.usecases.securite import temoin
from domain.activation import Canal
from domain.jetons import Trousseau
from domain.limites import Reglage, Regulateur
from domain.outils import Outils
from domain.ports import Expediteur, Hacheur, Systeme

if TYPE_CHECKING:
    import httpx

# Connections to PostgreSQL a process may hold: for transactions, and for the hot reads.
_POOL, _POOL_LECTURES = 8, 4


@dataclass(frozen=True, slots=True)
class Socle:
    """What every process shares, whether it serves or sends."""

    settings: Settings
    engine: AsyncEngine
    signaux: PgSignaux
    trousseau: Trousseau
    systeme: Systeme
    regulateur: Regulateur

    @classmethod
    def poser(cls, settings: Settings, systeme: Systeme | None = None) -> Socle:
        url, trousseau = _url(settings), Trousseau(cles(settings))
        reglage = Reglage(
            actives=settings.limits == "on",
            sms_par_jour=settings.sms_daily_budget,
            disponibilites_par_minute=settings.availability_ceiling,
            connexions_par_minute=settings.sign_in_ceiling,
        )
        regulateur = Regulateur(trousseau, reglage)
        return cls(settings, moteur(url, _POOL), PgSignaux(url), trousseau, systeme or RealSystem(), regulateur)

    @asynccontextmanager
    async def vie(self) -> AsyncIterator[None]:
        self.signaux.demarrer()
        _avant_l_arret(self.signaux.fermer)
        try:
            yield
        finally:
            await self.signaux.arreter()
            await self.engine.dispose()


def asgi(settings: Settings) -> ASGIApp:
    """The whole API as a server runs it."""
    return Bordure(litestar(settings))


def litestar(settings: Settings, *, hacheur: Hacheur | None = None) -> Litestar:
    """The API, with its delivery worker unless the settings say otherwise. Nothing is opened before its lifespan."""
    return creer(forme(settings), partial(facade, settings, hacheur=hacheur))


def forme(settings: Settings) -> Forme:
    return Forme(
        developpement=not settings.production,
        version=__version__,
        service=settings.service_name,
        origine=settings.origine,
        origines_cors=tuple(settings.origines_cors),
    )


@asynccontextmanager
async def facade(
    settings: Settings,
    *,
    systeme: Systeme | None = None,
    hacheur: Hacheur | None = None,
    reseau: httpx.AsyncBaseTransport | None = None,
    delai: float | None = None,
) -> AsyncIterator[Facade]:
    """`reseau`: stands for the network between the service and the identity providers; `delai`: seconds of a call there."""
    socle = Socle.poser(settings, systeme)
    hasher = hacheur or PasslibHasher(threads=_fils(settings))
    formats = FrenchFormats(domaines_d_essai=not settings.production)
    estimateur = ZxcvbnEstimateur()
    lectures = Lectures(_url(settings), _POOL_LECTURES)
    jetons_acces = JoseJetonsAcces(socle.trousseau, socle.systeme, settings.origine)

    def outils() -> Outils:
        return Outils(formats, estimateur, socle.systeme.aujourdhui())

    documents = PgDocuments(lectures)
    fournisseurs = clients(settings, socle.systeme, reseau, delai)
    ports = Ports(
        store=PgStore(socle.engine, temoin(socle.trousseau)),
        dossier=PgDossier(lectures),
        documents=documents,
        disponibilites=PgDisponibilites(lectures),
        connexions=PgConnexions(lectures),
        idempotence=PgIdempotence(socle.engine),
        depot=PgRecuperations(lectures),
        hacheur=hasher,
        jetons_acces=jetons_acces,
        formats=formats,
        signaux=socle.signaux,
        systeme=socle.systeme,
        trousseau=socle.trousseau,
        regulateur=socle.regulateur,
        fournisseurs=fournisseurs,
        coffre=NaclCoffre(socle.trousseau),
        retours=settings.retours,
        outils=outils,
        titres=textes.activite,
    )
    async with AsyncExitStack() as pile:
        await pile.enter_async_context(socle.vie())
        await pile.enter_async_context(lectures)
        for fournisseur in fournisseurs.values():
            pile.push_async_callback(fournisseur.fermer)
        if isinstance(hasher, PasslibHasher):
            pile.callback(hasher.close)
        if settings.worker == "on":
            await pile.enter_async_context(_distribution_en_fond(socle))
        yield Facade(
            cas=assembler(ports),
            documents=documents,
            sante=PgSante(socle.engine, separee=settings.production),
            trousseau=socle.trousseau,
            jetons_acces=jetons_acces,
            outils=outils,
            boite=_boite(settings),
            proxys=settings.proxys,
            fournisseurs=tuple(fournisseurs),
        )


def distribution(socle: Socle) -> tuple[Distribution, Mapping[Canal, Expediteur]]:
    """The delivery worker and its senders."""
    settings = socle.settings
    expediteurs = _expediteurs(settings)
    gabarits = JinjaGabarits(socle.trousseau, settings.origine, settings.service_name)
    travail = Distribution(
        PgFileMessages(socle.engine),
        gabarits,
        expediteurs,
        socle.signaux,
        PgConservation(socle.engine),
        socle.systeme,
        Recuperateur(
            PgStore(socle.engine, temoin(socle.trousseau)),
            Ouvreur(socle.trousseau, socle.regulateur, socle.systeme),
            socle.regulateur,
        ),
    )
    return travail, expediteurs


@asynccontextmanager
async def _distribution_en_fond(socle: Socle) -> AsyncIterator[None]:
    travail, expediteurs = distribution(socle)
    tache = asyncio.create_task(travail.servir(), name="distribution")
    try:
        yield
    finally:
        tache.cancel()
        with suppress(asyncio.CancelledError):
            await tache
        await fermer(expediteurs)


def document_openapi(settings: Settings) -> dict[str, Any]:
    """The OpenAPI document, without any database."""
    return document(litestar(settings), "fr")


def _avant_l_arret(action: Callable[[], None]) -> None:
    """Runs `action` as soon as SIGTERM comes: the server would otherwise wait for its long-polls before it tells anybody."""
    prevu = signal.getsignal(signal.SIGTERM)
    if callable(prevu):
        loop = asyncio.get_running_loop()
        signal.signal(signal.SIGTERM, lambda numero, cadre: (loop.call_soon_threadsafe(action), prevu(numero, cadre)))


async def ausculter(settings: Settings) -> None:
    """Looks at the database once; what is wrong with it is in the log. Refusal: `ConfigurationInvalide`."""
    engine = moteur(_url(settings), 1)
    sante = PgSante(engine, separee=settings.production)
    try:
        # Not as a probe does: whoever starts has the time, and a slow answer is no right to the ledger.
        await sante.regarder()
        if sante.proprietaire:
            raise ConfigurationInvalide([ROLE_PROPRIETAIRE])
    finally:
        await engine.dispose()


async def conserver(settings: Settings, *, simuler: bool) -> Mapping[str, int | Exception]:
    """The retention rules, once: how many rows each of them concerned, or what it failed of."""
    engine = moteur(_url(settings), 1)
    try:
        return await PgConservation(engine).appliquer(simuler=simuler)
    finally:
        await engine.dispose()


async def servir_messages(settings: Settings) -> None:
    """A worker by itself, until cancelled."""
    socle = Socle.poser(settings)
    async with socle.vie():
        travail, expediteurs = distribution(socle)
        try:
            await travail.servir()
        finally:
            await fermer(expediteurs)


async def fermer(expediteurs: Mapping[Canal, Expediteur]) -> None:
    for expediteur in expediteurs.values():
        if isinstance(expediteur, TwilioSender):
            await expediteur.close()


async def migrer_base(settings: Settings, version: str = "head") -> None:
    """As the schema's owner; the application's role, when it is another, is granted what it needs."""
    proprietaire = settings.database_owner_url or _url(settings)
    application, owner = role(_url(settings)), role(proprietaire)
    engine = moteur(proprietaire, 1)
    try:
        await migrer(engine, application if application != owner else None, version)
    finally:
        await engine.dispose()


def _expediteurs(settings: Settings) -> Mapping[Canal, Expediteur]:
    """The real providers where they are configured; the mailbox elsewhere, which production never reaches."""
    boite = FileMailbox(_dossier_boite(settings))
    sms: Expediteur = boite
    if settings.twilio_account_sid and settings.twilio_auth_token and settings.twilio_from:
        compte, jeton = settings.twilio_account_sid, settings.twilio_auth_token
        sms = TwilioSender(TwilioConfig(compte, jeton, settings.twilio_from, settings.twilio_base_url))
    email: Expediteur = boite
    if settings.smtp_url and settings.mail_from:
        email = SmtpSender(lire_url(settings.smtp_url, settings.mail_from))
    return {"sms": sms, "email": email}


def _boite(settings: Settings) -> FileMailbox | None:
    return None if settings.production else FileMailbox(_dossier_boite(settings))


def _dossier_boite(settings: Settings) -> Path:
    return Path(settings.data_dir) / "messages"


def _fils(settings: Settings) -> int:
    """Hashing threads of one process: more than the cores give no more hashes and ruin the cheap calls' latency."""
    coeurs = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, coeurs // settings.processes)


def _url(settings: Settings) -> str:
    if settings.database_url is None:
        raise RuntimeError("no database URL: the command line starts the embedded server and sets it")
    return settings.database_url
