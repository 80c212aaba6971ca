"""Taking one's data away, and leaving: all of the person and nothing of anybody else; undone in time, or done for good."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from app.composition import conserver
from domain.inscription import LISTES
from tests.builders import MOT_DE_PASSE, Corps, parait, un_citoyen, une_demande
from tests.service import Service, publier, refus

MOBILE, EMAIL, NOUVELLE = "+33612345678", "ines@exemple.fr", "nouvelle@exemple.fr"
TOUT = dict.fromkeys(LISTES, True)
GRACE = timedelta(days=7)
DEBUT = datetime(2026, 11, 21, 10, tzinfo=UTC)
# Of somebody else, who shares the address and the telephones; each of them nowhere but in their account.
CANARIS = {"nom_naissance": "Zibelineau", "nom_usage": "Martrecourt", "prenom": "Hermeline", "date_naissance": "1971-03-17"}


async def exporter(service: Service, session: Corps, **entetes: str) -> httpx.Response:
    return await service.appeler(session, "GET", "/v1/moi/export", None, **entetes)


async def effacer(service: Service, session: Corps, **corps: Any) -> httpx.Response:
    return await service.appeler(session, "POST", "/v1/moi/effacement", corps)


async def annuler(service: Service, jeton: str) -> httpx.Response:
    return await service.http.post("/v1/annulations", json={"jeton": jeton})


async def effacer_pour_de_bon(service: Service) -> None:
    """After the grace period, by the retention job."""
    await service.avancer(GRACE + timedelta(seconds=1))
    assert (await conserver(service.settings, simuler=False))["effacements_echus"] == 1


async def une_vie(service: Service) -> tuple[Corps, Corps]:
    """A sign-up and a session of its account, of which every table holds something."""
    inscription = await service.actif(une_demande(diffusion=TOUT))
    session = await service.connecte("ines.dupont", MOT_DE_PASSE, entetes={"User-Agent": "Navigateur/1"})
    finie = await service.connecte("ines.dupont", MOT_DE_PASSE, entetes={"User-Agent": "Autre/2"})
    await service.appeler(finie, "DELETE", "/v1/sessions/courante")
    await service.connecte("ines.dupont", MOT_DE_PASSE, entetes={"User-Agent": "Mobile/3"})
    await service.prouver(session, "sms", MOBILE)
    await service.prouver(session, "email", NOUVELLE)
    await service.appeler(session, "POST", "/v1/moi/contacts", {"canal": "email", "valeur": "jamais-prouvee@exemple.fr"})
    await service.appeler(session, "PUT", "/v1/moi/diffusion", TOUT | {"sms": False})
    await service.appeler(session, "PUT", "/v1/moi/diffusion", TOUT)
    await publier(service, "2026-11-bis", "Texte neuf.")
    await service.appeler(session, "POST", "/v1/moi/acceptations", {"cgu": {"accepte": True, "version": "2026-11-bis"}})
    await service.recuperer("ines.dupont", "sms")
    await service.livrer()
    return inscription, session


async def traces(service: Service, *textes: str) -> set[tuple[str, str]]:
    """Where in the whole database, whatever the column, one of these texts is found."""
    tables = [t for (t,) in await service.sql.fetch("select tablename from pg_tables where schemaname = 'public'")]
    trouvees = set()
    for table in tables:
        for (ligne,) in await service.sql.fetch(f"select t::text from {table} t"):  # noqa: S608  (from the catalogue)
            trouvees |= {(table, texte) for texte in textes if texte.lower() in ligne.lower()}
    return trouvees


async def test_asking_for_the_head_of_an_export_makes_none(service: Service) -> None:
    session = await service.entre(une_demande())
    tete = await service.appeler(session, "HEAD", "/v1/moi/export")
    assert (tete.status_code, tete.headers["allow"]) == (405, "GET")
    assert not await service.sql.fetchval("select count(*) from activites where nature = 'export'")


async def test_the_export_holds_every_row_of_the_account(service: Service) -> None:
    await service.entre(une_demande(un_citoyen(**CANARIS), identifiant="hermeline.zib", diffusion=TOUT))
    inscription, session = await une_vie(service)
    reponse = await exporter(service, session)
    assert reponse.status_code == 200
    assert reponse.headers["content-disposition"] == 'attachment; filename="mon-compte.json"'
    assert reponse.headers["cache-control"] == "no-store"
    export = reponse.json()

    assert (export["format"], export["compte"]) == ("comptoir/1", await service.moi(session))

    async def lignes(colonnes: str, table: str, ordre: str) -> list[tuple[Any, ...]]:
        choix = f"select {colonnes} from {table} where compte_id = $1 order by {ordre}"  # noqa: S608  (constants)
        return [tuple(ligne) for ligne in await service.sql.fetch(choix, inscription["id"])]

    lus = [(c["nature"], c["valeur"], c["verifie"]) for c in export["compte"]["contacts"]]
    assert lus == await lignes("nature, valeur, verifie_le is not null", "contacts", "nature")
    champs = ("nature", "objet", "valeur", "document", "version", "sha256", "par", "fait_le")
    registre = [tuple((a | {"fait_le": datetime.fromisoformat(a["fait_le"])})[c] for c in champs) for a in export["registre"]]
    colonnes = "nature, objet, valeur, document_code, document_version, document_sha256, par, fait_le"
    assert registre == await lignes(colonnes, "actes_juridiques", "id desc")
    assert len(registre) == 9
    # The export itself is a line of what happened.
    assert export["activites"][0]["nature"] == "export"
    assert [(a["nature"],) for a in export["activites"]] == await lignes("nature", "activites", "id desc")
    assert [(s["id"],) for s in export["sessions"]] == await lignes(
        "id::text", "(select * from sessions where terminee_le is null) s", "ouverte_le desc"
    )
    # Of the sessions that ended, where they came from is in the history of accesses.
    acces = [(a["details"]["agent"], a["details"]["adresse"]) for a in export["activites"] if a["nature"] == "connexion"]
    assert acces == await lignes("agent, adresse", "sessions", "ouverte_le desc")
    assert [agent for agent, _ in acces] == ["Mobile/3", "Autre/2", "Navigateur/1"]
    messages = [(m["modele"], m["canal"], m["etat"]) for m in export["messages"]]
    assert sorted(messages) == sorted(await lignes("modele, canal, livraison", "outbox", "cree_le"))
    assert len(messages) > 5


async def test_the_export_holds_no_secret_and_nothing_of_anybody_else(service: Service) -> None:
    autre = un_citoyen(**CANARIS)
    etrangere = await service.entre(une_demande(autre, identifiant="hermeline.zib"), entetes={"User-Agent": "Espion/9"})
    await service.appeler(etrangere, "PUT", "/v1/moi/diffusion", TOUT)
    inscription, session = await une_vie(service)
    texte = (await exporter(service, session)).text
    assert not [canari for canari in (*CANARIS.values(), "hermeline", "Espion/9", etrangere["session"]) if canari in texte]
    assert "Navigateur/1" in texte

    secrets = [inscription["secret"], *(str(v) for n, v in session.items() if n.startswith("jeton_")), MOT_DE_PASSE]
    secrets += [jeton for m in await service.messages() for jeton in re.findall(r"[#/]([\w-]{64})", m.texte)]
    secrets += [str(id) for (id,) in await service.sql.fetch("select id from jetons")]
    secrets += [h for (h,) in await service.sql.fetch("select empreinte_mdp from comptes")]
    secrets += [h.hex() for (h,) in await service.sql.fetch("select empreinte from sessions")]
    assert not [secret for secret in secrets if secret in texte]
    codes = [await service.code(MOBILE), await service.code("jamais-prouvee@exemple.fr")]
    assert not [code for code in codes if parait(code, texte)]
    assert "argon2" not in texte


async def test_of_a_guardian_the_child_takes_away_no_more_than_a_mask(service: Service) -> None:
    session = await service.entre(une_demande(un_citoyen(date_naissance=f"{datetime.now(UTC).year - 10}-01-01")))
    corps = TOUT | {"email_representant_legal": "parent.secret@exemple.fr"}
    assert (await service.appeler(session, "PUT", "/v1/moi/diffusion", corps)).status_code == 200
    texte = (await exporter(service, session)).text
    assert "parent.secret" not in texte
    assert "p•••@exemple.fr" in texte


async def test_data_are_taken_away_by_whoever_has_just_given_the_password(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.avancer(timedelta(minutes=5, seconds=1))
    assert refus(await exporter(service, session)) == (403, "reauthentification_requise")
    corps = {"mot_de_passe": MOT_DE_PASSE}
    assert (await service.appeler(session, "POST", "/v1/sessions/courante/reauthentification", corps)).status_code == 200
    export = (await exporter(service, session, **{"Accept-Language": "en"})).json()
    # In the reader's language; and what was refused left no line.
    assert export["activites"][0]["titre"] == "Data taken away"
    assert [a["nature"] for a in export["activites"]].count("export") == 1


async def test_data_are_taken_away_five_times_an_hour(service_limite: Service) -> None:
    session = await service_limite.entre(une_demande())
    assert [(await exporter(service_limite, session)).status_code for _ in range(6)] == [200] * 5 + [429]


async def test_leaving_asks_for_the_password_unless_it_was_just_given(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.avancer(timedelta(minutes=5, seconds=1))
    assert refus(await effacer(service, session)) == (403, "reauthentification_requise")
    assert refus(await effacer(service, session, mot_de_passe="faux")) == (401, "mot_de_passe_incorrect")
    assert (await service.moi(session))["identifiant"] == "ines.dupont"
    assert (await effacer(service, session, mot_de_passe=MOT_DE_PASSE)).status_code == 202


async def test_everything_stops_at_once(service: Service) -> None:
    inscription, session = await une_vie(service)
    await service.recuperer("ines.dupont")
    lien = await service.lien(NOUVELLE, "mot-de-passe")
    # On its way, and not sent any more.
    await service.appeler(session, "POST", "/v1/moi/contacts", {"canal": "email", "valeur": "en-route@exemple.fr"})
    reponse = await effacer(service, session)
    assert reponse.status_code == 202
    prevu = datetime.fromisoformat(reponse.json()["effacement_le"])
    assert abs(prevu - datetime.now(UTC) - GRACE) < timedelta(minutes=1)

    for methode, chemin in (
        ("GET", "/v1/moi"),
        ("GET", "/v1/moi/export"),
        ("POST", "/v1/moi/effacement"),
        ("GET", "/v1/sessions"),
    ):
        envoye: Corps | None = {} if methode == "POST" else None
        assert refus(await service.appeler(session, methode, chemin, envoye)) == (401, "session_finie")
    assert refus(await service.rafraichir(session["jeton_rafraichissement"])) == (401, "session_finie")
    echange = f"/v1/inscriptions/{inscription['id']}/session"
    refuse = await service.appeler({"jeton_acces": inscription["secret"]}, "POST", echange, {})
    assert refus(refuse) == (409, "session_deja_remise")
    assert refus(await service.reinitialiser("Cyprès?29galet", jeton=lien)) == (422, "recuperation_refusee")
    assert await service.messages("en-route@exemple.fr") == []
    # Told to whoever has the password, and to nobody else.
    assert refus(await service.connecter("ines.dupont", MOT_DE_PASSE)) == (403, "effacement_en_cours")
    assert refus(await service.connecter("ines.dupont", "faux")) == (401, "identifiants_incorrects")
    # Each proven contact has its way back; no recovery goes anywhere.
    for destination in (NOUVELLE, MOBILE):
        assert await service.lien(destination, "annulation")
    avant = len(await service.messages())
    await service.recuperer("ines.dupont")
    await service.recuperer(NOUVELLE)
    await service.http.post("/v1/recuperations/identifiant", json={"email": NOUVELLE})
    assert len(await service.messages()) == avant
    assert (await service.http.get("/v1/identifiants/ines.dupont")).json()["disponible"] is False


async def test_of_eight_demands_at_once_one_is_granted(service: Service) -> None:
    session = await service.entre(une_demande())
    reponses = await asyncio.gather(*(effacer(service, session) for _ in range(8)))
    assert sorted(r.status_code for r in reponses) == [202, *[401] * 7]
    assert len([m for m in await service.messages(EMAIL) if "/annulation#" in m.texte]) == 1


async def test_from_either_contact_one_stays_after_all(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.prouver(session, "sms", MOBILE)
    for par in (EMAIL, MOBILE):
        await effacer(service, session)
        liens = {contact: await service.lien(contact, "annulation") for contact in (EMAIL, MOBILE)}
        avant = await service.messages()
        reponse = await annuler(service, liens[par])
        assert (reponse.status_code, reponse.json()) == (200, {"objet": "effacement", "deja_annulee": False})
        avis = [m for m in await service.messages() if m not in avant]
        assert sorted(m.destination for m in avis if m.objet.endswith("conservé")) == [MOBILE, EMAIL]
        # The same link again, or the other contact's, is told calmly that the account is kept.
        for lien in liens.values():
            encore = await annuler(service, lien)
            assert (encore.status_code, encore.json()) == (200, {"objet": "effacement", "deja_annulee": True})
        assert len([m for m in await service.messages() if m.objet.endswith("conservé") and m not in avant]) == 2
        # The sessions are not brought back: one signs in again.
        assert refus(await service.appeler(session, "GET", "/v1/moi")) == (401, "session_finie")
        session = await service.connecte("ines.dupont", MOT_DE_PASSE)
        assert (await service.moi(session))["profil"] == un_citoyen()
    await service.avancer(GRACE + timedelta(days=1))
    assert (await conserver(service.settings, simuler=False))["effacements_echus"] == 0


async def test_one_may_ask_again_after_having_stayed_and_the_former_link_undoes_nothing(service: Service) -> None:
    session = await service.entre(une_demande())
    await effacer(service, session)
    premier = await service.lien(EMAIL, "annulation")
    await annuler(service, premier)
    assert (await effacer(service, await service.connecte("ines.dupont", MOT_DE_PASSE))).status_code == 202
    assert refus(await annuler(service, premier)) == (410, "lien_expire")
    assert refus(await service.connecter("ines.dupont", MOT_DE_PASSE)) == (403, "effacement_en_cours")
    assert (await annuler(service, await service.lien(EMAIL, "annulation"))).status_code == 200


async def test_whoever_lost_the_way_back_is_sent_it_again_by_signing_in(service_limite: Service) -> None:
    session = await service_limite.entre(une_demande())
    await service_limite.avancer(timedelta(minutes=2))
    await effacer(service_limite, await service_limite.connecte("ines.dupont", MOT_DE_PASSE))
    premier = await service_limite.lien(EMAIL, "annulation")
    avant = len(await service_limite.messages(EMAIL))
    assert refus(await service_limite.appeler(session, "GET", "/v1/moi")) == (401, "session_finie")
    for minutes, envoyes in ((2, 1), (0, 1), (2, 2)):
        await service_limite.avancer(timedelta(minutes=minutes))
        assert (await service_limite.connecter("ines.dupont", "faux")).status_code == 401
        assert refus(await service_limite.connecter("ines.dupont", MOT_DE_PASSE)) == (403, "effacement_en_cours")
        # At the pace of any message, and the very same link.
        assert len(await service_limite.messages(EMAIL)) == avant + envoyes
    assert await service_limite.lien(EMAIL, "annulation") == premier
    assert (await annuler(service_limite, premier)).status_code == 200


async def test_leaving_and_staying_is_done_three_times_a_day(service_limite: Service) -> None:
    await service_limite.actif(une_demande())
    statuts = []
    for _ in range(4):
        session = await service_limite.connecte("ines.dupont", MOT_DE_PASSE)
        statuts.append((await effacer(service_limite, session)).status_code)
        if statuts[-1] == 202:
            assert (await annuler(service_limite, await service_limite.lien(EMAIL, "annulation"))).status_code == 200
    assert statuts == [202, 202, 202, 429]
    assert (await service_limite.moi(session))["identifiant"] == "ines.dupont"


async def test_one_stays_until_the_last_instant_and_not_beyond_even_before_the_job_has_run(service: Service) -> None:
    await service.arreter_horloge(DEBUT)
    session = await service.entre(une_demande())
    await effacer(service, session)
    lien = await service.lien(EMAIL, "annulation")
    await service.arreter_horloge(DEBUT + GRACE)
    assert refus(await annuler(service, lien)) == (410, "lien_expire")
    await service.arreter_horloge(DEBUT + GRACE - timedelta(milliseconds=1))
    assert (await conserver(service.settings, simuler=False))["effacements_echus"] == 0
    assert (await annuler(service, lien)).status_code == 200


async def test_after_the_grace_period_the_account_is_as_unknown(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.prouver(session, "email", NOUVELLE)
    inconnu = await service.connecter("personne", MOT_DE_PASSE)
    await effacer(service, session)
    lien = await service.lien(NOUVELLE, "annulation")
    await effacer_pour_de_bon(service)
    frais = await service.entre(une_demande(identifiant="une.autre", email="autre@exemple.fr"))

    assert refus(await annuler(service, lien)) == (410, "lien_expire")
    for saisie in ("ines.dupont", NOUVELLE, EMAIL):
        reponse = await service.connecter(saisie, MOT_DE_PASSE)
        assert refus(reponse) == (401, "identifiants_incorrects")
        assert reponse.json() | {"request_id": ""} == inconnu.json() | {"request_id": ""}
    avant = len(await service.messages())
    for saisie in ("ines.dupont", NOUVELLE):
        await service.recuperer(saisie)
        await service.http.post("/v1/recuperations/identifiant", json={"email": NOUVELLE})
    assert len(await service.messages()) == avant
    # The name is kept from everybody; the address is free, and counts for its new account alone.
    assert (await service.http.get("/v1/identifiants/ines.dupont")).json()["motif"] == "pris"
    assert refus(await service.inscrire(une_demande(identifiant="Ines.Dupont"))) == (409, "identifiant_indisponible")
    renommer = {"identifiant": "ines.dupont", "mot_de_passe": MOT_DE_PASSE}
    assert refus(await service.appeler(frais, "PUT", "/v1/moi/identifiant", renommer)) == (409, "identifiant_indisponible")
    neuve = await service.actif(une_demande(email=NOUVELLE))
    assert neuve["identifiant"] == "ines.dupont2"
    assert (await service.moi(await service.connecte(NOUVELLE, MOT_DE_PASSE)))["id"] == neuve["id"]


async def test_a_token_not_expired_yet_reads_nothing_of_an_erased_account(service: Service) -> None:
    session = await service.entre(une_demande())
    assert await service.sql.fetchval("select effacer_compte(id, '730 days') from comptes") is True
    for methode, chemin in (
        ("GET", "/v1/moi"),
        ("GET", "/v1/moi/activites"),
        ("GET", "/v1/moi/export"),
        ("GET", "/v1/sessions"),
    ):
        assert refus(await service.appeler(session, methode, chemin)) == (401, "session_finie")
    assert refus(await service.appeler(session, "PATCH", "/v1/moi", {"langue": "en"}, **{"If-Match": "*"})) == (
        401,
        "session_finie",
    )


async def test_of_the_person_nothing_is_left_but_the_proof_of_what_they_accepted(service: Service) -> None:
    inscription, session = await une_vie(service)
    registre = await service.sql.fetch("select * from actes_juridiques order by id")
    connus = ["ines", "Inès", "Dupont", "Le Goff", "2000-01-01", EMAIL, NOUVELLE, "jamais-prouvee", "612345678", "139980101"]
    connus += ["Navigateur/1", "192.0.2.10", "argon2"]
    assert {texte for _, texte in await traces(service, *connus)} == set(connus)
    await effacer(service, session)
    await service.avancer(GRACE + timedelta(seconds=1))
    # Asked for at the last moment, by anybody, and not looked at yet.
    for saisie in ("ines.dupont", NOUVELLE):
        await service.http.post("/v1/recuperations/mot-de-passe", json={"identifiant": saisie})
    assert (await conserver(service.settings, simuler=False))["effacements_echus"] == 1

    assert await traces(service, *connus) == set()
    # The tombstone: that it was, what it had accepted, and the digest of its name.
    [compte] = await service.sql.fetch("select etat, type, profil, empreinte_mdp, efface_le from comptes")
    assert (compte["etat"], compte["profil"], compte["empreinte_mdp"]) == ("efface", '{"type": "citoyen"}', None)
    assert await service.sql.fetch("select * from actes_juridiques order by id") == registre
    assert str(await service.sql.fetchval("select compte_id from identifiants_retires")) == inscription["id"]
    for table in ("sessions", "jetons", "contacts", "outbox", "activites", "recuperations", "idempotence"):
        assert await service.compter(table) == 0, table


async def test_erasing_one_leaves_whoever_shares_their_address_alone(service: Service) -> None:
    reste = await service.entre(une_demande(un_citoyen(**CANARIS), identifiant="hermeline.zib", diffusion=TOUT))
    session = await service.entre(une_demande())
    avant = (await service.moi(reste), await traces(service, *CANARIS.values(), "hermeline"))
    await effacer(service, session)
    await effacer_pour_de_bon(service)
    reste = await service.connecte(EMAIL, MOT_DE_PASSE)
    assert (await service.moi(reste), await traces(service, *CANARIS.values(), "hermeline")) == avant


async def test_the_job_says_what_it_would_do_does_it_once_and_twice_is_as_good(service: Service) -> None:
    session = await service.entre(une_demande())
    await effacer(service, session)
    assert (await conserver(service.settings, simuler=False))["effacements_echus"] == 0
    await service.avancer(GRACE + timedelta(seconds=1))
    for _ in range(2):
        assert (await conserver(service.settings, simuler=True))["effacements_echus"] == 1
    faits = await asyncio.gather(*(conserver(service.settings, simuler=False) for _ in range(3)))
    assert sorted(str(f["effacements_echus"]) for f in faits) == ["0", "0", "1"]
    assert (await conserver(service.settings, simuler=False))["effacements_echus"] == 0
    assert await service.sql.fetchval("select count(*) from comptes where etat = 'efface'") == 1


async def test_of_staying_and_the_job_at_the_same_instant_one_wins_whole(service: Service) -> None:
    await service.arreter_horloge(DEBUT)
    session = await service.entre(une_demande())
    await effacer(service, session)
    lien = await service.lien(EMAIL, "annulation")
    await service.arreter_horloge(DEBUT + GRACE - timedelta(milliseconds=1))
    # The job sees the grace period over, the link does not: the worst of clocks.
    await service.sql.execute("update comptes set effacement_le = horloge()")
    reste, faits = await asyncio.gather(annuler(service, lien), conserver(service.settings, simuler=False))
    gagne = reste.status_code == 200
    assert faits["effacements_echus"] == (0 if gagne else 1)
    assert (await service.connecter("ines.dupont", MOT_DE_PASSE)).status_code == (201 if gagne else 401)
