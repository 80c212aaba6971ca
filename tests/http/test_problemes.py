"""What is refused, and how it is said: one shape, every fault at once, nothing of our inside, whatever comes in."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from msgspec import structs

from adapters.passwords import PasslibHasher
from adapters.postgres.pannes import ETAT
from app.composition import litestar
from app.http.bordure import Bordure
from app.http.problemes import STATUTS, document
from app.settings import Settings
from domain import erreurs
from domain.erreurs import Refus
from tests.builders import ABSENT, MOT_DE_PASSE, altere, modifie, un_citoyen, une_association, une_demande, une_entreprise
from tests.recueil import Recueil
from tests.service import Service, champs_fautifs, porteur, refus

JSON = {"Content-Type": "application/json"}
LIENS = "/v1/liens-activation"
DANGERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}
# Refusals that say more than their code.
PRECIS: dict[type[Refus], Refus] = {
    erreurs.CompteNonActive: erreurs.CompteNonActive(inscription="…", secret="…"),
    erreurs.ChampsInvalides: erreurs.ChampsInvalides([erreurs.ErreurChamp(pointer="/email", code="requis")]),
    erreurs.DocumentPerime: erreurs.DocumentPerime("cgu", "2026-11"),
    erreurs.IdentifiantIndisponible: erreurs.IdentifiantIndisponible(["ines.dupont2"]),
    erreurs.CanalImpossible: erreurs.CanalImpossible("sms"),
    erreurs.CodeIncorrect: erreurs.CodeIncorrect(4),
    erreurs.CguAReaccepter: erreurs.CguAReaccepter("2027-01"),
}


def un_refus(famille: type[Refus]) -> Refus:
    return PRECIS.get(famille) or (famille(29) if issubclass(famille, erreurs.AvecReprise) else famille())


def imbrique(profondeur: int, fond: str = "") -> bytes:
    """A JSON document `profondeur` containers deep, the field's own object included."""
    return ('{"jeton":' + "[" * (profondeur - 1) + fond + "]" * (profondeur - 1) + "}").encode()


@pytest.mark.parametrize("famille", STATUTS, ids=lambda famille: famille.code)
def test_every_refusal_has_its_status_and_its_texts_in_both_languages(famille: type[Refus]) -> None:
    francais, anglais = (
        msgspec.to_builtins(document(un_refus(famille), "https://compte.exemple.fr", langue, "/v1/x", "abc"))
        for langue in ("fr", "en")
    )
    assert francais["type"] == f"https://compte.exemple.fr/erreurs/{famille.code}"
    assert (francais["status"], francais["code"], francais["instance"], francais["request_id"]) == (
        STATUTS[famille], famille.code, "/v1/x", "abc"
    )  # fmt: skip
    assert 400 <= francais["status"] < 600
    assert francais["title"] != anglais["title"]
    assert francais["detail"] != anglais["detail"]
    assert "{" not in francais["detail"] + anglais["detail"]


async def test_the_language_of_a_refusal_is_the_one_asked_for(service: Service) -> None:
    demande = modifie(une_demande(), "/email", "ines")
    for accepte, attendu in (
        ("", "Données invalides"), ("fr-FR,fr;q=0.9,en;q=0.8", "Données invalides"), ("en-GB", "Invalid data"),
        ("en;q=0.5, fr;q=0.1", "Invalid data"), ("de", "Données invalides"), ("*;q=junk,,;", "Données invalides"),
    ):  # fmt: skip
        reponse = await service.inscrire(demande, **{"Accept-Language": accepte})
        assert reponse.json()["title"] == attendu, accepte
        assert reponse.json()["errors"][0]["message"].startswith("This" if attendu == "Invalid data" else "Cette")


