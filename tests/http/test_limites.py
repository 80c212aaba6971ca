"""What may be asked how often: exact at the edges, per number, address, account and client, and told without telling which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from msgspec import structs

from app.settings import Settings
from tests.builders import une_demande
from tests.service import Service, refus

DEBUT = datetime(2026, 11, 21, 10, tzinfo=UTC)
MINUTE, HEURE, JOUR = 60, 3600, 86_400


async def a(service: Service, secondes: float) -> None:
    """Stops the database's clock so many seconds after the beginning: an edge is exact, however slow the machine."""
    await service.arreter_horloge(DEBUT + timedelta(seconds=secondes))


def un_mobile(n: int) -> str:
    return f"06123456{n:02d}"


def trop(reponse: httpx.Response) -> bool:
    """Whether it was refused by a limit: coarsely, and without a word on which (R09)."""
    if reponse.status_code != 429:
        return False
    assert refus(reponse) == (429, "trop_de_demandes")
    assert int(reponse.headers["retry-after"]) % 30 == 0
    assert reponse.json().keys() == {"type", "title", "status", "code", "detail", "instance", "request_id"}
    return True


def possible_a(activation: dict[str, Any]) -> float:
    return (datetime.fromisoformat(activation["renvoi_possible_le"]) - DEBUT).total_seconds()


@pytest.mark.parametrize(
    ("canal", "instants"),
    [
        # 1 a minute, 3 in ten minutes, 5 an hour, 10 a day.
        ("sms", [0, 60, 120, 600, 660, 3600, 3660, 3720, 4200, 4260, JOUR]),
        # 1 a minute, 5 in a quarter of an hour, 10 a day.
        ("email", [0, 60, 120, 180, 240, 900, 960, 1020, 1080, 1140, JOUR]),
    ],
)
async def test_sends_to_one_destination_keep_their_pace_whichever_account_asks(
    service_limite: Service, canal: str, instants: list[float]
) -> None:
    retenues = 0
    for instant, suivant in zip(instants, [*instants[1:], None], strict=True):
        await a(service_limite, instant)
        inscription = await service_limite.inscrit(une_demande(activer_par=canal))
        assert inscription["activation"]["livraison"] == "en_file", instant
        if suivant is None:
            break
        # From the instant after to the one before, held back; and told until when.
        for avant in {instant, suivant - 0.001}:
            await a(service_limite, avant)
            retenue = (await service_limite.inscrit(une_demande(activer_par=canal)))["activation"]
            assert (retenue["livraison"], retenue["envois_restants"]) == ("retenu", 5)
            assert possible_a(retenue) == pytest.approx(suivant, abs=0.001)
            retenues += 1
    assert await service_limite.compter("outbox") == len(instants)
    assert await service_limite.compter("jetons") == len(instants) + retenues


@pytest.mark.parametrize(
    ("canal", "ecritures"),
    [
        ("sms", ["0612345678", "06 12.34-56 78", "+33612345678", "+33 (0)6 12 34 56 78", "0033612345678"]),
        ("email", ["ines@exemple.fr", "INES@exemple.fr", "Ines@EXEMPLE.FR", "ines+impots@exemple.fr", "Ines+@Exemple.fr"]),
    ],
)
async def test_a_destination_written_otherwise_is_the_same(service_limite: Service, canal: str, ecritures: list[str]) -> None:
    champ = "telephone_mobile" if canal == "sms" else "email"
    livraisons = [
        (await service_limite.inscrit(une_demande(activer_par=canal) | {champ: ecriture}))["activation"]["livraison"]
        for ecriture in ecritures
    ]
    assert livraisons == ["en_file"] + ["retenu"] * (len(ecritures) - 1)


