"""Messages and their providers: what a sign-up's author is shown while a provider is away, refuses, or comes back."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from app.composition import Socle, distribution
from app.settings import Settings
from domain.message import TENTATIVES_INTERNES
from tests.builders import Corps, une_demande
from tests.contract.lignes import INSTANT, T0, Horloge
from tests.fournisseurs import BoiteSmtp, FauxTwilio, boite_smtp, faux_twilio, prise_muette
from tests.recueil import Recueil
from tests.service import Service

MINUTE, HEURE = timedelta(minutes=1), timedelta(hours=1)
EMAIL, MOBILE = "ines@exemple.fr", "+33612345678"


@pytest.fixture
async def boite() -> AsyncIterator[BoiteSmtp]:
    async with boite_smtp() as boite:
        yield boite


@pytest.fixture
async def twilio() -> AsyncIterator[FauxTwilio]:
    async with faux_twilio() as twilio:
        yield twilio


@pytest.fixture
def settings_reels(settings: Settings, boite: BoiteSmtp, twilio: FauxTwilio) -> Settings:
    """As in production: no mailbox."""
    return structs.replace(
        settings,
        smtp_url=boite.url,
        mail_from="Portail <noreply@exemple.fr>",
        twilio_account_sid="AC" + "0123456789abcdef" * 2,
        twilio_auth_token="jeton",
        twilio_from="+33700000000",
        twilio_base_url=twilio.url,
    )


@pytest.fixture
async def service(settings_reels: Settings) -> AsyncIterator[Service]:
    async with AsyncExitStack() as pile:
        yield await pile.enter_async_context(Service(settings_reels))


@pytest.fixture
async def horloge(service: Service) -> Horloge:
    """Stopped from the start: a retry comes due when the test says so, however slow the machine."""
    return await arretee(service)


async def arretee(service: Service) -> Horloge:
    horloge = Horloge(service.sql)
    await horloge.mettre(T0)
    return horloge


async def livraison(service: Service, inscription: Corps) -> str:
    """As its author sees it."""
    return str((await service.lire(inscription)).json()["activation"]["livraison"])


async def outbox(service: Service) -> list[tuple[str, int, str | None]]:
    lignes = await service.sql.fetch("select livraison, tentatives, motif from outbox order by cree_le")
    return [tuple(ligne) for ligne in lignes]


async def inscrit_par(service: Service, canal: str, **changes: Any) -> Corps:
    inscription = await service.inscrit(une_demande(activer_par=canal, **changes))
    assert inscription["activation"]["livraison"] == "en_file"
    return inscription


# E-mail


async def test_a_mail_leaves_once_with_the_code_that_activates(service: Service, boite: BoiteSmtp) -> None:
    inscription = await inscrit_par(service, "email")
    await service.livrer()
    [recu] = boite.recus
    assert (recu.destination, await livraison(service, inscription)) == (EMAIL, "envoye")
    assert (await service.essayer(inscription, inscription["activation"], recu.code)).status_code == 200


async def test_a_mail_waits_for_a_server_that_is_down(settings_reels: Settings) -> None:
    with prise_muette() as prise:
        url = f"smtp+plain://127.0.0.1:{prise.getsockname()[1]}"
        async with Service(structs.replace(settings_reels, smtp_url=url)) as service:
            horloge = await arretee(service)
            inscription = await inscrit_par(service, "email")
            await service.livrer()
            assert await livraison(service, inscription) == "nouvel_essai"
            async with boite_smtp(prise) as revenue:
                await horloge.avancer(MINUTE)
                await service.livrer()
                assert await livraison(service, inscription) == "envoye"
                assert [r.destination for r in revenue.recus] == [EMAIL]


async def test_a_greylisted_mail_is_tried_again_later_and_not_before(
    service: Service, boite: BoiteSmtp, horloge: Horloge
) -> None:
    boite.reponse = "451 4.7.1 greylisted, try again later"
    inscription = await inscrit_par(service, "email")
    await service.livrer()
    assert await livraison(service, inscription) == "nouvel_essai"
    boite.reponse = "250 OK"
    await service.livrer()
    assert (boite.recus, await outbox(service)) == ([], [("nouvel_essai", 1, "smtp_451")])
    await horloge.avancer(MINUTE)
    await service.livrer()
    assert (len(boite.recus), await livraison(service, inscription)) == (1, "envoye")


async def test_a_refused_address_is_told_and_not_tried_again(service: Service, boite: BoiteSmtp, horloge: Horloge) -> None:
    boite.reponse = "550 5.1.1 no such user"
    inscription = await inscrit_par(service, "email")
    await service.livrer()
    assert await livraison(service, inscription) == "echec_destinataire"
    boite.reponse = "250 OK"
    await horloge.avancer(HEURE)
    await service.livrer()
    assert (boite.recus, await outbox(service)) == ([], [("echec_destinataire", 1, "smtp_550")])


async def test_a_server_away_for_longer_than_the_proof_lives_is_given_up(
    service: Service, boite: BoiteSmtp, horloge: Horloge
) -> None:
    boite.reponse = "451 4.3.0 broken"
    inscription = await inscrit_par(service, "email")
    for _ in range(26):
        await service.livrer()
        await horloge.avancer(HEURE)
    boite.reponse = "250 OK"
    await service.livrer()
    assert (boite.recus, await livraison(service, inscription)) == ([], "echec_expire")


# SMS


@pytest.mark.parametrize(
    ("reponse", "motif"),
    [
        ((429, {"code": 20429}, {}), "twilio_429"),
        ((500, {}, {}), "twilio_500"),
        ((401, {"code": 20003}, {}), "twilio_20003"),
        ((201, {}, {}), "twilio_reponse"),
        (None, "twilio_delai"),
    ],
    ids=lambda valeur: valeur if isinstance(valeur, str) else "",
)
async def test_an_sms_that_twilio_does_not_take_now_is_tried_again(
    service: Service, twilio: FauxTwilio, horloge: Horloge, reponse: Any, motif: str
) -> None:
    bonne, twilio.reponse = twilio.reponse, reponse
    await _patience(service, 0.2 if reponse is None else 60)
    inscription = await inscrit_par(service, "sms")
    await service.livrer()
    assert await livraison(service, inscription) == "nouvel_essai"
    assert await outbox(service) == [("nouvel_essai", 1, motif)]
    twilio.reponse = bonne
    await _patience(service, 60)
    twilio.recus.clear()
    await horloge.avancer(MINUTE)
    await service.livrer()
    [(numero, texte)] = twilio.recus
    assert (numero, await livraison(service, inscription)) == (MOBILE, "envoye")
    assert (await service.essayer(inscription, inscription["activation"], texte[-6:])).status_code == 200


async def _patience(service: Service, delai: float) -> None:
    """In seconds; the real one is ten."""
    expediteur: Any = service.distribution._expediteurs["sms"]
    await expediteur.close()
    expediteur._config = structs.replace(expediteur._config, delai=delai)


async def test_the_wait_that_twilio_asks_for_is_kept(service: Service, twilio: FauxTwilio, horloge: Horloge) -> None:
    bonne, twilio.reponse = twilio.reponse, (429, {}, {"Retry-After": "300"})
    inscription = await inscrit_par(service, "sms")
    await service.livrer()
    twilio.reponse = bonne
    await horloge.avancer(timedelta(seconds=300) - INSTANT)
    await service.livrer()
    assert (twilio.recus, await livraison(service, inscription)) == ([], "nouvel_essai")
    await horloge.avancer(INSTANT)
    await service.livrer()
    assert await livraison(service, inscription) == "envoye"


async def test_a_number_that_twilio_refuses_is_told_and_the_other_channel_still_works(
    service: Service, twilio: FauxTwilio, boite: BoiteSmtp
) -> None:
    twilio.reponse = (400, {"code": 21211}, {})
    inscription = await inscrit_par(service, "sms")
    await service.livrer()
    assert await livraison(service, inscription) == "echec_destinataire"
    assert (await service.demander(inscription, "email")).status_code == 202
    await service.livrer()
    assert (await service.suivre(boite.recus[0].lien)).json()["etat"] == "actif"


# Ours


async def test_a_message_that_cannot_be_rendered_is_set_aside_and_delays_nobody(
    service: Service, boite: BoiteSmtp, horloge: Horloge
) -> None:
    fautif = await inscrit_par(service, "email", email="fautif@exemple.fr")
    await service.sql.execute("update outbox set modele = 'inconnu'")
    await horloge.avancer(INSTANT)
    suivant = await inscrit_par(service, "email", email="suivant@exemple.fr")
    await service.livrer()
    assert (await livraison(service, fautif), await livraison(service, suivant)) == ("nouvel_essai", "envoye")
    for _ in range(TENTATIVES_INTERNES + 2):
        await horloge.avancer(HEURE)
        await service.livrer()
    assert await livraison(service, fautif) == "echec_interne"
    assert (await outbox(service))[0] == ("echec_interne", TENTATIVES_INTERNES, "interne")
    assert [r.destination for r in boite.recus] == ["suivant@exemple.fr"]


@pytest.mark.parametrize(("canal", "duree"), [("sms", timedelta(minutes=10)), ("email", timedelta(hours=24))])
async def test_an_expired_code_is_not_sent(
    service: Service, boite: BoiteSmtp, twilio: FauxTwilio, horloge: Horloge, canal: str, duree: timedelta
) -> None:
    inscription = await inscrit_par(service, canal)
    await horloge.avancer(duree)
    await service.livrer()
    assert (boite.recus, twilio.recus, await livraison(service, inscription)) == ([], [], "echec_expire")


async def test_the_log_tells_a_provider_that_goes_away_once_and_each_message_that_is_lost(
    service: Service, boite: BoiteSmtp, horloge: Horloge, recueil: Recueil
) -> None:
    boite.reponse = "451 4.3.0 broken"
    for n in range(2):
        await inscrit_par(service, "email", email=f"n{n}@exemple.fr")
    await service.livrer()
    assert Counter(dits(recueil)) == {("WARNING", "message différé", "smtp_451"): 1, ("INFO", "message différé", "smtp_451"): 1}
    await horloge.avancer(25 * HEURE)
    recueil.lignes.clear()
    await service.livrer()
    assert dits(recueil) == [("WARNING", "message abandonné", "expire")] * 2
    # Away again after a return: told again.
    for reponse, niveau in (("250 OK", None), ("451 4.3.0 broken", "WARNING")):
        boite.reponse = reponse
        recueil.lignes.clear()
        await inscrit_par(service, "email", email=f"{niveau}@exemple.fr")
        await service.livrer()
        assert [n for n, *_ in dits(recueil)] == ([niveau] if niveau else [])


async def test_the_log_tells_a_message_whose_key_was_dropped(
    service: Service, settings_reels: Settings, recueil: Recueil
) -> None:
    await inscrit_par(service, "email")
    autre = "autre:" + b64encode(bytes(32)).decode()
    async with Service(structs.replace(settings_reels, secret_keys=autre)) as apres:
        await apres.livrer()
    assert dits(recueil) == [("WARNING", "message abandonné", "cle_retiree")]


def dits(recueil: Recueil) -> list[tuple[str, str, str]]:
    evenements = [json.loads(ligne) for ligne in recueil.lignes if '"comptoir.distribution"' in ligne]
    return [(e["niveau"], e["message"], e["motif"]) for e in evenements]


async def test_nothing_leaves_to_an_address_that_was_corrected_meanwhile(service: Service, boite: BoiteSmtp) -> None:
    inscription = await inscrit_par(service, "email")
    assert (await service.corriger(inscription, email="bonne@exemple.fr")).status_code == 200
    assert (await service.demander(inscription, "email")).status_code == 202
    await service.livrer()
    assert [r.destination for r in boite.recus] == ["bonne@exemple.fr"]


async def test_nothing_leaves_for_a_sign_up_that_was_given_up(service: Service, boite: BoiteSmtp) -> None:
    inscription = await inscrit_par(service, "email")
    assert (await service.annuler(inscription)).status_code == 204
    await service.livrer()
    assert boite.recus == []


async def test_six_workers_at_once_send_forty_messages_forty_times(
    service: Service, settings_reels: Settings, boite: BoiteSmtp
) -> None:
    for n in range(40):
        await inscrit_par(service, "email", email=f"n{n}@exemple.fr")

    async def vider() -> None:
        socle = Socle.poser(settings_reels)
        async with socle.vie():
            travail, _ = distribution(socle)
            while await travail.tour("email"):
                pass

    await asyncio.gather(*(vider() for _ in range(6)))
    assert Counter(r.destination for r in boite.recus) == {f"n{n}@exemple.fr": 1 for n in range(40)}
    assert await outbox(service) == [("envoye", 1, None)] * 40