async def test_what_an_address_refuses(service: Service) -> None:
    for chemin, attendu in (
        ("/nulle-part", (404, "introuvable")),
        ("/v1/inscriptions/1", (404, "introuvable")),
        ("/erreurs/nulle", (404, "introuvable")),
        ("/docs/index.html", (404, "introuvable")),
        ("/docs/..%2f..%2fapp", (404, "introuvable")),
        ("/v1/profils/pirate", (404, "profil_inconnu")),
        ("/v1/profils/%00", (404, "profil_inconnu")),
        ("/v1/documents-legaux/pirate", (404, "document_inconnu")),
        ("/v1/documents-legaux/cgu/versions/1", (404, "document_inconnu")),
        ("/v1/documents-legaux/%00/versions/%ff", (404, "document_inconnu")),
        ("/v1/configuration?a=1&a=2", (400, "requete_invalide")),
        ("/v1/inscriptions/00000000-0000-4000-8000-000000000000", (401, "secret_invalide")),
        # The framework's own pages.
        ("/schema", (404, "introuvable")),
        ("/_openapi/openapi.json", (401, "jeton_invalide")),
        ("/v1/moi", (401, "jeton_invalide")),
        ("/v1/moi/nulle-part", (404, "introuvable")),
        ("/v1/recuperations/mot-de-passe", (405, "methode_interdite")),
    ):
        reponse = await service.http.get(chemin)
        assert refus(reponse) == attendu, chemin
        assert reponse.json()["instance"].startswith("/")


async def test_the_parameter_at_fault_is_named(service: Service) -> None:
    session = await service.entre(une_demande())
    for suite, fautifs in (
        ("?limite=0", ["limite"]),
        ("?limite=dix", ["limite"]),
        ("?limite=0&apres=M5473617651234567890", ["apres", "limite"]),
        ("?limite=1&limite=2&apres=M547361765G", ["limite"]),
    ):
        reponse = await service.appeler(session, "GET", f"/v1/moi/activites{suite}")
        assert refus(reponse) == (400, "requete_invalide"), suite
        assert sorted(reponse.json()["parametres"]) == fautifs, suite