async def test_a_sign_up_held_back_by_a_limit_is_open_and_its_code_leaves_when_it_was_told(service_limite: Service) -> None:
    await a(service_limite, 0)
    await service_limite.inscrit(une_demande(activer_par="sms"))
    inscription = await service_limite.inscrit(une_demande(activer_par="sms"))
    activation = inscription["activation"]
    assert (activation["livraison"], possible_a(activation)) == ("retenu", 60)
    await a(service_limite, 59)
    assert trop(await service_limite.renvoyer(inscription, activation))
    assert trop(await service_limite.demander(inscription, "sms"))
    assert len(await service_limite.messages()) == 1
    # The other channel is not held.
    assert (await service_limite.demander(inscription, "email")).json()["livraison"] == "en_file"

    await a(service_limite, 60)
    renvoi = await service_limite.renvoyer(inscription, activation)
    assert (renvoi.status_code, renvoi.json()["livraison"], renvoi.json()["envois_restants"]) == (202, "en_file", 4)
    code = await service_limite.code("+33612345678")
    assert (await service_limite.essayer(inscription, activation, code)).status_code == 200


async def test_a_send_refused_spends_nothing_of_any_other_limit(service_limite: Service) -> None:
    await a(service_limite, 0)
    inscription = await service_limite.inscrit(une_demande(activer_par="sms"))
    for _ in range(15):
        assert trop(await service_limite.renvoyer(inscription, inscription["activation"]))
    # Ten an hour from this client: one was sent, nine are left.
    for n in range(9):
        autre = await service_limite.inscrit(une_demande(telephone_mobile=un_mobile(n), activer_par="sms"))
        assert autre["activation"]["livraison"] == "en_file"
    await a(service_limite, 60)
    # The client is spent; its number alone was not.
    assert trop(await service_limite.renvoyer(inscription, inscription["activation"]))
    await a(service_limite, HEURE)
    assert (await service_limite.demander(inscription, "sms")).status_code == 202


async def test_an_account_sends_five_sms_an_hour_whatever_the_numbers(service_limite: Service) -> None:
    await a(service_limite, 0)
    inscription = await service_limite.inscrit(une_demande(telephone_mobile=un_mobile(1), activer_par="sms"))
    await a(service_limite, 60)
    assert (await service_limite.demander(inscription, "sms")).status_code == 202
    for n, instant in ((2, 120), (3, 240)):
        await service_limite.corriger(inscription, telephone_mobile=un_mobile(n))
        await a(service_limite, instant)
        assert (await service_limite.demander(inscription, "sms")).status_code == 202
        await a(service_limite, instant + 60)
        # Three codes, two sends to each number: of all the limits, the account's alone is reached.
        assert trop(await service_limite.demander(inscription, "sms")) is (n == 3)
    await a(service_limite, HEURE)
    assert (await service_limite.demander(inscription, "sms")).status_code == 202


async def test_an_account_gets_five_codes_a_day_on_a_channel(service_limite: Service) -> None:
    await a(service_limite, 0)
    inscription = await service_limite.inscrit(une_demande(email="a0@exemple.fr", activer_par="email"))
    for n in range(1, 6):
        await service_limite.corriger(inscription, email=f"a{n}@exemple.fr")
        assert trop(await service_limite.demander(inscription, "email")) is (n == 5)
    await a(service_limite, JOUR - 0.001)
    assert trop(await service_limite.demander(inscription, "email"))
    await a(service_limite, JOUR)
    assert (await service_limite.demander(inscription, "email")).status_code == 202


@pytest.mark.parametrize("encore", ["renvoyer", "demander"])
async def test_a_first_code_that_was_held_back_is_one_of_the_five(service_limite: Service, encore: str) -> None:
    await a(service_limite, 0)
    await service_limite.inscrit(une_demande(email="a0@exemple.fr", activer_par="email"))
    inscription = await service_limite.inscrit(une_demande(email="a0@exemple.fr", activer_par="email"))
    assert inscription["activation"]["livraison"] == "retenu"
    await a(service_limite, 60)
    quoi = inscription["activation"] if encore == "renvoyer" else "email"
    assert (await getattr(service_limite, encore)(inscription, quoi)).status_code == 202
    for n in range(1, 6):
        await service_limite.corriger(inscription, email=f"a{n}@exemple.fr")
        assert trop(await service_limite.demander(inscription, "email")) is (n == 5)


