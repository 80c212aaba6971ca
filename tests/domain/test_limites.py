"""What limits are counted on."""

from __future__ import annotations

from uuid import UUID

import pytest

from domain.activation import Jeton, Usage
from domain.jetons import Cle, Trousseau
from domain.limites import Fenetre, Reglage, Regulateur, boite

COMPTE = UUID(int=1)


@pytest.fixture
def regulateur() -> Regulateur:
    return Regulateur(Trousseau((Cle("a", b"x" * 32),)), Reglage(sms_par_jour=2000))


@pytest.mark.parametrize(
    ("ecrite", "comptee"),
    [
        ("Ines@Exemple.fr", "ines@exemple.fr"),
        ("ines+impots@exemple.fr", "ines@exemple.fr"),
        ("ines+a+b@exemple.fr", "ines@exemple.fr"),
        ("ines+@exemple.fr", "ines@exemple.fr"),
        # Nothing would be left of it.
        ("+a@exemple.fr", "+a@exemple.fr"),
        ("ines@exemple+fr.fr", "ines@exemple+fr.fr"),
        ("+33612345678", "+33612345678"),
    ],
)
def test_a_mailbox_is_counted_however_it_is_written(ecrite: str, comptee: str) -> None:
    assert boite(ecrite) == comptee
    assert boite(comptee) == comptee


def test_an_ipv4_client_is_counted_alone_and_an_ipv6_one_with_its_networks(regulateur: Regulateur) -> None:
    [seule] = regulateur.inscription("192.0.2.10")
    [client, foyer, site] = regulateur.inscription("2001:db8:1:2::/64")
    assert seule.fenetres == client.fenetres == (Fenetre(40, 300), Fenetre(100, 3600))
    assert (foyer.fenetres, site.fenetres) == ((Fenetre(200, 3600),), (Fenetre(400, 3600),))
    voisins = {foyer.cle: "2001:db8:1:ff::/64", site.cle: "2001:db8:1:100::/64"}
    for cle, voisin in voisins.items():
        communes = {limite.cle for limite in regulateur.inscription(voisin)}
        assert (foyer.cle in communes, site.cle in communes) == (cle == foyer.cle, True)


def test_a_window_above_a_hundred_stands_alone_on_its_key(regulateur: Regulateur) -> None:
    """The database keeps one count a key there, not instants."""
    for nom in ("inscription", "disponibilite", "connexion", "passage", "recuperation_client"):
        for limite in getattr(regulateur, nom)("2001:db8:1:2::/64"):
            assert len(limite.fenetres) == 1 or all(f.nombre <= 100 for f in limite.fenetres)


@pytest.mark.parametrize("usage", ["activation", "contact"])
def test_a_claimed_destination_and_a_proven_one_share_no_count_but_those_of_all(regulateur: Regulateur, usage: Usage) -> None:
    jeton = Jeton(id=COMPTE, compte_id=COMPTE, usage=usage, canal="sms", destination="+33612345678", cle_id="a")
    pretendu = {limite.cle: limite.fenetres for limite in regulateur.envoi(jeton, "192.0.2.10")}
    prouve = {
        limite.cle: limite.fenetres
        for limite in regulateur.envoi_au_titulaire("sms", "+33612345678", UUID(int=2), "192.0.2.10")
    }
    [commun] = pretendu.keys() & prouve.keys()
    assert pretendu[commun] == (Fenetre(2000, 86_400),)
    # Three quarters of the budget, for sign-ups alone.
    assert ((Fenetre(1500, 86_400),) in pretendu.values()) is (usage == "activation")