async def test_a_method_that_an_address_does_not_have_is_named_405_with_those_it_has(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    chemin = f"/v1/inscriptions/{inscription['id']}"
    for methode in ("PUT", "POST", "TRACE", "CONNECT", "PURGE"):
        reponse = await service.http.request(methode, chemin, headers=porteur(inscription))
        assert refus(reponse) == (405, "methode_interdite")
        assert set(reponse.headers["allow"].split(", ")) == {"GET", "HEAD", "DELETE", "OPTIONS"}
    # Nothing a header says makes one method another.
    surcharge = dict.fromkeys(("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"), "DELETE")
    assert (await service.http.get(chemin, headers=porteur(inscription) | surcharge)).json()["etat"] == "en_attente"
    permises = await service.http.options(chemin)
    assert (permises.status_code, set(permises.headers["allow"].split(", "))) == (204, {"GET", "HEAD", "DELETE", "OPTIONS"})
    sans_lecture = await service.http.options(f"{chemin}/session")
    assert set(sans_lecture.headers["allow"].split(", ")) == {"POST", "OPTIONS"}


async def test_head_is_get_without_its_body(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    for chemin, entetes in (
        ("/v1/configuration", {}),
        ("/activation", {}),
        ("/sante/pret", {}),
        ("/nulle-part", {}),
        (f"/v1/inscriptions/{inscription['id']}", porteur(inscription)),
    ):
        lue = await service.http.get(chemin, headers=entetes)
        tete = await service.http.head(chemin, headers=entetes)
        assert (tete.status_code, tete.content) == (lue.status_code, b""), chemin
        variables = {"x-request-id"} if lue.is_success else {"x-request-id", "content-length"}
        assert {k: v for k, v in tete.headers.items() if k not in variables} == {
            k: v for k, v in lue.headers.items() if k not in variables
        }, chemin
    assert (await service.http.head("/v1/sessions/rafraichissements")).status_code == 405


# What a body may be, and the status it earns.
CORPS: tuple[tuple[bytes, int], ...] = (
    (b"", 400), (b"{", 400), (b"\xff", 400), (b'{"jeton":"\xff"}', 400), (b'{"jeton":"\xc0\x80"}', 400),
    (b'{"jeton":"\xed\xa0\x80"}', 400), (b'\xef\xbb\xbf{"jeton":"x"}', 400), ('{"jeton":"x"}'.encode("utf-16"), 400),
    (b'{"jeton":"\xe9"}', 400), (b'{"jeton":"\x00"}', 400), (b'{"jeton":"x"}x', 400), (b'{"jeton":"\\ud800"}', 400),
    (b'{"jeton":NaN}', 400), (b'{"jeton":1e400}', 400), (b'{"jeton":' + b"9" * 5000 + b"}", 400),
    (imbrique(32, "1"), 422), (imbrique(32), 422), (imbrique(33), 400), (imbrique(33, "1"), 400), (imbrique(1000), 400),
    (b'{"x":' * 9000 + b"1" + b"}" * 9000, 400), (b"[" * 65536, 400), (b"[" * 65537, 413),
    (b" " * 65536, 400), (b" " * 65537, 413), (b'{"jeton":"' + b"x" * 60000 + b'"}', 422),
    (b"null", 422), (b"[]", 422), (b"0", 422), (b'"x"', 422), (b"true", 422), (b'{"jeton":"\\u0000"}', 422),
    # A repeated key counts by its last value.
    (b'{"jeton":0,"jeton":"x"}', 422),
)  # fmt: skip


async def test_no_body_whatever_makes_the_service_stumble(service: Service) -> None:
    codes = {400: {"json_invalide"}, 413: {"corps_trop_grand"}, 422: {"champs_invalides", "lien_invalide"}}
    for corps, statut in CORPS:
        reponse = await service.http.post(LIENS, content=corps, headers=JSON)
        assert refus(reponse)[0] == statut, corps[:24]
        assert reponse.json()["code"] in codes[statut]
    assert reponse.json()["code"] == "lien_invalide"


async def test_only_json_in_utf8_and_uncompressed_is_read(service: Service) -> None:
    corps = b'{"jeton":"x"}'
    for type_ in (
        None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml",
        "text/json", "application/json; charset=latin-1", "application/json; charset=utf-16",
        "application/problem+json", "application/json2",
    ):  # fmt: skip
        reponse = await service.http.post(LIENS, content=corps, headers={} if type_ is None else {"Content-Type": type_})
        assert refus(reponse) == (415, "type_contenu"), type_
    for type_ in (
        "application/json",
        "Application/JSON",
        "application/json; charset=UTF-8",
        'application/json;charset="utf-8"',
    ):
        reponse = await service.http.post(LIENS, content=corps, headers={"Content-Type": type_})
        assert refus(reponse) == (422, "lien_invalide"), type_
    compresse = await service.http.post(LIENS, content=gzip.compress(corps), headers=JSON | {"Content-Encoding": "gzip"})
    assert refus(compresse) == (415, "type_contenu")


async def test_a_body_that_does_not_come_is_not_waited_for(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.http.bordure.DELAI_CORPS", 0.05)

    async def lent() -> AsyncIterator[bytes]:
        yield b'{"jeton":'
        await asyncio.Event().wait()

    assert refus(await service.http.post(LIENS, content=lent(), headers=JSON)) == (408, "delai_depasse")


async def test_every_fault_of_every_field_is_told_at_once_with_its_pointer(service: Service) -> None:
    demande: dict[str, Any] = {
        "profil": {
            "type": "entreprise", "siret": "73282932000075", "raison_sociale": "", "code_naf": "62", "adresse": {"pays": "FRA"},
            "representant": {"civilite": "dr", "prenom": "<b>", "nom": None, "role": "admin"},
        },
        "email": "a@b.fr, c@d.fr", "telephone_mobile": 612345678, "identifiant": "ines@exemple.fr", "mot_de_passe": "court",
        "reglementation": {"cgu": {"accepte": "true", "version": "2026-11"}, "rgpd": {"accepte": False, "version": "2026-11"}},
        "diffusion": {"sms": 1}, "activer_par": "pigeon", "status": "actif", "a/b~c": 1,
    }  # fmt: skip
    reponse = await service.inscrire(demande)
    assert champs_fautifs(reponse) == {
        "/profil/siret": "siret_cle_invalide",
        "/profil/raison_sociale": "vide",
        "/profil/code_naf": "trop_court",
        "/profil/adresse/ligne1": "requis",
        "/profil/adresse/code_postal": "requis",
        "/profil/adresse/commune": "requis",
        "/profil/adresse/pays": "trop_long",
        "/profil/representant/civilite": "valeur_inconnue",
        "/profil/representant/prenom": "nom_invalide",
        "/profil/representant/nom": "non_nul",
        "/profil/representant/fonction": "requis",
        "/profil/representant/role": "champ_inconnu",
        "/email": "email_invalide",
        "/telephone_mobile": "texte_attendu",
        "/identifiant": "identifiant_invalide",
        "/mot_de_passe": "mot_de_passe_niveau",
        "/reglementation/cgu/accepte": "booleen_attendu",
        "/reglementation/rgpd/accepte": "acceptation_requise",
        "/diffusion/sms": "booleen_attendu",
        "/activer_par": "valeur_inconnue",
        "/status": "champ_inconnu",
        "/a~1b~0c": "champ_inconnu",
    }
    # The password's own reasons come together too.
    codes = [e["code"] for e in reponse.json()["errors"] if e["pointer"] == "/mot_de_passe"]
    assert set(codes) == {f"mot_de_passe_{r}" for r in ("longueur", "majuscule", "chiffre", "niveau")}
    assert all(e["message"] and "{" not in e["message"] for e in reponse.json()["errors"])
    # What was typed is not sent back.
    assert not any(valeur in reponse.text for valeur in ("c@d.fr", "73282932000075", "612345678"))


async def test_without_a_literal_true_for_both_texts_nothing_is_written(service: Service) -> None:
    valeur: Any
    for pointeur in ("/reglementation/cgu/accepte", "/reglementation/rgpd/accepte"):
        for valeur in (False, "true", 1, "1", 1.0, None, [], ABSENT):
            reponse = await service.inscrire(modifie(une_demande(), pointeur, valeur))
            assert champs_fautifs(reponse).keys() == {pointeur}, valeur
    assert await service.compter("comptes") == 0


@pytest.mark.parametrize("profil", [un_citoyen, une_entreprise, une_association], ids=lambda f: f.__name__)
async def test_no_text_field_takes_a_character_made_to_deceive(service: Service, profil: Any) -> None:
    demande = une_demande(profil(), identifiant="ines.dupont")
    for pointeur, texte in _textes(demande):
        for piege in ("\u0000", "\u0085", "\u200b", "\u202e", "\u2028", "\ufffe", "\U000e0041"):
            fautes = champs_fautifs(await service.inscrire(modifie(demande, pointeur, texte[:2] + piege + texte[2:])))
            assert pointeur in fautes, (pointeur, piege)
    assert await service.compter("comptes") == 0


def _textes(objet: dict[str, Any], ou: str = "") -> list[tuple[str, str]]:
    trouves = []
    for nom, valeur in objet.items():
        if isinstance(valeur, dict):
            trouves += _textes(valeur, f"{ou}/{nom}")
        elif isinstance(valeur, str) and nom != "type":
            trouves.append((f"{ou}/{nom}", valeur))
    return trouves


async def test_a_password_of_128_characters_is_taken_and_129_refused(service: Service) -> None:
    long = (MOT_DE_PASSE + " Vingt-sept marées montent à Ouessant, " * 3)[:128]
    assert (await service.inscrire(une_demande(mot_de_passe=long))).status_code == 201
    trop = await service.inscrire(une_demande(mot_de_passe=long + "x"))
    assert "mot_de_passe_longueur" in {e["code"] for e in trop.json()["errors"] if e["pointer"] == "/mot_de_passe"}


async def test_the_secret_is_asked_for_and_only_ones_of_ours_are_known(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    bon = inscription["secret"]
    chemin = f"/v1/inscriptions/{inscription['id']}"
    for valeurs in (
        [], [""], ["Bearer"], ["Bearer "], [f"Basic {bon}"], [bon], [f"Bearer {altere(bon)}"], [f"Bearer {bon[:-1]}"],
        [f"Bearer {bon}A"], [f"Bearer {bon} {bon}"], ["Bearer é"], ["Bearer " + "A" * 64], [f"Bearer {bon}"] * 2,
        ["Bearer " + "A" * 100_000],
    ):  # fmt: skip
        reponse = await service.http.get(chemin, headers=[(b"Authorization", v.encode()) for v in valeurs])
        assert refus(reponse) == (401, "secret_invalide"), valeurs
        assert reponse.headers["www-authenticate"] == 'Bearer realm="inscription"'
    assert (await service.http.get(chemin, headers={"Authorization": f"bearer {bon}"})).status_code == 200


async def test_somebody_elses_sign_up_is_as_unknown_as_one_that_does_not_exist(service: Service) -> None:
    sienne, autre = [await service.inscrit(une_demande(activer_par="sms")) for _ in range(2)]
    reponses = [
        await service.http.request(methode, f"/v1/inscriptions/{id}{suite}", json=corps, headers=porteur(sienne))
        for id in (autre["id"], str(uuid4()))
        for methode, suite, corps in (
            ("GET", "", None),
            ("DELETE", "", None),
            ("PATCH", "/contacts", {"email": "pirate@exemple.fr"}),
            ("POST", "/activations", {"canal": "email"}),
            ("POST", f"/activations/{autre['activation']['id']}/renvois", None),
            ("POST", f"/activations/{autre['activation']['id']}/essais", {"code": "123456"}),
        )
    ]
    assert {refus(r) for r in reponses} == {(404, "inscription_inconnue")}
    # Nor is another's activation any better known on one's own sign-up.
    for reponse in (
        await service.essayer(sienne, autre["activation"], "123456"),
        await service.renvoyer(sienne, autre["activation"]),
        await service.essayer(sienne, {"id": str(uuid4())}, "123456"),
    ):
        assert refus(reponse) == (404, "activation_inconnue")
    assert (await service.lire(autre)).json()["activation"]["essais_restants"] == 5


async def test_no_alias_of_a_path_goes_round_the_secret(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    id = inscription["id"]
    for alias in (
        f"//v1/inscriptions/{id}", f"/v1//inscriptions/{id}", f"/v1/inscriptions/{id}/", f"/v1/./inscriptions/{id}",
        f"/v1/%2e/inscriptions/{id}", f"/V1/inscriptions/{id}", f"/v1/inscriptions/{id.upper()}", f"/v1/inscriptions/{id}%2f",
        f"/v1/inscriptions/{id};x=1", f"/v1/inscriptions/{id}%00", f"/v1/inscriptions/{id}?", f"/v1/../v1/inscriptions/{id}",
    ):  # fmt: skip
        assert refus(await service.http.get(alias)) in ((401, "secret_invalide"), (404, "introuvable")), alias


async def test_a_fault_of_ours_is_a_mute_500_and_leaves_nothing(service: Service) -> None:
    await service.sql.execute("alter table outbox add constraint refuser check (canal is null)")
    reponse = await service.inscrire(une_demande(activer_par="sms"))
    assert refus(reponse) == (500, "erreur_interne")
    assert not any(mot in reponse.text for mot in ("outbox", "refuser", "ines", "612345678"))
    assert await service.compter("comptes") == 0
    await service.sql.execute("alter table outbox drop constraint refuser")
    assert (await service.inscrire(une_demande(activer_par="sms"))).status_code == 201


async def test_a_base_that_was_not_migrated_is_an_outage_that_the_log_tells_once(
    service: Service, recueil: Recueil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ETAT, "_schema", True)
    await service.sql.execute("create schema ailleurs")
    tables = [t["tablename"] for t in await service.sql.fetch("select tablename from pg_tables where schemaname = 'public'")]
    for table in tables:
        await service.sql.execute(f"alter table {table} set schema ailleurs")
    await service.sql.execute("alter function tenter_connexion set schema ailleurs")
    appels = [
        await appel
        for _ in range(2)
        for appel in (
            service.inscrire(une_demande()),
            service.connecter("ines.dupont", MOT_DE_PASSE),
            service.http.get("/v1/identifiants/ines.dupont"),
            service.http.get("/sante/pret"),
        )
    ]
    for reponse in appels:
        assert refus(reponse) == (503, "service_indisponible"), reponse.request.url
        assert int(reponse.headers["retry-after"]) >= 1
    for table in tables:
        await service.sql.execute(f"alter table ailleurs.{table} set schema public")
    await service.sql.execute("alter function ailleurs.tenter_connexion set schema public")
    assert (await service.http.get("/sante/pret")).status_code == 200
    dits = [json.loads(ligne) for ligne in recueil.lignes if '"comptoir.base"' in ligne]
    assert [(e["niveau"], e.get("type"), e.get("sqlstate")) for e in dits] == [
        ("WARNING", "UndefinedTableError", "42P01"), ("INFO", None, None)
    ]  # fmt: skip
    assert not [ligne for ligne in recueil.lignes if "exc_info" in ligne]


@pytest.mark.parametrize("panne", ["connexions refusées", "base pleine"])
async def test_without_its_database_the_service_says_when_to_come_back(settings: Settings, panne: str) -> None:
    if panne == "connexions refusées":
        settings = structs.replace(settings, database_url="postgresql://comptoir@127.0.0.1:1/absente")
    async with Service(settings) as service:
        if panne == "base pleine":
            base = await service.sql.fetchval("select current_database()")
            await service.sql.execute(f"alter database {base} connection limit 0")
            # Those it had, too.
            await service.sql.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'comptoir'")
        for methode, chemin, corps in (
            ("POST", "/v1/inscriptions", une_demande()),
            ("POST", "/v1/inscriptions/controles", une_demande()),
            ("POST", LIENS, {"jeton": "A" * 64}),
            ("GET", "/v1/configuration", None),
            ("GET", "/v1/documents-legaux/cgu", None),
            ("GET", "/v1/identifiants/ines.dupont", None),
            ("GET", "/sante/pret", None),
        ):
            reponse = await service.http.request(methode, chemin, json=corps)
            assert refus(reponse) == (503, "service_indisponible"), chemin
            assert int(reponse.headers["retry-after"]) >= 1
        # What asks nothing of it still answers.
        assert (await service.http.get("/sante/vivant")).json() == {"etat": "vivant"}
        assert (await service.http.get("/v1/profils/citoyen")).status_code == 200
        assert (await service.http.post("/v1/mots-de-passe/evaluations", json={"mot_de_passe": "x"})).status_code == 200


async def test_connections_that_the_database_cut_are_made_anew(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    await service.sql.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'comptoir'")
    for chemin in ("/v1/identifiants/ines.dupont", f"/v1/inscriptions/{inscription['id']}"):
        reponses = [await service.http.get(chemin, headers=porteur(inscription)) for _ in range(4)]
        # At worst the instant of the cut is told for what it is.
        assert all(refus(r) == (503, "service_indisponible") for r in reponses if r.status_code != 200)
        assert reponses[-1].status_code == 200


async def test_a_database_without_its_schema_is_not_ready(service: Service) -> None:
    assert (await service.http.get("/sante/pret")).json() == {"etat": "pret"}
    await service.sql.execute("update alembic_version set version_num = '0001'")
    assert refus(await service.http.get("/sante/pret")) == (503, "service_indisponible")
    await service.sql.execute("drop table alembic_version")
    assert refus(await service.http.get("/sante/pret")) == (503, "service_indisponible")


async def test_too_many_passwords_at_once_are_turned_away_before_anything_is_begun(settings: Settings) -> None:
    # No place at all in the queue.
    app = litestar(settings, hacheur=PasslibHasher(threads=1, file=0))
    transport = httpx.ASGITransport(app=Bordure(app))  # type: ignore[arg-type]
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url=settings.origine) as http:
        reponse = await http.post("/v1/inscriptions", json=une_demande(), headers={"Idempotency-Key": "a"})
        assert refus(reponse) == (503, "service_sature")
        assert int(reponse.headers["retry-after"]) >= 1
        # The key was given back.
        assert refus(await http.post("/v1/inscriptions", json=une_demande(), headers={"Idempotency-Key": "a"}))[0] == 503


async def test_a_sober_request_id_is_echoed_and_any_other_replaced(service: Service) -> None:
    for recu, garde in (
        ("8c0f3b0e-5f8e", True), ("A.b_c-9" * 9, True), ("court", False), ("x" * 65, False), ("abc def ghi", False),
        ("<script>alert", False), ("é" * 10, False), ("", False),
    ):  # fmt: skip
        reponse = await service.http.get("/nulle-part", headers=[(b"X-Request-Id", recu.encode())])
        rendu = reponse.headers["x-request-id"]
        assert (rendu == recu) is garde, recu
        assert garde or len(rendu) == 32
        assert refus(reponse) == (404, "introuvable")
    assert len({(await service.http.get("/sante/vivant")).headers["x-request-id"] for _ in range(3)}) == 3


async def test_success_or_refusal_every_answer_bears_the_safety_headers_once(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    personnelles = [
        await service.inscrire(une_demande()),
        await service.lire(inscription),
        await service.demander(inscription, "sms"),
        await service.essayer(inscription, inscription, "123456"),
        await service.corriger(inscription, email="autre@exemple.fr"),
        await service.http.get("/v1/identifiants/ines.dupont"),
        await service.annuler(inscription),
        await service.lire(inscription),
        await service.http.get("/nulle-part"),
        await service.http.post(LIENS, content=b"{"),
    ]
    assert {r.headers["cache-control"] for r in personnelles} == {"no-store"}
    publiques = [await service.http.get(c) for c in ("/v1/configuration", "/v1/profils", "/openapi.json", "/sante/vivant")]
    for reponse in (*personnelles, *publiques):
        for nom, valeur in DANGERS.items():
            assert reponse.headers.get_list(nom) == [valeur], (reponse.url, nom)
        assert len(reponse.headers.get_list("x-request-id")) == 1
        assert "set-cookie" not in reponse.headers
        assert "server" not in reponse.headers


async def test_only_the_listed_origins_may_call_from_a_browser(settings: Settings) -> None:
    ouvert = structs.replace(settings, cors_origins="https://portail.fr, https://app.exemple.fr/")
    demande = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    async with Service(ouvert) as service:
        for origine in ("https://portail.fr", "https://app.exemple.fr"):
            permis = await service.http.options("/v1/inscriptions", headers={"Origin": origine} | demande)
            assert permis.status_code == 204
            assert permis.headers["access-control-allow-origin"] == origine
            assert "POST" in permis.headers["access-control-allow-methods"]
            assert {"authorization", "idempotency-key"} <= set(permis.headers["access-control-allow-headers"].split(", "))
            for chemin in ("/v1/configuration", "/nulle-part"):
                lue = await service.http.get(chemin, headers={"Origin": origine})
                assert lue.headers["access-control-allow-origin"] == origine
                # The refresh token may come in a cookie.
                assert lue.headers["access-control-allow-credentials"] == "true"
                assert "Retry-After" in lue.headers["access-control-expose-headers"]
        for origine in (
            "https://evil.example", "null", "https://portail.fr.evil.example", "http://portail.fr", "https://portail.fr:8443",
            "https://xportail.fr", "https://portailxfr", "*",
        ):  # fmt: skip
            refuse = await service.http.options("/v1/inscriptions", headers={"Origin": origine} | demande)
            lue = await service.http.get("/v1/configuration", headers={"Origin": origine})
            assert "access-control-allow-origin" not in {**refuse.headers, **lue.headers}, origine
            assert "access-control-allow-origin" not in (await service.http.get("/v1/moi", headers={"Origin": origine})).headers
        # An answer made for one origin, or one language, is not another's.
        for entetes in ({}, {"Origin": "https://portail.fr"}, {"Origin": "https://evil.example"}):
            lue = await service.http.get("/openapi.json", headers=entetes)
            assert lue.headers.get_list("vary") == ["Accept-Language, Origin"]


async def test_without_a_list_no_origin_may(service: Service) -> None:
    reponse = await service.http.get("/v1/configuration", headers={"Origin": "https://portail.fr"})
    assert "access-control-allow-origin" not in reponse.headers
