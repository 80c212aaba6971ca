"""“Which provider suits me”, as a front end sees it: the list as of today, the advice, both languages, no trace of answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from adapters.system import RealSystem
from domain.fiches import FICHES
from domain.fournisseurs import CONDITIONS, PRECONDITION, proposees
from tests.openapi import le_document
from tests.service import Service, champs_fautifs

LISTE, CONSEILS = "/v1/fournisseurs-identite", "/v1/fournisseurs-identite/conseils"


async def conseils(service: Service, reponses: Mapping[str, bool | None], langue: str = "fr") -> dict[str, Any]:
    reponse = await service.http.post(CONSEILS, json={"reponses": reponses}, headers={"Accept-Language": langue})
    assert (reponse.status_code, reponse.headers["cache-control"]) == (200, "no-store"), reponse.text
    corps: dict[str, Any] = reponse.json()
    return corps


async def test_the_list_is_today_s_and_the_past_is_there_for_the_asking(service: Service) -> None:
    jour = RealSystem().aujourdhui()
    presents = (await service.http.get(LISTE)).json()
    tous = (await service.http.get(LISTE, params={"tous": "true"})).json()
    assert [f["code"] for f in presents["fournisseurs"]] == [f.code for f in proposees(jour)]
    assert [f["code"] for f in tous["fournisseurs"]] == [f.code for f in FICHES]
    assert all(f["jusqu_a"] is None or f["jusqu_a"] >= jour.isoformat() for f in presents["fournisseurs"])
    par_code = {f["code"]: f for f in tous["fournisseurs"]}
    assert par_code["alicem"]["jusqu_a"] == "2022-04-27"
    assert (presents["maj_le"], tous["maj_le"]) == (max(f["verifie_le"] for f in tous["fournisseurs"]),) * 2
    assert date.fromisoformat(presents["maj_le"]) <= jour
    assert presents["precondition"]["code"] == PRECONDITION


async def test_what_is_not_confirmed_is_said_plainly(service: Service) -> None:
    par_code = {f["code"]: f for f in (await service.http.get(LISTE)).json()["fournisseurs"]}
    inconnu, connu = par_code["trustme"], par_code["ameli"]
    assert (inconnu["conditions_connues"], inconnu["conditions"], inconnu["lien"]) == (False, [], None)
    assert "non confirmées" in inconnu["obtention"]
    assert connu["conditions_connues"] is True
    assert connu["conditions"][1] == {"code": "carte_vitale", "libelle": CONDITIONS["carte_vitale"].fr}
    assert all(f["sources"] and f["verifie_le"] for f in par_code.values())


async def test_the_list_is_cached_by_its_etag_in_each_language(service: Service) -> None:
    etiquettes = set()
    for langue in ("fr", "en"):
        for tous in ("false", "true"):
            entetes = {"Accept-Language": langue}
            lue = await service.http.get(LISTE, params={"tous": tous}, headers=entetes)
            assert lue.headers["cache-control"].startswith("public, max-age=")
            assert "Accept-Language" in lue.headers["vary"]
            etiquettes.add(etiquette := lue.headers["etag"])
            entetes["If-None-Match"] = etiquette
            assert (await service.http.get(LISTE, params={"tous": tous}, headers=entetes)).status_code == 304
    assert len(etiquettes) == 4


async def test_the_texts_are_in_french_or_in_english(service: Service) -> None:
    def textes(liste: dict[str, Any]) -> list[str]:
        return [
            liste["sans_franceconnect"],
            liste["precondition"]["libelle"],
            liste["precondition"]["explication"],
            *(f["obtention"] for f in liste["fournisseurs"]),
            *(c["libelle"] for f in liste["fournisseurs"] for c in f["conditions"]),
            *(f["remarque"] for f in liste["fournisseurs"] if f["remarque"]),
        ]

    francais, anglais = [
        textes((await service.http.get(LISTE, params={"tous": "true"}, headers={"Accept-Language": langue})).json())
        for langue in ("fr", "en")
    ]
    assert all(fr != en for fr, en in zip(francais, anglais, strict=True))
    assert "sans lui" in francais[0]
    assert "without it" in anglais[0]


async def test_the_provider_whose_conditions_are_all_met_is_advised_with_its_link(service: Service) -> None:
    oui = dict.fromkeys(("nir_1_ou_2", "numero_fiscal", "revenu_fiscal_reference", "numero_acces_en_ligne"), True)
    rendus = await conseils(service, oui | {"carte_vitale": False})
    assert rendus["conseilles"] == [
        {"code": "impots", "nom": "impots.gouv.fr", "genre": "compte", "lien": "https://www.impots.gouv.fr/"}
    ]
    [ameli] = [p for p in rendus["possibles"] if p["fournisseur"]["code"] == "ameli"]
    assert [c["code"] for c in ameli["manquent"]] == ["carte_vitale"]
    assert [c["code"] for c in ameli["a_preciser"]] == ["numero_securite_sociale", "coordonnees_bancaires"]
    assert "sans lui" in rendus["sans_franceconnect"]
    inconnus = [p["fournisseur"]["code"] for p in rendus["possibles"] if not p["conditions_connues"]]
    assert "trustme" in inconnus


async def test_a_no_to_the_precondition_leads_to_the_local_sign_up_and_nowhere_else(service: Service) -> None:
    reponses = dict.fromkeys(CONDITIONS, True) | {PRECONDITION: False}
    francais, anglais = await conseils(service, reponses), await conseils(service, reponses, "en")
    for rendus in (francais, anglais):
        assert rendus["conseilles"] == []
        # What every one of them lacks is told, and that it is the only thing.
        assert rendus["possibles"]
        assert all([c["code"] for c in p["manquent"]] == [PRECONDITION] for p in rendus["possibles"])
    assert "inscrivez-vous directement ici" in francais["sans_franceconnect"]
    assert "sign up directly here" in anglais["sans_franceconnect"]


async def test_every_answer_is_optional_and_null_is_no_answer(service: Service) -> None:
    vides = await conseils(service, {})
    assert vides == await conseils(service, dict.fromkeys(CONDITIONS))
    assert vides["conseilles"] == []


@pytest.mark.parametrize(
    ("corps", "fautes"),
    [
        ({"reponses": {"soucoupe": True, "majeur": True}}, {"/reponses/soucoupe": "champ_inconnu"}),
        ({"reponses": {"majeur": 1}, "nom": "Le Goff"}, {"/reponses/majeur": "booleen_attendu", "/nom": "champ_inconnu"}),
        ({"reponses": []}, {"/reponses": "objet_attendu"}),
        ({}, {"/reponses": "requis"}),
    ],
)  # fmt: skip
async def test_an_unknown_code_or_what_is_no_answer_is_refused_at_its_pointer(
    service: Service, corps: dict[str, Any], fautes: dict[str, str]
) -> None:
    assert champs_fautifs(await service.http.post(CONSEILS, json=corps)) == fautes


async def test_the_document_tells_every_condition_with_its_label(service: Service) -> None:
    proprietes = le_document()["components"]["schemas"]["Reponses"]["properties"]
    assert {nom: p["description"] for nom, p in proprietes.items()} == {code: t.fr for code, t in CONDITIONS.items()}
    assert all(p["type"] == ["boolean", "null"] for p in proprietes.values())


async def test_the_answers_leave_no_trace(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    tables = [ligne[0] for ligne in await service.sql.fetch("select tablename from pg_tables where schemaname = 'public'")]
    avant = {table: await service.compter(table) for table in tables}
    with caplog.at_level(logging.DEBUG):
        await conseils(service, {"nir_1_ou_2": True, "affiliation_msa": True})
    assert {table: await service.compter(table) for table in tables} == avant
    lignes = [ligne for ligne in caplog.records if not ligne.name.startswith(("httpx", "httpcore"))]
    assert "affiliation_msa" not in str([vars(ligne) for ligne in lignes])
