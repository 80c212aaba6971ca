"""The simulator keeps FranceConnect's protocol, refuses what FranceConnect refuses, and breaks it when told to."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, KeySet, OctKey
from litestar import Litestar

from app.simulateur.app import creer
from app.simulateur.config import ClientEnregistre, ConfigSimulateur
from app.simulateur.regles import FRANCECONNECT, LIBELLES, PROCONNECT
from tests.simulation import Page, annuler, ouvrir, parcourir

ORIGINE = "http://localhost:8001"
FC, PC = f"{ORIGINE}/api/v2", f"{ORIGINE}/proconnect/api/v2"
RETOUR, APRES = "http://localhost:8000/v1/franceconnect/retour", "http://localhost:8000/au-revoir"
STATE, NONCE = "5" * 64, "9" * 64
SECRET = "un-secret-de-service-assez-long"
CLE = ECKey.generate_key("P-256", auto_kid=True)
PIVOT = "openid identite_pivot email preferred_username"


def un_client(client_id: str, **autres: Any) -> ClientEnregistre:
    communs = {"secret": SECRET, "redirections": (RETOUR,), "apres_deconnexion": (APRES,)}
    return ClientEnregistre(client_id=client_id, **(communs | autres))


CLIENTS = (
    un_client("comptoir"),
    un_client("voisin", nom="Le voisin"),
    un_client("cle", secret="", cle_publique=CLE.as_dict(private=False)),
)


class Horloge:
    def __init__(self) -> None:
        self.instant = 1_800_000_000.0

    def __call__(self) -> float:
        return self.instant


def navigateur(app: Litestar) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ORIGINE)  # type: ignore[arg-type]


@pytest.fixture
def horloge() -> Horloge:
    return Horloge()


@pytest.fixture
async def client(horloge: Horloge) -> AsyncIterator[httpx.AsyncClient]:
    """A browser, and the service's own calls: they need no cookie."""
    app = creer(ConfigSimulateur(origine=ORIGINE, clients=CLIENTS, horloge=horloge))
    async with navigateur(app) as ouvert:
        yield ouvert


def parametres(base: str = FC, **autres: Any) -> dict[str, str]:
    """Those of a good request, with `autres`; None takes one away."""
    bons: dict[str, str | None] = {
        "client_id": "comptoir",
        "response_type": "code",
        "redirect_uri": RETOUR,
        "scope": PIVOT if base == FC else "openid given_name usual_name email uid siret idp_id organization_label roles",
        "acr_values": "eidas1",
        "state": STATE,
        "nonce": NONCE,
    }
    return {nom: valeur for nom, valeur in (bons | autres).items() if valeur is not None}


def demande(base: str = FC, **autres: Any) -> str:
    return f"{base}/authorize?{urlencode(parametres(base, **autres))}"


def lus(adresse: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(adresse).query))


async def code_de(client: httpx.AsyncClient, base: str = FC, login: str = "test", idp: str | None = None, **autres: Any) -> str:
    return lus(await parcourir(client, demande(base, **autres), login, idp=idp))["code"]


async def echanger(client: httpx.AsyncClient, code: str, base: str = FC, **autres: Any) -> httpx.Response:
    bons: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": RETOUR,
        "client_id": "comptoir",
        "client_secret": SECRET,
    }
    return await client.post(f"{base}/token", data={n: v for n, v in (bons | autres).items() if v is not None})


async def identite(client: httpx.AsyncClient, jetons: dict[str, Any], base: str = FC) -> httpx.Response:
    return await client.get(f"{base}/userinfo", headers={"Authorization": f"Bearer {jetons['access_token']}"})


async def verifier(client: httpx.AsyncClient, jeton: str, base: str = FC, algorithme: str = "ES256") -> dict[str, Any]:
    """The claims, by the published keys; raises JoseError."""
    cles = (await client.get(f"{base}/jwks")).json()
    assert all("d" not in cle for cle in cles["keys"])
    return jwt.decode(jeton, KeySet.import_key_set(cles), algorithms=[algorithme]).claims