async def test_a_client_sends_ten_sms_an_hour_and_no_other_client_pays_for_it(service_limite: Service) -> None:
    await a(service_limite, 0)
    for n in range(11):
        inscription = await service_limite.inscrit(une_demande(telephone_mobile=un_mobile(n), activer_par="sms"))
        assert inscription["activation"]["livraison"] == ("en_file" if n < 10 else "retenu")
    assert possible_a(inscription["activation"]) == HEURE
    async with Service(service_limite.settings, adresse="198.51.100.7") as ailleurs:
        autre = await ailleurs.inscrit(une_demande(telephone_mobile=un_mobile(20), activer_par="sms"))
        assert autre["activation"]["livraison"] == "en_file"
    # Neither does the e-mail.
    courriel = await service_limite.inscrit(une_demande(activer_par="email"))
    assert courriel["activation"]["livraison"] == "en_file"


async def test_the_daily_budget_of_sms_holds_for_all_and_the_email_remains(settings: Settings) -> None:
    # Three quarters of it, for sign-ups.
    etroit = structs.replace(settings, limits="on", sms_daily_budget=4)
    async with Service(etroit) as ici, Service(etroit, adresse="198.51.100.7") as ailleurs:
        await a(ici, 0)
        for n, client in enumerate((ici, ailleurs, ici, ailleurs, ici)):
            inscription = await client.inscrit(une_demande(telephone_mobile=un_mobile(n), activer_par="sms"))
            assert inscription["activation"]["livraison"] == ("en_file" if n < 3 else "retenu")
        assert possible_a(inscription["activation"]) == JOUR
        assert (await ici.demander(inscription, "email")).json()["livraison"] == "en_file"
        await a(ici, JOUR)
        # However long it was held back, it leaves and is good.
        assert (await ici.renvoyer(inscription, inscription["activation"])).status_code == 202
        assert (await ici.essayer(inscription, inscription["activation"], await ici.code("+33612345604"))).status_code == 200


async def test_availability_is_asked_twenty_times_a_minute_and_a_hundred_an_hour(service_limite: Service) -> None:
    async def lire(n: int) -> httpx.Response:
        return await service_limite.http.get(f"/v1/identifiants/ines.dupont{n}")

    for minute in range(5):
        await a(service_limite, minute * MINUTE)
        assert not any([trop(await lire(n)) for n in range(20)])
        assert trop(await lire(0))
        await a(service_limite, minute * MINUTE + 59.999)
        assert trop(await lire(0))
    await a(service_limite, 5 * MINUTE)
    assert trop(await lire(0))
    await a(service_limite, HEURE - 0.001)
    assert trop(await lire(0))
    await a(service_limite, HEURE)
    assert not trop(await lire(0))


async def test_all_that_tells_whether_a_name_is_taken_shares_one_limit(service_limite: Service) -> None:
    await a(service_limite, 0)

    async def demander(n: int) -> httpx.Response:
        if n % 3 == 0:
            return await service_limite.http.get("/v1/identifiants/ines.dupont")
        if n % 3 == 1:
            return await service_limite.http.post("/v1/identifiants/propositions", json={"prenom": "Inès", "nom": "Dupont"})
        return await service_limite.http.post("/v1/inscriptions/controles", json=une_demande(identifiant="ines.dupont"))

    assert [trop(await demander(n)) for n in range(23)] == [False] * 20 + [True] * 3
    # What tells nothing of other people is free.
    for _ in range(25):
        assert not trop(await service_limite.http.get("/v1/identifiants/ines..dupont"))
        assert not trop(await service_limite.http.post("/v1/inscriptions/controles", json=une_demande()))
        assert not trop(await service_limite.http.get("/v1/configuration"))


async def test_availability_has_a_ceiling_for_all_clients_together(settings: Settings) -> None:
    async with Service(
        structs.replace(settings, limits="on", availability_ceiling=101, trusted_proxies="192.0.2.0/24")
    ) as service:
        await a(service, 0)
        for n in range(102):
            entetes = {"X-Forwarded-For": f"198.51.100.{n // 15}"}
            assert trop(await service.http.get("/v1/identifiants/ines.dupont", headers=entetes)) is (n == 101)
        await a(service, MINUTE)
        assert not trop(await service.http.get("/v1/identifiants/ines.dupont", headers=entetes))


