"""FranceConnect's identity providers, as public sources tell of them: dated data.

A new fact is a new line here, with its source. No count and no list is written anywhere else: providers come and go, and
guides about them go stale.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from msgspec import Struct

from domain.compte import Langue

Niveau = Literal["franceconnect", "franceconnect_plus"]
Genre = Literal["compte", "aidant"]


class Texte(Struct, frozen=True):
    """The same sentence in both languages."""

    fr: str
    en: str

    def en_langue(self, langue: Langue) -> str:
        return self.en if langue == "en" else self.fr


class Source(Struct, frozen=True):
    """`jour`: its publication, or the last day for which it holds; none when it bears no date."""

    titre: str
    jour: date | None
    reference: str


class Fiche(Struct, frozen=True, kw_only=True):
    """What is known of one provider. `conditions`: codes; none when no source confirms what it asks for.

    `depuis`: the first day that a source tells of it. `jusqu_a`: the last day that it can have been offered, itself included.
    """

    code: str
    nom: str
    genre: Genre = "compte"
    depuis: date
    jusqu_a: date | None = None
    niveaux: tuple[Niveau, ...] = ("franceconnect",)
    conditions: tuple[str, ...] | None
    obtention: Texte
    remarque: Texte | None = None
    lien: str | None
    sources: tuple[Source, ...]

    @property
    def verifie_le(self) -> date:
        """The last day for which a source tells of it."""
        return max(source.jour for source in self.sources if source.jour)

    def en_vigueur(self, jour: date) -> bool:
        return self.depuis <= jour and (self.jusqu_a is None or jour <= self.jusqu_a)


_TABLEAU = Source(
    "« FranceConnect, c'est quoi ? » : tableau « Quel fournisseur d'identité choisir ? »", None, "Fiche imprimable, sans date"
)
_LISTE = Source(
    "FranceConnect, code source publié : fournisseurs affichés en production",
    date(2026, 2, 24),
    "https://github.com/france-connect/sources, docker/volumes/mongo-fcp-low/scripts/db-states/display-idp-as-in-prod/idp.js",
)
_LISTE_PLUS = Source(
    "FranceConnect+, code source publié : fournisseurs affichés en production",
    date(2026, 2, 24),
    "https://github.com/france-connect/sources, docker/volumes/mongo-fcp-high/scripts/db-states/display-idp-as-in-prod/idp.js",
)
_OUVERTURE = Source(
    "Préfecture des Deux-Sèvres : FranceConnect, présenté en juin 2016",
    None,
    "http://deux-sevres.gouv.fr/Services-de-l-Etat/Modernisation-et-simplification-des-demarches/FranceConnect-l-administration-change-avec-le-numerique",
)
_PRESSE_2020 = Source(
    "Le Monde informatique : FranceConnect veut élargir son contrôle des identités (juin 2020)",
    date(2020, 6, 30),
    "https://www.lemondeinformatique.fr/actualites/lire-franceconnect-veut-elargir-son-controle-des-identites-aux-banques-mutuelles-et-sites-pornographiques-79434.html",
)
_REMPLACEMENT_YRIS = Source(
    "Aidants Connect : « MobileConnect et moi » remplacé par YRIS",
    date(2023, 4, 17),
    "https://github.com/betagouv/Aidants_Connect/pull/864",
)

FICHES = (
    Fiche(
        code="impots",
        nom="impots.gouv.fr",
        depuis=date(2016, 6, 30),
        conditions=("numero_fiscal", "revenu_fiscal_reference", "numero_acces_en_ligne"),
        obtention=Texte(
            "En ligne, avec les numéros qui figurent sur la déclaration et l'avis d'impôt.",
            "Online, with the numbers on one's tax return and tax notice.",
        ),
        lien="https://www.impots.gouv.fr/",
        sources=(_TABLEAU, _OUVERTURE, _LISTE),
    ),
    Fiche(
        code="ameli",
        nom="ameli.fr",
        depuis=date(2016, 6, 30),
        conditions=("numero_securite_sociale", "carte_vitale", "coordonnees_bancaires"),
        obtention=Texte(
            "En ligne ; à défaut, un code provisoire arrive par courrier, en une huitaine de jours.",
            "Online; failing that, a temporary code comes by post in about eight days.",
        ),
        remarque=Texte(
            "Une fois ce compte créé, les démarches auprès de l'Assurance Maladie se font en ligne.",
            "Once this account exists, dealings with the Assurance Maladie take place online.",
        ),
        lien="https://www.ameli.fr/",
        sources=(_TABLEAU, _OUVERTURE, _LISTE),
    ),
    Fiche(
        code="la_poste",
        nom="L'Identité Numérique La Poste",
        depuis=date(2016, 6, 30),
        niveaux=("franceconnect", "franceconnect_plus"),
        conditions=("piece_identite_francaise", "nationalite_francaise", "majeur", "verification_piece", "smartphone"),
        obtention=Texte(
            "En ligne ; la pièce d'identité est vérifiée à distance ou par un postier, puis l'application est activée.",
            "Online; the identity document is checked remotely or by a postal worker, then the application is activated.",
        ),
        remarque=Texte(
            "Un mobile est nécessaire ; certains indicatifs étrangers sont refusés. Un titre de séjour a pu suffire autrefois.",
            "A mobile is needed; some foreign dialling codes are refused. A residence permit may have been enough formerly.",
        ),
        lien="https://lidentitenumerique.laposte.fr/",
        sources=(
            _TABLEAU,
            _OUVERTURE,
            Source(
                "Solidarité numérique : créer son identité numérique sur le site de La Poste",
                date(2022, 7, 20),
                "https://solidarite-numerique.fr/tutoriels/creer-mon-identite-numerique-sur-le-site-de-la-poste",
            ),
            Source(
                "Sénat, réponse à la question n° 1990 : vérification entièrement en ligne, indicatifs acceptés",
                date(2023, 2, 16),
                "https://www.senat.fr/questions/base/2022/qSEQ220801990.html",
            ),
            Source(
                "Sénat, question n° 1530 (2024) : réservée aux ressortissants français",
                None,
                "https://www.senat.fr/questions/base/2024/qSEQ241001530.html",
            ),
            _LISTE,
            _LISTE_PLUS,
        ),
    ),
    Fiche(
        code="msa",
        nom="MSA",
        depuis=date(2020, 6, 30),
        conditions=("affiliation_msa",),
        obtention=Texte(
            "En ligne, avec le numéro de sécurité sociale ; le mot de passe provisoire arrive par courriel, SMS ou courrier.",
            "Online, with one's social security number; the temporary password comes by e-mail, SMS or post.",
        ),
        lien="https://www.msa.fr/",
        sources=(
            _TABLEAU,
            Source(
                "MSA Loire-Atlantique - Vendée : Mon espace privé, comment s'inscrire ?",
                date(2019, 4, 8),
                "https://loire-atlantique-vendee.msa.fr/lfy/espace-prive/comment-creer",
            ),
            _PRESSE_2020,
            _LISTE,
        ),
    ),
    Fiche(
        code="france_identite",
        nom="France Identité",
        depuis=date(2022, 11, 21),
        niveaux=("franceconnect", "franceconnect_plus"),
        conditions=("carte_identite_electronique", "smartphone_nfc", "majeur"),
        obtention=Texte(
            "Dans l'application, en lisant la puce de la carte ; pour certaines démarches, l'identité est certifiée en mairie.",
            "In the application, by reading the card's chip; for some procedures, the identity is certified at the town hall.",
        ),
        lien="https://france-identite.gouv.fr/",
        sources=(
            Source(
                "Sénat, question n° 773 : fournisseur d'identité de FranceConnect depuis le 21 novembre 2022",
                date(2024, 10, 3),
                "https://www.senat.fr/questions/base/2024/qSEQ241000773.html",
            ),
            Source(
                "Maire-info : France Identité dans FranceConnect+",
                date(2024, 7, 18),
                "https://maire-info.com/l'application-france-identite-desormais-utilisable-par-les-elus-pour-l'achat-de-formation-sur-mon-compte-elu-article2-28837",
            ),
            Source(
                "Saint-Jean-de-Braye : obtenir une identité numérique certifiée en mairie (conditions)",
                None,
                "https://www.saintjeandebraye.fr/actualite/obtenir-une-identite-numerique-certifiee-en-mairie/",
            ),
            _LISTE,
            _LISTE_PLUS,
        ),
    ),
    Fiche(
        code="trustme",
        nom="TrustMe",
        depuis=date(2024, 11, 30),
        conditions=None,
        obtention=Texte(
            "Conditions d'inscription non confirmées : voir auprès de l'éditeur, A3BC.",
            "Conditions for signing up not confirmed: ask its publisher, A3BC.",
        ),
        lien=None,
        sources=(_LISTE,),
    ),
    Fiche(
        code="aidants_connect",
        nom="Aidants Connect",
        genre="aidant",
        depuis=date(2020, 1, 1),
        conditions=("accompagnement_aidant",),
        obtention=Texte(
            "Auprès d'un aidant professionnel habilité (France services, CCAS…), qui s'identifie et agit par mandat.",
            "With an accredited professional helper (France services, CCAS…), who signs in and acts under a mandate.",
        ),
        lien="https://aidantsconnect.beta.gouv.fr/",
        sources=(
            Source("Aidants Connect : conditions générales", date(2020, 1, 1), "https://aidantsconnect.beta.gouv.fr/cgu/"),
            _LISTE,
        ),
    ),
    Fiche(
        code="yris",
        nom="YRIS",
        depuis=date(2023, 4, 17),
        conditions=None,
        obtention=Texte(
            "Conditions d'inscription non confirmées ; un mobile était nécessaire.",
            "Conditions for signing up not confirmed; a mobile was needed.",
        ),
        remarque=Texte(
            "Une fin au 30 juin 2026 a été évoquée, sans source retrouvée : la page de FranceConnect fait foi.",
            "An end on 30 June 2026 has been mentioned, no source found: FranceConnect's own page is what counts.",
        ),
        lien="https://www.yris.eu/fr/",
        sources=(
            _REMPLACEMENT_YRIS,
            Source(
                "Sénat, question n° 110 : identité numérique YRIS",
                date(2025, 3, 13),
                "https://www.senat.fr/questions/base/2024/qSEQ240900110.html",
            ),
            _LISTE,
        ),
    ),
    Fiche(
        code="mobile_connect",
        nom="MobileConnect et moi",
        depuis=date(2020, 6, 30),
        jusqu_a=date(2023, 4, 16),
        conditions=("abonnement_orange_sosh", "piece_identite", "smartphone"),
        obtention=Texte("N'est plus proposé.", "No longer offered."),
        remarque=Texte(
            "Remplacé par YRIS ; le jour exact de la fin n'est pas connu.", "Replaced by YRIS; the exact last day is not known."
        ),
        lien=None,
        sources=(_TABLEAU, _PRESSE_2020, _REMPLACEMENT_YRIS),
    ),
    Fiche(
        code="alicem",
        nom="Alicem",
        depuis=date(2020, 6, 30),
        jusqu_a=date(2022, 4, 27),
        conditions=("titre_a_puce", "reconnaissance_faciale", "smartphone"),
        obtention=Texte("N'est plus proposé.", "No longer offered."),
        remarque=Texte(
            "Abrogé par le décret qui crée le service de France Identité.",
            "Repealed by the decree that creates the service behind France Identité.",
        ),
        lien=None,
        sources=(
            _PRESSE_2020,
            Source("Décret n° 2022-676 du 26 avril 2022", date(2022, 4, 27), "Journal officiel du 27 avril 2022"),
        ),
    ),
)
