"""A retry is safe: the same key and body earn the same answer once, whoever crashed, repeated or raced meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from msgspec import structs

from app.settings import Settings
from tests.builders import MOT_DE_PASSE, modifie, parait, une_demande
from tests.service import Service, champs_fautifs, porteur, refus

CLE = "8f4d1c1e-6f0a-4f7e-9f57-0f2a3f6f2a11"
MOBILE, EMAIL = "+33612345678", "ines@exemple.fr"


async def test_a_replay_gives_the_same_answer_its_secret_included_and_does_nothing_twice(service: Service) -> None:
    demande = une_demande(activer_par="sms")
    premiere = await service.inscrire(demande, cle=CLE)
    await service.livrer()
    rejouee = await service.inscrire(demande, cle=CLE)
    assert (premiere.status_code, rejouee.status_code) == (201, 201)
    assert rejouee.json() == premiere.json()
    assert rejouee.headers["location"] == premiere.headers["location"]
    assert [await service.compter(table) for table in ("comptes", "jetons", "outbox")] == [1, 1, 1]
    assert len(await service.messages(MOBILE)) == 1
    # And that secret opens the sign-up.
    assert (await service.lire(rejouee.json())).status_code == 200


async def test_another_process_replays_the_same_answer(service: Service, settings: Settings) -> None:
    premiere = await service.inscrire(une_demande(activer_par="email"), cle=CLE)
    async with Service(settings) as autre:
        assert (await autre.inscrire(une_demande(activer_par="email"), cle=CLE)).json() == premiere.json()


async def test_a_retry_across_the_promotion_of_a_key_is_the_same_request(settings: Settings) -> None:
    """Either way round: while the processes are told of it, both orders serve."""
    ancienne, neuve = settings.secret_keys, "neuve:" + "Tk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk4="
    ordres = [structs.replace(settings, secret_keys=cles) for cles in (f"{ancienne},{neuve}", f"{neuve},{ancienne}")]
    async with Service(ordres[0]) as avant, Service(ordres[1]) as apres:
        for cle, premier, second in (("1", avant, apres), ("2", apres, avant)):
            premiere = (await premier.inscrire(une_demande(email=f"ines{cle}@exemple.fr"), cle=cle)).json()
            rejouee = (await second.inscrire(une_demande(email=f"ines{cle}@exemple.fr"), cle=cle)).json()
            # The secret is derived again, by the key that signs there; either is accepted.
            assert rejouee | {"secret": ""} == premiere | {"secret": ""}
            assert (await premier.lire(rejouee)).status_code == 200
            autre = await second.inscrire(une_demande(email="autre@exemple.fr"), cle=cle)
            assert refus(autre) == (422, "cle_idempotence_reutilisee")
        assert await avant.compter("comptes") == 2
        # An answer that has had its time is in nobody's way, whichever key wrote it.
        await avant.avancer(timedelta(hours=25))
        assert (await apres.inscrire(une_demande(email="ines1@exemple.fr"), cle="1")).status_code == 201
        assert await avant.compter("comptes") == 3


async def test_of_simultaneous_requests_across_the_promotion_of_a_key_one_is_served(service: Service) -> None:
    ordre = "select reserver_parmi($1, $2, gen_random_uuid(), '30 s')"
    cles, demandes = [b"a", b"b"], [b"c", b"d"]
    async with Service(service.settings) as autre:
        en_cours = service.sql.transaction()
        await en_cours.start()
        assert await service.sql.fetchval(ordre, cles, demandes)
        seconde = asyncio.create_task(autre.sql.fetchval(ordre, cles[::-1], demandes[::-1]))
        while not seconde.done() and not await service.sql.fetchval("select count(*) from pg_locks where not granted"):
            pass
        await en_cours.commit()
        assert await seconde is False


async def test_the_same_json_written_otherwise_is_the_same_body(service: Service) -> None:
    demande = une_demande()
    premiere = await service.inscrire(demande, cle=CLE)
    a_l_envers = json.dumps(_a_l_envers(demande), indent=3, ensure_ascii=True)
    entetes = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": CLE}
    rejouee = await service.http.post("/v1/inscriptions", content=a_l_envers, headers=entetes)
    assert rejouee.json() == premiere.json()
    assert await service.compter("comptes") == 1


def _a_l_envers(objet: Any) -> Any:
    return {nom: _a_l_envers(objet[nom]) for nom in reversed(objet)} if isinstance(objet, dict) else objet


@pytest.mark.parametrize("pointeur", ["/mot_de_passe", "/email", "/diffusion/sms"])
async def test_another_body_under_the_same_key_is_refused(service: Service, pointeur: str) -> None:
    assert (await service.inscrire(une_demande(), cle=CLE)).status_code == 201
    autre = {"/mot_de_passe": "Cyprès?29galet", "/email": "autre@exemple.fr", "/diffusion/sms": True}[pointeur]
    reponse = await service.inscrire(modifie(une_demande(), pointeur, autre), cle=CLE)
    assert refus(reponse) == (422, "cle_idempotence_reutilisee")
    assert await service.compter("comptes") == 1


async def test_of_ten_simultaneous_requests_one_signs_up_and_the_others_repeat_it_or_wait(service: Service) -> None:
    demande = une_demande(activer_par="sms")
    reponses = await asyncio.gather(*(service.inscrire(demande, cle=CLE) for _ in range(10)))
    ouvertes = [r for r in reponses if r.status_code == 201]
    assert ouvertes
    assert all(r.json() == ouvertes[0].json() for r in ouvertes)
    for autre in (r for r in reponses if r.status_code != 201):
        assert refus(autre) == (409, "requete_en_cours")
        assert int(autre.headers["retry-after"]) >= 1
    assert [await service.compter(table) for table in ("comptes", "outbox")] == [1, 1]
    assert (await service.inscrire(demande, cle=CLE)).json() == ouvertes[0].json()


@pytest.fixture
async def ailleurs(service: Service) -> AsyncIterator[Service]:
    """The same service, called from another address."""
    async with Service(service.settings, adresse="198.51.100.7") as ailleurs:
        yield ailleurs


async def test_a_retry_from_another_network_is_the_same_request(service: Service, ailleurs: Service) -> None:
    premiere = await service.inscrire(une_demande(activer_par="sms"), cle=CLE)
    assert (await ailleurs.inscrire(une_demande(activer_par="sms"), cle=CLE)).json() == premiere.json()
    assert [await service.compter(table) for table in ("comptes", "outbox", "idempotence")] == [1, 1, 1]


async def test_a_key_that_a_stranger_has_used_is_still_one_s_own(service: Service, ailleurs: Service) -> None:
    etranger = (await ailleurs.inscrire(une_demande(email="autre@exemple.fr"), cle="1")).json()
    sienne = await service.inscrire(une_demande(), cle="1")
    assert sienne.status_code == 201
    assert sienne.json()["id"] != etranger["id"]
    # Each has their own answer, and their own mistakes.
    assert (await service.inscrire(une_demande(), cle="1")).json() == sienne.json()
    assert (await ailleurs.inscrire(une_demande(email="autre@exemple.fr"), cle="1")).json() == etranger
    for client in (service, ailleurs):
        reponse = await client.inscrire(une_demande(email="tiers@exemple.fr"), cle="1")
        assert refus(reponse) == (422, "cle_idempotence_reutilisee")
    # The request goes before the mistake: whoever moves to an address where the key was used is answered all the same.
    assert (await ailleurs.inscrire(une_demande(), cle="1")).json() == sienne.json()
    assert await service.compter("comptes") == 2


async def test_a_bearer_s_key_is_theirs_wherever_they_are(service: Service, ailleurs: Service) -> None:
    inscription = await service.inscrit(une_demande())
    premiere = await service.demander(inscription, "sms", **{"Idempotency-Key": CLE})
    assert (await ailleurs.demander(inscription, "sms", **{"Idempotency-Key": CLE})).json() == premiere.json()
    reponse = await ailleurs.demander(inscription, "email", **{"Idempotency-Key": CLE})
    assert refus(reponse) == (422, "cle_idempotence_reutilisee")


async def test_of_simultaneous_requests_one_body_is_served_for_a_client_and_once_for_all(
    service: Service, ailleurs: Service
) -> None:
    corps = [une_demande(email=f"ines{n % 3}@exemple.fr") for n in range(6)]
    reponses = await asyncio.gather(*(client.inscrire(c, cle=CLE) for c in corps for client in (service, ailleurs)))
    autres = {refus(r) for r in reponses if r.status_code != 201}
    assert autres <= {(409, "requete_en_cours"), (422, "cle_idempotence_reutilisee")}
    # At most one body of each of the two addresses; no body twice.
    servis = await service.sql.fetch("select valeur from contacts where nature = 'email'")
    assert 1 <= len(servis) == len(set(servis)) <= 2


async def test_a_refused_request_gives_its_key_back(service: Service) -> None:
    await service.inscrit(une_demande(identifiant="ines.dupont"))
    assert refus(await service.inscrire(une_demande(identifiant="ines.dupont"), cle=CLE))[1] == "identifiant_indisponible"
    assert champs_fautifs(await service.inscrire(une_demande(email="ines"), cle=CLE))
    await service.sql.execute("alter table contacts add constraint refuser check (valeur is null) not valid")
    assert refus(await service.inscrire(une_demande(identifiant="ines.dupont2"), cle=CLE))[0] == 500
    await service.sql.execute("alter table contacts drop constraint refuser")
    assert (await service.inscrire(une_demande(identifiant="ines.dupont2"), cle=CLE)).status_code == 201


async def test_a_key_that_a_crash_left_reserved_is_free_again_after_its_time(service: Service) -> None:
    demande = une_demande()
    assert (await service.inscrire(demande, cle=CLE)).status_code == 201
    # As a process killed before its commit leaves it: the reservation, and nothing of the work.
    await service.sql.execute(
        "update idempotence set statut = null, corps = null, compte_id = null, expire_le = horloge() + interval '30 s'"
    )
    await service.sql.execute("delete from comptes")
    en_cours = await service.inscrire(demande, cle=CLE)
    assert refus(en_cours) == (409, "requete_en_cours")
    assert int(en_cours.headers["retry-after"]) >= 1
    assert refus(await service.inscrire(une_demande(email="autre@exemple.fr"), cle=CLE)) == (422, "cle_idempotence_reutilisee")
    await service.avancer(timedelta(seconds=31))
    assert (await service.inscrire(demande, cle=CLE)).status_code == 201
    assert await service.compter("comptes") == 1


async def test_a_worker_slower_than_its_reservation_does_not_sign_up_beside_the_retry(service: Service) -> None:
    async with Service(service.settings) as autre:
        verrou = service.sql.transaction()
        await verrou.start()
        # The first request stops in its transaction, behind this lock, until another has taken its key.
        await service.sql.execute("lock table contacts in exclusive mode")
        lente = asyncio.create_task(service.inscrire(une_demande(), cle=CLE))
        while not await autre.compter("idempotence"):
            pass
        await autre.sql.execute("update idempotence set prise = gen_random_uuid()")
        await verrou.rollback()
        assert refus(await lente) == (409, "requete_en_cours")
        assert await autre.compter("comptes") == 0


async def test_a_key_serves_once_for_each_operation_and_each_sign_up(service: Service) -> None:
    cle = {"Idempotency-Key": CLE}
    une = (await service.inscrire(une_demande(activer_par="sms"), cle=CLE)).json()
    autre = await service.inscrit(une_demande(activer_par="sms"))
    demandees = [(await service.demander(i, "email", **cle)).json() for i in (une, autre)]
    assert demandees[0]["id"] != demandees[1]["id"]
    assert [(await service.demander(i, "email", **cle)).json() for i in (une, autre)] == demandees

    async def renvoyer(inscription: dict[str, Any], activation: dict[str, Any]) -> httpx.Response:
        chemin = f"/v1/inscriptions/{inscription['id']}/activations/{activation['id']}/renvois"
        return await service.http.post(chemin, headers=porteur(inscription) | cle)

    renvois = [await renvoyer(une, une["activation"]) for _ in range(3)]
    assert {(r.status_code, r.json()["envois_restants"]) for r in renvois} == {(202, 3)}
    assert (await renvoyer(une, demandees[0])).json()["id"] == demandees[0]["id"]
    # Another's answers are not to be had by guessing their key.
    assert refus(await renvoyer(autre, une["activation"])) == (404, "activation_inconnue")
    # The one still queued gave way to the one asked for again.
    assert len(await service.messages(EMAIL)) == 2


async def test_another_channel_under_the_same_key_is_another_body(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    assert (await service.demander(inscription, "sms", **{"Idempotency-Key": CLE})).status_code == 202
    reponse = await service.demander(inscription, "email", **{"Idempotency-Key": CLE})
    assert refus(reponse) == (422, "cle_idempotence_reutilisee")


async def test_an_answer_is_kept_a_day(service: Service) -> None:
    premiere = await service.inscrire(une_demande(), cle=CLE)
    await service.avancer(timedelta(hours=24, seconds=-30))
    assert (await service.inscrire(une_demande(), cle=CLE)).json() == premiere.json()
    await service.avancer(timedelta(seconds=31))
    assert (await service.inscrire(une_demande(), cle=CLE)).json()["identifiant"] == "ines.dupont2"


async def test_a_sign_up_that_was_given_up_is_not_replayed(service: Service) -> None:
    premiere = (await service.inscrire(une_demande(), cle=CLE)).json()
    await service.annuler(premiere)
    assert (await service.inscrire(une_demande(), cle=CLE)).json()["id"] != premiere["id"]


async def test_what_is_stored_for_a_replay_holds_neither_secret_nor_address(service: Service) -> None:
    inscription = (await service.inscrire(une_demande(activer_par="sms"), cle=CLE)).json()
    await service.demander(inscription, "email", **{"Idempotency-Key": CLE})
    cachees = [
        inscription["secret"], MOT_DE_PASSE, CLE, await service.lien(EMAIL), EMAIL, MOBILE, "0612345678", "Dupont", "Goff",
    ]  # fmt: skip
    codes = [await service.code(MOBILE), await service.code(EMAIL)]
    lignes = await service.sql.fetch("select i::text as ligne from idempotence i")
    assert len(lignes) == 2
    for ligne in lignes:
        assert not [valeur for valeur in cachees if valeur in ligne["ligne"]]
        assert not [code for code in codes if parait(code, ligne["ligne"])]


async def test_a_key_is_1_to_255_printable_characters_given_once(service: Service) -> None:
    for cles in ([""], [" "], ["a b"], ["é"], ["\x7f"], ["x" * 256], ["a", "b"], ["a", "a"]):
        entetes = [(b"Idempotency-Key", cle.encode()) for cle in cles]
        reponse = await service.http.post("/v1/inscriptions", json=une_demande(), headers=entetes)
        assert refus(reponse) == (400, "cle_idempotence_invalide"), cles
    for cle in ("a", "x" * 255, '"8f4d1c1e"', "!~"):
        assert (await service.inscrire(une_demande(), cle=cle)).status_code == 201