async def test_a_client_signs_up_forty_times_in_five_minutes_and_a_hundred_an_hour_whatever_becomes_of_it(
    service_limite: Service,
) -> None:
    await service_limite.inscrit(une_demande(identifiant="ines.dupont"))
    await service_limite.sql.execute("delete from limites")

    async def tenter(n: int) -> httpx.Response:
        # Taken, generated, and given up at once: each of them tells whether a name is.
        reponse = await service_limite.inscrire(une_demande(identifiant=(None, "ines.dupont", f"ines.numero{n}")[n % 3]))
        if n % 3 == 2 and reponse.status_code == 201:
            assert (await service_limite.annuler(reponse.json())).status_code == 204
        return reponse

    for debut, nombre in ((0, 40), (300, 40), (600, 20)):
        await a(service_limite, debut)
        assert [trop(await tenter(n)) for n in range(nombre + 3)] == [False] * nombre + [True] * 3
    comptes = await service_limite.compter("comptes")
    await a(service_limite, 3599.999)
    assert trop(await tenter(0))
    assert await service_limite.compter("comptes") == comptes
    # What is read again, checked or asked once more of a request already served is none.
    async with Service(service_limite.settings, adresse="198.51.100.7") as ailleurs:
        premiere = await ailleurs.inscrire(une_demande(), cle="une-cle")
    assert (await service_limite.inscrire(une_demande(), cle="une-cle")).json() == premiere.json()
    assert (await service_limite.http.post("/v1/inscriptions/controles", json=une_demande())).status_code == 200
    await a(service_limite, HEURE)
    assert (await tenter(0)).status_code == 201


async def test_a_client_sends_a_hundred_emails_an_hour_whatever_the_addresses(service_limite: Service) -> None:
    await a(service_limite, 0)
    for compte in range(25):
        inscription = await service_limite.inscrit(une_demande(email=f"a{compte}@exemple.fr", activer_par="email"))
        for n in range(3):
            await service_limite.corriger(inscription, email=f"a{compte}-{n}@exemple.fr")
            assert (await service_limite.demander(inscription, "email")).status_code == 202
    retenue = (await service_limite.inscrit(une_demande(email="b@exemple.fr", activer_par="email")))["activation"]
    assert (retenue["livraison"], possible_a(retenue)) == ("retenu", HEURE)
    async with Service(service_limite.settings, adresse="198.51.100.7") as ailleurs:
        autre = await ailleurs.inscrit(une_demande(email="c@exemple.fr", activer_par="email"))
        assert autre["activation"]["livraison"] == "en_file"


@pytest.mark.parametrize(("voisin", "permis"), [("2001:db8:1:{:x}::1", 20), ("2001:db8:1:{:x}00::1", 40)])
async def test_the_networks_around_an_ipv6_client_are_counted_too(settings: Settings, voisin: str, permis: int) -> None:
    """Neighbours of another /64 each time: of one /56, which may do twice what a client may, or of one /48, four times."""
    async with Service(structs.replace(settings, limits="on", trusted_proxies="192.0.2.10")) as service:
        await a(service, 0)
        livraisons = []
        for n in range(permis + 2):
            demande = une_demande(telephone_mobile=un_mobile(n), activer_par="sms")
            reponse = await service.inscrire(demande, **{"X-Forwarded-For": voisin.format(n)})
            livraisons.append(reponse.json()["activation"]["livraison"])
        assert livraisons == ["en_file"] * permis + ["retenu"] * 2
        ailleurs = une_demande(telephone_mobile=un_mobile(99), activer_par="sms")
        reponse = await service.inscrire(ailleurs, **{"X-Forwarded-For": "2001:db8:2::1"})
        assert reponse.json()["activation"]["livraison"] == "en_file"


async def seaux(settings: Settings, adresse: str, *entetes: dict[str, str], proxys: str = "") -> int:
    """How many clients the service saw in these requests, coming from one peer."""
    async with Service(structs.replace(settings, limits="on", trusted_proxies=proxys), adresse=adresse) as service:
        await service.sql.execute("delete from limites")
        for entete in entetes:
            assert (await service.http.get("/v1/identifiants/ines.dupont", headers=entete)).status_code == 200
        # One more counts for everybody.
        return await service.compter("limites") - 1