async def connecter(client: httpx.AsyncClient, base: str = FC, **autres: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The claims of the id_token and of userinfo, at the end of the whole path."""
    jetons = (await echanger(client, await code_de(client, base, **autres), base)).json()
    return await verifier(client, jetons["id_token"], base), await verifier(
        client, (await identite(client, jetons, base)).text, base
    )


def tete(jeton: str) -> dict[str, Any]:
    debut = jeton.partition(".")[0]
    lue: dict[str, Any] = json.loads(urlsafe_b64decode(debut + "=" * (-len(debut) % 4)))
    return lue


def charge(jeton: str) -> dict[str, Any]:
    return tete(jeton.split(".")[1])


async def casser(client: httpx.AsyncClient, **pannes: Any) -> None:
    (await client.post("/simulateur/pannes", json=pannes)).raise_for_status()


# The path


async def test_a_person_goes_through_the_pages_and_comes_back_with_a_code_and_the_issuer(client: httpx.AsyncClient) -> None:
    retour = await parcourir(client, demande())
    assert retour.startswith(RETOUR + "?")
    assert lus(retour) | {"code": ""} == {"code": "", "state": STATE, "iss": FC}


async def test_authorize_may_be_posted(client: httpx.AsyncClient) -> None:
    page = await ouvrir(client, f"{FC}/authorize", method="POST", data=parametres())
    assert isinstance(page, Page)
    assert [*page.formulaires] == ["choix"]


async def test_the_tokens_are_signed_short_lived_and_tell_one_subject(client: httpx.AsyncClient, horloge: Horloge) -> None:
    reponse = await echanger(client, await code_de(client))
    jetons = reponse.json()
    assert reponse.headers["cache-control"] == "no-store"
    assert (jetons["token_type"], jetons["expires_in"], "refresh_token" in jetons) == ("Bearer", 60, False)
    id_token = await verifier(client, jetons["id_token"])
    empreinte = sha256(jetons["access_token"].encode()).digest()[:16]
    assert re.fullmatch(r"[0-9a-f]{64}v1", id_token.pop("sub"))
    assert id_token == {
        "iss": FC,
        "aud": "comptoir",
        "iat": horloge.instant,
        "exp": horloge.instant + 60,
        "nonce": NONCE,
        "acr": "eidas1",
        "auth_time": horloge.instant,
        "at_hash": urlsafe_b64encode(empreinte).decode().rstrip("="),
    }
    infos = await identite(client, jetons)
    assert infos.headers["content-type"].startswith("application/jwt")
    lues = await verifier(client, infos.text)
    assert lues["sub"] == charge(jetons["id_token"])["sub"]
    assert (lues["iss"], lues["aud"]) == (FC, "comptoir")


async def test_the_discovery_document_tells_the_doors(client: httpx.AsyncClient) -> None:
    for base in (FC, PC):
        lu = (await client.get(f"{base}/.well-known/openid-configuration")).json()
        assert lu["issuer"] == base
        assert lu["end_session_endpoint"] == f"{base}/session/end"
        assert lu["token_endpoint_auth_methods_supported"] == ["client_secret_post", "private_key_jwt"]
        assert "offline_access" not in lu["scopes_supported"]


async def test_a_client_registered_for_rs256_gets_rs256() -> None:
    # Its own simulator: RSA keys take long to make.
    inscrits = (un_client("comptoir"), un_client("rsa", algorithme="RS256"))
    async with navigateur(creer(ConfigSimulateur(origine=ORIGINE, clients=inscrits, horloge=Horloge()))) as client:
        for client_id, algorithme in (("rsa", "RS256"), ("comptoir", "ES256")):
            assert len((await client.get(f"{FC}/jwks")).json()["keys"]) == 2
            code = await code_de(client, client_id=client_id)
            jetons = (await echanger(client, code, client_id=client_id)).json()
            assert (await verifier(client, jetons["id_token"], algorithme=algorithme))["aud"] == client_id


@pytest.mark.parametrize(
    ("login", "attendu"),
    [
        (
            "test",
            {"given_name": "Angela Claire Louise", "given_name_array": ["Angela", "Claire", "Louise"], "gender": "female"},
        ),
        ("avec_nom_dusage", {"family_name": "MERCIER", "preferred_username": "DUBOIS"}),
        ("prénom_composé", {"given_name_array": ["Anne-Laure"]}),
        ("genre_indéfini", {"gender": "unspecified"}),
        ("étranger_présumé_né_jour", {"birthdate": "1992-11-01", "birthplace": "", "birthcountry": "99217"}),
        ("étranger_présumé_né_jour_et_mois", {"birthdate": "1992-01-01"}),
        ("naissance_Algérie", {"birthplace": "", "birthcountry": "99352"}),
        ("test_CORSE_2A", {"birthplace": "2A004"}),
    ],
)
async def test_each_person_has_the_claims_of_the_sandbox(
    client: httpx.AsyncClient, login: str, attendu: dict[str, Any]
) -> None:
    _, infos = await connecter(client, login=login)
    assert infos | attendu == infos
    assert "idp_birthdate" not in infos


@pytest.mark.parametrize(
    ("scope", "revendications"),
    [
        ("openid", set()),
        ("openid profile", {"given_name", "given_name_array", "family_name", "birthdate", "gender", "preferred_username"}),
        ("openid birth", {"birthplace", "birthcountry"}),
        ("openid given_name email", {"given_name", "given_name_array", "email"}),
        ("openid idp_birthdate idp_id", {"idp_birthdate", "idp_id"}),
        ("openid address phone", set()),
    ],
)
async def test_userinfo_gives_what_the_scopes_give(client: httpx.AsyncClient, scope: str, revendications: set[str]) -> None:
    _, infos = await connecter(client, login="avec_nom_dusage", scope=scope)
    assert infos.keys() == revendications | {"iss", "aud", "sub", "iat", "exp"}


async def test_the_raw_date_shows_what_is_presumed(client: httpx.AsyncClient) -> None:
    _, infos = await connecter(client, login="étranger_présumé_né_jour_et_mois", scope="openid idp_birthdate birthdate")
    assert (infos["idp_birthdate"], infos["birthdate"]) == ("1992-00-00", "1992-01-01")


async def test_the_subject_is_the_persons_and_the_services_whatever_the_identity_provider(client: httpx.AsyncClient) -> None:
    chez = {idp: (await connecter(client, prompt="login", idp=idp))[0]["sub"] for idp in ("impots-gouv", "france-identite")}
    assert len(set(chez.values())) == 1
    code = await code_de(client, client_id="voisin")
    voisin = (await echanger(client, code, client_id="voisin")).json()
    subs = {(await connecter(client, prompt="login", login=login))[0]["sub"] for login in ("homonyme_1", "homonyme_2")}
    assert len({*chez.values(), charge(voisin["id_token"])["sub"], *subs}) == 4


async def test_the_way_of_authenticating_is_told_only_to_who_asks(client: httpx.AsyncClient) -> None:
    assert "amr" not in (await connecter(client))[0]
    demandee = await connecter(client, claims='{"id_token":{"amr":{"essential":true}}}')
    assert demandee[0]["amr"] == ["pwd"]
    assert (await connecter(client, claims='{"id_token":{"amr":null}}'))[0]["amr"] == ["pwd"]


# What authorize refuses


@pytest.mark.parametrize(
    ("faute", "code"),
    [
        ({"code_challenge": "x" * 43, "code_challenge_method": "S256"}, "Y030007"),
        ({"login_hint": "a@b.fr"}, "Y030007"),
        ({"response_mode": "query"}, "Y030007"),
        ({"max_age": "0"}, "Y030007"),
        ({"nonce": "n" * 21}, "Y030007"),
        ({"prompt": "none"}, "Y030007"),
        ({"prompt": ""}, "Y030007"),
        ({"prompt": "select_account"}, "Y030007"),
        *(({nom: None}, "Y030007") for nom in parametres()),
        ({"client_id": "inconnu"}, "Y04EA6EF"),
        ({"redirect_uri": RETOUR + "/"}, "Y04C013C"),
        ({"redirect_uri": RETOUR + "?a=b"}, "Y04C013C"),
        ({"redirect_uri": "https://ailleurs.fr/retour"}, "Y04C013C"),
    ],
)
async def test_a_malformed_request_ends_on_a_page(client: httpx.AsyncClient, faute: dict[str, Any], code: str) -> None:
    reponse = await client.get(demande(**faute))
    assert (reponse.status_code, reponse.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert f"<strong>{code}</strong>" in reponse.text


async def test_a_repeated_parameter_ends_on_a_page(client: httpx.AsyncClient) -> None:
    assert "Y030007" in (await client.get(f"{demande()}&state={STATE}")).text


@pytest.mark.parametrize(
    "bonne", [{"nonce": "n" * 22}, {"prompt": "consent login"}, {"ui_locales": "fr"}, {"acr_values": "eidas2 eidas1"}]
)
async def test_what_franceconnect_tolerates_passes(client: httpx.AsyncClient, bonne: dict[str, Any]) -> None:
    assert "code" in lus(await parcourir(client, demande(**bonne)))


@pytest.mark.parametrize(
    ("faute", "erreur"),
    [
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_request"),
        ({"acr_values": "eidas2 eidas3"}, "invalid_acr"),
        ({"idp_hint": "inconnu"}, "invalid_idp_hint"),
        ({"claims": "{"}, "invalid_request"),
    ],
)
async def test_other_faults_go_back_to_the_service(client: httpx.AsyncClient, faute: dict[str, Any], erreur: str) -> None:
    adresse = await ouvrir(client, demande(**faute))
    assert isinstance(adresse, str)
    assert lus(adresse) | {"error_description": ""} == {"error": erreur, "error_description": "", "state": STATE, "iss": FC}


async def test_an_identity_provider_may_be_chosen_by_the_service(client: httpx.AsyncClient) -> None:
    page = await ouvrir(client, demande(idp_hint="ameli"))
    assert isinstance(page, Page)
    assert "connexion" in page.formulaires


# What token and userinfo refuse


async def test_basic_authentication_is_refused(client: httpx.AsyncClient) -> None:
    code = await code_de(client)
    basique = b64encode(f"comptoir:{SECRET}".encode()).decode()
    corps = {"grant_type": "authorization_code", "code": code, "redirect_uri": RETOUR}
    for champs in (corps, corps | {"client_id": "comptoir", "client_secret": SECRET}):
        reponse = await client.post(f"{FC}/token", data=champs, headers={"Authorization": f"Basic {basique}"})
        assert (reponse.status_code, reponse.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("faute", "erreur"),
    [
        ({"client_secret": "autre"}, "invalid_client"),
        ({"client_secret": None}, "invalid_client"),
        ({"client_id": "inconnu"}, "invalid_client"),
        ({"client_id": "voisin"}, "invalid_grant"),
        ({"client_id": "cle"}, "invalid_client"),
        ({"redirect_uri": APRES}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"code_verifier": "v" * 43}, "invalid_grant"),
        ({"code": "autre"}, "invalid_grant"),
    ],
)
async def test_token_refuses(client: httpx.AsyncClient, faute: dict[str, Any], erreur: str) -> None:
    reponse = await echanger(client, **({"code": await code_de(client)} | faute))
    assert reponse.status_code in (400, 401)
    assert reponse.json()["error"] == erreur


async def test_token_reads_forms_only(client: httpx.AsyncClient) -> None:
    corps = {"grant_type": "authorization_code", "code": await code_de(client), "redirect_uri": RETOUR}
    reponse = await client.post(f"{FC}/token", json=corps | {"client_id": "comptoir", "client_secret": SECRET})
    assert reponse.json()["error"] == "invalid_request"


def assertion(horloge: Horloge, cle: ECKey = CLE, **autres: Any) -> str:
    revendications = {"iss": "cle", "sub": "cle", "aud": f"{FC}/token", "jti": "1", "exp": horloge.instant + 60}
    return jwt.encode({"alg": "ES256"}, {n: v for n, v in (revendications | autres).items() if v is not None}, cle)


async def presenter(client: httpx.AsyncClient, jeton: str, **autres: Any) -> httpx.Response:
    type_ = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    code = await code_de(client, client_id="cle")
    preuve = {"client_secret": None, "client_id": None, "client_assertion_type": type_, "client_assertion": jeton}
    return await echanger(client, code, **(preuve | autres))


async def test_a_client_with_a_key_signs_its_requests_each_assertion_once(client: httpx.AsyncClient, horloge: Horloge) -> None:
    jeton = assertion(horloge)
    reponse = await presenter(client, jeton)
    assert (await verifier(client, reponse.json()["id_token"]))["aud"] == "cle"
    assert (await presenter(client, jeton)).json()["error"] == "invalid_client"
    assert (await presenter(client, assertion(horloge, jti="2", aud=[FC]), client_id="cle")).status_code == 200


@pytest.mark.parametrize(
    "faute",
    [
        {"aud": "https://ailleurs.fr"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"jti": None},
        {"iss": "comptoir"},
        {"sub": "comptoir"},
    ],
)
async def test_an_assertion_that_is_not_in_order_is_refused(
    client: httpx.AsyncClient, horloge: Horloge, faute: dict[str, Any]
) -> None:
    assert (await presenter(client, assertion(horloge, **faute), client_id="cle")).json()["error"] == "invalid_client"


async def test_an_assertion_of_another_key_is_refused(client: httpx.AsyncClient, horloge: Horloge) -> None:
    etrangere = assertion(horloge, ECKey.generate_key("P-256"))
    assert (await presenter(client, etrangere)).json()["error"] == "invalid_client"
    assert (await presenter(client, "n'importe quoi")).json()["error"] == "invalid_client"


async def test_a_code_lives_thirty_seconds(client: httpx.AsyncClient, horloge: Horloge) -> None:
    a_temps, trop_tard = await code_de(client), await code_de(client)
    horloge.instant += 29
    assert (await echanger(client, a_temps)).status_code == 200
    horloge.instant += 1
    assert (await echanger(client, trop_tard)).json()["error"] == "invalid_grant"


async def test_a_code_serves_once_and_its_second_use_kills_what_the_first_gave(client: httpx.AsyncClient) -> None:
    code = await code_de(client)
    jetons = (await echanger(client, code)).json()
    assert (await identite(client, jetons)).status_code == 200
    assert (await echanger(client, code)).json()["error"] == "invalid_grant"
    assert (await identite(client, jetons)).status_code == 401


async def test_a_code_serves_at_its_own_issuer_only(client: httpx.AsyncClient) -> None:
    assert (await echanger(client, await code_de(client), base=PC)).json()["error"] == "invalid_grant"


async def test_an_access_token_lives_sixty_seconds(client: httpx.AsyncClient, horloge: Horloge) -> None:
    jetons = (await echanger(client, await code_de(client))).json()
    horloge.instant += 59
    assert (await identite(client, jetons)).status_code == 200
    horloge.instant += 1
    tardive = await identite(client, jetons)
    assert (tardive.status_code, tardive.json()["error"]) == (401, "invalid_token")
    assert tardive.headers["www-authenticate"] == 'Bearer error="invalid_token"'


# The pages


async def test_every_provider_of_the_list_is_offered(client: httpx.AsyncClient) -> None:
    texte = (await client.get(demande(), follow_redirects=True)).text
    noms = re.findall(r'name="idp" value="[^"]+">([^<]+)<', texte)
    assert noms == [
        "impots.gouv.fr", "Ameli.fr", "L&#39;Identité Numérique La Poste", "MSA", "YRIS", "France Identité", "TrustMe",
        "Aidants Connect",
    ]  # fmt: skip


async def test_the_pages_say_what_they_are_and_fetch_nothing(client: httpx.AsyncClient) -> None:
    for adresse in (demande(), demande(idp_hint="msa"), demande(client_id="inconnu")):
        reponse = await client.get(adresse, follow_redirects=True)
        assert "<strong>Simulateur</strong>" in reponse.text
        assert '<html lang="fr">' in reponse.text
        assert not re.search(r"<script|<link|<img|src=|https?://", reponse.text)
        [style] = re.findall(r"<style>(.*?)</style>", reponse.text, re.DOTALL)
        empreinte = b64encode(sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{empreinte}'" in reponse.headers["content-security-policy"]


async def test_the_sign_in_page_lists_the_logins_and_says_what_is_wrong(client: httpx.AsyncClient) -> None:
    adresse = (await client.get(demande(idp_hint="msa"))).headers["location"]
    assert "étranger_présumé_né_jour" in (await client.get(adresse)).text
    for saisie in ({"login": "test", "mot_de_passe": "1234"}, {"login": "<b>", "mot_de_passe": "123"}):
        reponse = await client.post(f"{adresse}/connexion", data=saisie)
        assert reponse.status_code == 401
        assert 'aria-invalid="true" aria-describedby="faute"' in reponse.text
        assert "<b>" not in reponse.text
    assert (await client.post(f"{adresse}/suite")).status_code == 400


async def test_the_information_page_names_the_service_and_what_it_gets(client: httpx.AsyncClient) -> None:
    await parcourir(client, demande())
    texte = (await client.get(demande(client_id="voisin", scope="openid gender"), follow_redirects=True)).text
    assert "Continuer vers Le voisin" in texte
    assert re.findall(r"<li>(.*?)</li>", texte) == ["Sexe"]


def test_all_that_a_service_may_get_has_its_words() -> None:
    for regles in (FRANCECONNECT, PROCONNECT):
        assert {nom for noms in regles.scopes.values() for nom in noms} <= LIBELLES.keys()


async def test_from_the_information_page_one_may_take_another_account(client: httpx.AsyncClient) -> None:
    premier, _ = await connecter(client)
    page = await ouvrir(client, demande())
    assert isinstance(page, Page)
    choix = await ouvrir(client, f"{page.adresse}/autre")
    assert isinstance(choix, Page)
    assert [*choix.formulaires] == ["choix"]
    code = lus(await parcourir(client, page.adresse, "nom_composé"))["code"]
    corps = (await echanger(client, code)).json()["id_token"].split(".")[1]
    assert json.loads(urlsafe_b64decode(corps + "=="))["sub"] != premier["sub"]


async def test_two_clicks_end_a_visit_once_and_the_page_left_open_goes_where_it_went(client: httpx.AsyncClient) -> None:
    await parcourir(client, demande())
    page = await ouvrir(client, demande())
    assert isinstance(page, Page)
    suites = [await ouvrir(client, f"{page.adresse}/suite", method="POST") for _ in range(2)]
    assert suites == [await ouvrir(client, page.adresse)] * 2 == [await ouvrir(client, f"{page.adresse}/retour")] * 2
    assert (await echanger(client, lus(str(suites[0]))["code"])).status_code == 200


@pytest.mark.parametrize("etape", ["choix", "connexion", "information"])
async def test_one_may_turn_back_at_each_step(client: httpx.AsyncClient, etape: Any) -> None:
    retour = lus(await annuler(client, demande(), etape))
    assert retour == {"error": "access_denied", "error_description": "User auth aborted", "state": STATE, "iss": FC}


@pytest.mark.parametrize(
    ("login", "code", "erreur"),
    [
        ("Y180001", "Y180001", "access_denied"),
        ("sans_mail", "Y600006", "server_error"),
        ("sans_prenom", "Y010004", "access_denied"),
    ],
)
async def test_those_whom_franceconnect_turns_away_go_back_with_an_error(
    client: httpx.AsyncClient, login: str, code: str, erreur: str
) -> None:
    adresse = (await client.get(demande(idp_hint="msa"))).headers["location"]
    await client.post(f"{adresse}/connexion", data={"login": login, "mot_de_passe": "123"})
    page = await client.get(adresse)
    assert page.status_code == 400
    assert f"<strong>{code}</strong>" in page.text
    assert lus(await parcourir(client, demande(), login))["error"] == erreur


async def test_a_visit_is_of_one_browser_once_and_for_half_an_hour(client: httpx.AsyncClient, horloge: Horloge) -> None:
    adresse = (await client.get(demande())).headers["location"]
    biscuits = dict(client.cookies)
    client.cookies.clear()
    assert (await client.get(adresse)).status_code == 400
    client.cookies.update(biscuits)
    assert (await client.get(adresse)).status_code == 200
    horloge.instant += 30 * 60
    assert (await client.get(adresse)).status_code == 400
    adresse = (await client.get(demande())).headers["location"]
    fin = await annuler(client, adresse)
    assert (await client.get(adresse)).headers["location"] == fin


# Single sign-on and sign-out


async def test_for_half_an_hour_another_service_sees_the_information_page_only(
    client: httpx.AsyncClient, horloge: Horloge
) -> None:
    premiere, _ = await connecter(client)
    horloge.instant += 30 * 60 - 1
    page = await ouvrir(client, demande(client_id="voisin"))
    assert isinstance(page, Page)
    assert [*page.formulaires] == ["information"]
    assert (await connecter(client))[0]["auth_time"] == premiere["auth_time"] < horloge.instant
    horloge.instant += 1
    page = await ouvrir(client, demande())
    assert isinstance(page, Page)
    assert [*page.formulaires] == ["choix"]


async def test_a_service_may_ask_for_a_fresh_sign_in(client: httpx.AsyncClient, horloge: Horloge) -> None:
    await connecter(client)
    horloge.instant += 5
    assert (await connecter(client, prompt="login"))[0]["auth_time"] == horloge.instant


async def test_signing_out_ends_the_session_long_after_the_id_token(client: httpx.AsyncClient, horloge: Horloge) -> None:
    jetons = (await echanger(client, await code_de(client))).json()
    horloge.instant += 600
    fin = {"id_token_hint": jetons["id_token"], "state": "abc", "post_logout_redirect_uri": APRES}
    reponse = await client.get(f"{FC}/session/end", params=fin)
    assert (reponse.status_code, reponse.headers["location"]) == (303, f"{APRES}?state=abc")
    page = await ouvrir(client, demande())
    assert isinstance(page, Page)
    assert [*page.formulaires] == ["choix"]


async def test_without_an_address_to_go_to_one_stays_on_the_confirmation(client: httpx.AsyncClient) -> None:
    jetons = (await echanger(client, await code_de(client))).json()
    reponse = await client.get(f"{FC}/session/end", params={"id_token_hint": jetons["id_token"]})
    assert reponse.status_code == 200
    assert "Vous êtes bien déconnecté" in reponse.text


@pytest.mark.parametrize(
    "faute", [{"id_token_hint": None}, {"id_token_hint": "a.b.c"}, {"post_logout_redirect_uri": APRES + "/"}, {"state": None}]
)
async def test_a_bad_sign_out_ends_nothing(client: httpx.AsyncClient, faute: dict[str, Any]) -> None:
    for base in (FC, PC):
        login = "test" if base == FC else "test@fia1.fr"
        jetons = (await echanger(client, await code_de(client, base, login), base)).json()
        fin = {"id_token_hint": jetons["id_token"], "state": STATE, "post_logout_redirect_uri": APRES} | faute
        reponse = await client.get(f"{base}/session/end", params={n: v for n, v in fin.items() if v})
        if base == FC and faute == {"state": None}:
            # Only ProConnect asks for it.
            assert reponse.headers["location"] == APRES
            continue
        assert reponse.status_code == 400
        page = await ouvrir(client, demande(base))
        assert isinstance(page, Page)
        assert [*page.formulaires] == ["information"]


async def test_a_token_of_the_other_issuer_signs_nobody_out(client: httpx.AsyncClient) -> None:
    jetons = (await echanger(client, await code_de(client))).json()
    fin = {"id_token_hint": jetons["id_token"], "state": STATE, "post_logout_redirect_uri": APRES}
    assert (await client.get(f"{PC}/session/end", params=fin)).status_code == 400


# ProConnect


async def test_proconnect_tells_the_professional_and_the_organisation(client: httpx.AsyncClient) -> None:
    id_token, infos = await connecter(client, PC, login="test@fia1.fr")
    assert (id_token["iss"], id_token["acr"], id_token["sub"]) == (PC, "eidas1", infos["sub"])
    assert (infos["usual_name"], infos["siret"], infos["idp_id"]) == ("PATOCHE", "13002526500013", "fia1")
    assert infos["roles"] == ["agent_public", "agent_public_etat"]
    assert "phone_number" not in infos


async def test_at_proconnect_the_subject_changes_with_the_identity_provider(client: httpx.AsyncClient) -> None:
    subs = {
        (await connecter(client, PC, login="test@fia1.fr", idp=idp, prompt="login"))[0]["sub"]
        for idp in ("fia1", "proconnect-identite")
    }
    assert len(subs) == 2


async def test_proconnect_takes_pkce_and_then_holds_to_it(client: httpx.AsyncClient) -> None:
    verificateur = "v" * 43
    defi = urlsafe_b64encode(sha256(verificateur.encode()).digest()).decode().rstrip("=")
    pkce = {"code_challenge": defi, "code_challenge_method": "S256"}
    codes = [await code_de(client, PC, "test@fia1.fr", **pkce) for _ in range(3)]
    assert (await echanger(client, codes[0], PC, code_verifier=verificateur)).status_code == 200
    assert (await echanger(client, codes[1], PC, code_verifier="w" * 43)).json()["error"] == "invalid_grant"
    assert (await echanger(client, codes[2], PC)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "faute", [{"state": "s" * 31}, {"nonce": "n" * 31}, {"nonce": None}, {"max_age": "1"}, {"prompt": "jamais"}]
)
async def test_proconnect_has_its_own_limits(client: httpx.AsyncClient, faute: dict[str, Any]) -> None:
    reponse = await client.get(demande(PC, **faute))
    assert reponse.status_code == 400
    assert "Y000400" in reponse.text


async def test_proconnect_signs_in_silently_or_says_that_it_cannot(client: httpx.AsyncClient) -> None:
    muette = await ouvrir(client, demande(PC, prompt="none"))
    assert isinstance(muette, str)
    assert lus(muette)["error"] == "login_required"
    await connecter(client, PC, login="test@fia1.fr")
    muette = await ouvrir(client, demande(PC, prompt="none"))
    assert isinstance(muette, str)
    assert "code" in lus(muette)


# Breaking it


@pytest.mark.parametrize("sur", ["id_token", "userinfo"])
@pytest.mark.parametrize(
    ("panne", "champ", "attendu"),
    [("mauvais_iss", "iss", f"{FC}/autre"), ("mauvais_aud", "aud", "comptoir-autre"), ("expire", "exp", 1_800_000_000 - 3540)],
)
async def test_a_fault_of_claims_befalls_the_token_it_is_for(
    client: httpx.AsyncClient, panne: str, champ: str, attendu: object, sur: str
) -> None:
    await casser(client, sur=sur, **{panne: True})
    recus = dict(zip(("id_token", "userinfo"), await connecter(client), strict=True))
    fautif, sain = recus.pop(sur), recus.popitem()[1]
    assert fautif[champ] == attendu
    assert sain[champ] != attendu


@pytest.mark.parametrize(
    ("panne", "champ", "attendu"), [("mauvais_nonce", "nonce", "0" * 64), ("mauvais_acr", "acr", "eidas0")]
)
async def test_a_fault_of_the_id_token(client: httpx.AsyncClient, panne: str, champ: str, attendu: str) -> None:
    await casser(client, **{panne: True})
    assert (await connecter(client))[0][champ] == attendu


@pytest.mark.parametrize("sur", ["id_token", "userinfo"])
@pytest.mark.parametrize(
    ("panne", "alg", "erreur"),
    [
        ("alg_none", "none", JoseError),
        ("hs256", "HS256", JoseError),
        ("rsa", "RS256", JoseError),
        ("autre_cle", "ES256", BadSignatureError),
        ("kid_inconnu", "ES256", InvalidKeyIdError),
    ],
)
async def test_a_fault_of_signature_makes_the_token_unverifiable(
    client: httpx.AsyncClient, panne: str, alg: str, erreur: type[JoseError], sur: str
) -> None:
    await casser(client, sur=sur, **{panne: True})
    jetons = (await echanger(client, await code_de(client))).json()
    recus = {"id_token": jetons["id_token"], "userinfo": (await identite(client, jetons)).text}
    fautif = recus.pop(sur)
    assert tete(fautif)["alg"] == alg
    with pytest.raises(erreur):
        await verifier(client, fautif)
    await verifier(client, recus.popitem()[1])
    if panne == "hs256":
        assert jwt.decode(fautif, OctKey.import_key(SECRET), algorithms=["HS256"]).claims["aud"] == "comptoir"
    if panne == "rsa":
        assert (await verifier(client, fautif, algorithme="RS256"))["aud"] == "comptoir"


async def test_userinfo_tells_another_subject(client: httpx.AsyncClient) -> None:
    await casser(client, autre_sub=True)
    id_token, infos = await connecter(client)
    assert infos["sub"] != id_token["sub"]


async def test_userinfo_comes_unsigned(client: httpx.AsyncClient) -> None:
    await casser(client, userinfo_non_signe=True)
    reponse = await identite(client, (await echanger(client, await code_de(client))).json())
    assert reponse.headers["content-type"].startswith("application/json")
    assert reponse.json()["family_name"] == "DUBOIS"


async def test_claims_are_left_out(client: httpx.AsyncClient) -> None:
    await casser(client, sans_revendications=["email", "gender"])
    assert not (await connecter(client))[1].keys() & {"email", "gender"}


async def test_the_callback_lacks_the_issuer(client: httpx.AsyncClient) -> None:
    await casser(client, sans_iss=True)
    assert "iss" not in lus(await annuler(client, demande()))
    assert "iss" not in lus(await parcourir(client, demande()))


async def test_the_clock_is_ahead_or_behind(client: httpx.AsyncClient, horloge: Horloge) -> None:
    for decalage in (120, -120):
        await casser(client, decalage_horloge=decalage)
        for jeton in await connecter(client):
            assert jeton["iat"] == horloge.instant + decalage
            assert jeton["exp"] == horloge.instant + decalage + 60


async def test_people_are_sent_back_with_any_error(client: httpx.AsyncClient) -> None:
    await casser(client, erreur_retour="temporarily_unavailable")
    assert lus(await parcourir(client, demande()))["error"] == "temporarily_unavailable"


@pytest.mark.parametrize("porte", ["discovery", "jwks", "token", "userinfo"])
async def test_one_door_fails_and_the_others_do_not(client: httpx.AsyncClient, porte: str) -> None:
    await casser(client, erreur_500=porte)
    statuts = {
        "discovery": (await client.get(f"{FC}/.well-known/openid-configuration")).status_code,
        "jwks": (await client.get(f"{FC}/jwks")).status_code,
        "token": (await client.post(f"{FC}/token")).status_code,
        "userinfo": (await client.get(f"{FC}/userinfo")).status_code,
    }
    assert [nom for nom, statut in statuts.items() if statut == 500] == [porte]


async def test_every_door_can_be_slow_but_the_pages_are_not(client: httpx.AsyncClient) -> None:
    await casser(client, lenteur=60)
    await parcourir(client, demande())
    for chemin in ("jwks", "userinfo", ".well-known/openid-configuration"):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get(f"{FC}/{chemin}"), 0.02)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.post(f"{FC}/token"), 0.02)


async def test_an_empty_set_of_faults_heals_and_an_unknown_one_is_refused(client: httpx.AsyncClient) -> None:
    await casser(client, mauvais_acr=True)
    assert (await client.post("/simulateur/pannes", json={"inconnue": True})).status_code == 400
    assert (await client.get("/simulateur")).json()["pannes"]["mauvais_acr"] is True
    await casser(client)
    assert (await connecter(client))[0]["acr"] == "eidas1"


async def test_rotated_keys_replace_the_old_ones(client: httpx.AsyncClient) -> None:
    for base in (FC, PC):
        avant = (await client.get(f"{base}/jwks")).json()
        (await client.post("/simulateur/cles")).raise_for_status()
        apres = (await client.get(f"{base}/jwks")).json()
        assert not {c["kid"] for c in avant["keys"]} & {c["kid"] for c in apres["keys"]}
    assert (await connecter(client))[0]["iss"] == FC


async def test_the_two_issuers_share_no_key(client: httpx.AsyncClient) -> None:
    franceconnect, proconnect = [{c["kid"] for c in (await client.get(f"{b}/jwks")).json()["keys"]} for b in (FC, PC)]
    assert not franceconnect & proconnect


async def test_calls_are_counted(client: httpx.AsyncClient) -> None:
    await client.get(f"{FC}/jwks")
    await client.get(f"{PC}/jwks")
    await client.get(f"{FC}/userinfo")
    assert (await client.get("/simulateur")).json()["appels"] == {"discovery": 0, "jwks": 2, "token": 0, "userinfo": 1}


def test_no_secret_of_a_client_is_printed() -> None:
    assert SECRET not in repr(CLIENTS)