async def test_nothing_that_a_client_writes_makes_it_another(settings: Settings) -> None:
    noms = (
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Client-IP",
        "X-Forwarded-Host",
    )
    ecrits = [{nom: f"for=198.51.100.{n}" if nom == "Forwarded" else f"198.51.100.{n}"} for nom in noms for n in range(2)]
    assert await seaux(settings, "192.0.2.10", *ecrits) == 1
    # Nor when proxies are trusted, for who is none of them.
    assert await seaux(settings, "192.0.2.10", *ecrits, proxys="203.0.113.0/24") == 1
    # And through a trusted one, only what it wrote itself is read.
    derriere = [{"X-Forwarded-For": f"203.0.113.{n}, 198.51.100.7"} for n in range(3)]
    derriere += [{"X-Forwarded-For": "198.51.100.7", nom: f"203.0.113.{n}"} for nom in noms[2:] for n in range(2)]
    assert await seaux(settings, "192.0.2.10", *derriere, proxys="192.0.2.10/32") == 1


async def test_behind_trusted_proxies_the_last_address_that_is_none_of_them_is_the_client(settings: Settings) -> None:
    def par(*chaines: str) -> list[dict[str, str]]:
        return [{"X-Forwarded-For": chaine} for chaine in chaines]

    proxys = "192.0.2.0/24, 2001:db8:ffff::/48"
    assert await seaux(settings, "192.0.2.10", *par("198.51.100.7", "198.51.100.8"), proxys=proxys) == 2
    meme = par(
        "198.51.100.7", "198.51.100.7, 192.0.2.20", "10.0.0.1, 198.51.100.7,192.0.2.20 , 192.0.2.21", "::ffff:198.51.100.7"
    )
    assert await seaux(settings, "192.0.2.10", *meme, proxys=proxys) == 1
    assert await seaux(settings, "2001:db8:ffff::1", *meme, proxys=proxys) == 1
    # What is no address is the proxy's own fault: its callers share its bucket.
    assert (
        await seaux(settings, "192.0.2.10", *par("inconnu", "<script>", "", "198.51.100.7:443", "192.0.2.20"), proxys=proxys)
        <= 2
    )


async def test_an_ipv6_client_is_its_network_of_64_bits(settings: Settings) -> None:
    voisins = [{"X-Forwarded-For": f"2001:db8:1:2:{n:x}::{n:x}"} for n in range(5)]
    # Itself, and the /56 and the /48 around it.
    assert await seaux(settings, "192.0.2.10", *voisins, proxys="192.0.2.10") == 1 + 2
    assert await seaux(settings, "192.0.2.10", *voisins, {"X-Forwarded-For": "2001:db8:1:3::1"}, proxys="192.0.2.10") == 2 + 2


async def test_what_limits_count_on_cannot_be_read_back(service_limite: Service) -> None:
    inscription = await service_limite.inscrit(une_demande(activer_par="sms"))
    await service_limite.demander(inscription, "email")
    await service_limite.http.get("/v1/identifiants/ines.dupont")
    lignes = await service_limite.sql.fetch("select l::text as ligne, cle, length(cle) as longueur from limites l")
    # sign-up: client; sms: number, account, client, day twice; email: address, client; codes: account;
    # availability: client, all.
    assert len(lignes) == 11
    assert {ligne["longueur"] for ligne in lignes} == {32}
    connues = ("612345678", "ines", "exemple.fr", "192.0.2.10", inscription["id"], inscription["id"].replace("-", ""))
    for ligne in lignes:
        assert not [valeur for valeur in connues if valeur in ligne["ligne"] or valeur.encode() in ligne["cle"]]


async def test_a_code_that_never_left_cannot_be_tried_until_it_has(service_limite: Service) -> None:
    await service_limite.inscrit(une_demande(activer_par="sms"))
    retenue = await service_limite.inscrit(une_demande(activer_par="sms"))
    assert refus(await service_limite.essayer(retenue, retenue["activation"], "000000")) == (409, "code_non_envoye")

    await service_limite.avancer(timedelta(seconds=61))
    assert (await service_limite.renvoyer(retenue, retenue["activation"])).status_code == 202
    code = await service_limite.code("+33612345678")
    assert (await service_limite.essayer(retenue, retenue["activation"], code)).status_code == 200
