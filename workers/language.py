"""Tells apart the languages that a desk is set up for. Pure and small: two tables in place of a model.

In: the words of a text (see `workers.lexicon.tokens`) and the text itself. Out: an ISO 639-1 code, or '' where the
evidence does not tell (too short, a number, another language). Nothing fails.

Frequent words speak first. Where they leave it open (short lines, jargon), the three-letter groups of all words
speak as well: `_` stands for a word's edge, and the weights are rounded logarithms of how much more often the group
occurs in one language than in the other, counted over the translated messages of common programs.
A further language is a further `Profile` in `PROFILES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import msgspec

WORD, MARK, CLEAR = 4, 3, 12
"""What a frequent word and a mark count, and the lead at which the letters are not asked any more."""
MOST_MARKS, MOST_WORDS, LEAST_LEAD = 4, 60, 1


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What one language looks like, all folded (lower case, no accents) but `marks`."""

    words: frozenset[str]
    """Frequent words that the other languages here do not have."""
    grams: dict[str, int]
    """Groups of three letters that it has and the others lack, with weights."""
    marks: tuple[str, ...] = ()
    """Letters, and beginnings of words, that hardly occur in the others."""

    @classmethod
    def of(cls, *, words: str, grams: dict[int, str], marks: str) -> Profile:
        """Build one from words, from groups by weight and from marks, each a text with blanks between."""
        weights = {gram: weight for weight, text in grams.items() for gram in text.split()}
        return cls(words=frozenset(words.split()), grams=weights, marks=tuple(marks.split()))


FRENCH = Profile.of(
    words="""
        achat adresse afin aide aimerais ainsi allez alors apres au aucun aucune aujourd aussi autre autres aux
        avait avant avec avez aviez avoir avons ayant beaucoup bien bjr bonjour bonsoir c ca carte ce cela ces
        cest cet cette chaque chez ci colis combien commande compte concernant cordialement cout d dans de deja
        delai demain demande depuis des devez devis dit dois doit donc donner du elle elles encore entre envoyer
        erreur espace est et etais etait ete etre eux facture faire fait faites faudrait faut fermeture fois
        fonctionne gratuit heure heures hier horaires hui il ils j jai jamais je joint jointe jour jours l la le
        les leur leurs ligne livraison lors lorsque lui madame mais malgre marche matin meme merci mes mis mise
        moi mois mon monsieur mot n ne ni nos notre nous numero objet ou oui ouvert ouverture panne parce pas
        passe pendant personne peu peut peux plusieurs pourquoi pourrais pourriez pouvez pouvons pris prix
        probleme puis qu quand que quel quelle quelles quelqu quelque quels qui quoi rdv recevoir recu recue
        remboursement reponse reste rien salut salutations sans savoir selon semaine sera serait ses soir sont
        souhaite souhaiterais souhaitons sous suis suite svp telephone toi toujours tous tout toute toutes tres
        trop trouve trouver un une va vais vers veuillez veux voici voila voir vont vos votre voudrais vous vu y
    """,
    grams={
        2: """
        _av _ce _ci _de _du _la _le _pe ait ajo ala ale ans bre car de_ dem des ec_ ee_ eer eme emi enr erc ffi
        fic fon fus gne gue hai ibl ien il_ ili imp ir_ lle mpo ne_ nee nem nne nou nue oct ole omb onc onn ors
        oss our plu pon ppr pu_ qua que rim ris seu sib son spo squ sui sus tir tre ueu uiv une upe urs uti voi
        """,
        3: """
        _aj _ec _es _et _ut _vo adr aff ai_ air ais anq apr aqu au_ auc auv aux bte cet ci_ cib cun dag dan dej
        deu diq doi du_ eau ech ecr ees eja epu esa eto etr eu_ eui eul eur eut euv eux ez_ fan fen hag ham heq
        hie hiq ich ie_ iee ier ieu iot iqu ise ja_ jet jou la_ leu lez liq lir lys mau mbr mie moi nai ndu ni_
        nib nir nnu nom nqu oir ois oit oiv oms oue ouv oye paq pas peu pou pui qu_ rav rer reu riq rir roi rqu
        rto sai san sat sau sez si_ sie soi sur tee tet teu tie til tiq toi tou tue uan ucu uee uel uem uet ui_
        uis un_ ur_ utr uva uve uvr ux_ van vea vec vee veg veu vez vou voy vra vri xe_ xio yse
        """,
    },
    marks="é è ê ë à â ç ù û î ï ô œ l' d' j' n' c' qu' l’ d’ j’ n’ c’ qu’",
)

ENGLISH = Profile.of(
    words="""
        about account after again all already also always am and another answer any anything are arent at back
        be because been before being bill box broken but by can cannot cant change changed charge charged could
        couldnt customer day days dear delivered delivery did didnt do does doesnt down each email error even
        evening every everything find first for found from get getting give got had has hasnt have havent having
        he hello help her here hey hi him his hours how i if im in into invoice is isnt issue it item its ive
        just keep keeps know last like login look looking lost made make many may might missing money month
        months more morning most much must my need never new next night no not nothing of off old one only open
        opening order ordered other our out over parcel password phone please pls price problem really receive
        received refund refunded regards reply said say says see send sent shall she shop should since sincerely
        so some someone something still store take taken team tell than thank thanks that the their them then
        there these they this those three time times to today told tomorrow too tried try trying two u until up
        ur us very want was wasnt we website week weeks were what whats when where wheres which who why will
        with without wont work working works would wouldnt wrong yesterday yet you your youre youve
    """,
    grams={
        2: """
        _fr _ha _mu _on _or _ru _sh _to _wa _wo aba ad_ add ade ame an_ ann are ars ata atc ath ato bac ch_ ck_
        cka cts din do_ dow ds_ eck een eth fil get ght gni gs_ hea hin ht_ ic_ id_ igh ild ile in_ ink jec kag
        len lin ll_ llo loa lt_ lue lum nam nd_ ndl nk_ oad ol_ old ork oul owe pda pin rar red rin rn_ set sin
        sub ta_ tar tch tea tic tin tor ty_ uir unt up_ upd use ust war win wor xt_
        """,
        3: """
        _be _bu _by _if _is _it _ke _na _of _ot _ov _sk _th _up _us _wh _wi _wr _yo ack ady aft alr alu any arn
        ary aul ay_ bad be_ bec bee bef ber bet by_ byt can cog cto ddr ded dge doe dth dy_ ear eas ed_ eed eld
        em_ eng ery etw ew_ ey_ fol fro fte fun fy_ ged giv gth has hat hav hed het hic hil his how idg idt ied
        ify ing inp ish ith ity ize ked key kin kip kno ks_ lay ld_ led lly low lre ly_ may mbe mn_ mov mus nab
        nds ned new ng_ ngt nin niz nkn nly nme nno no_ not now npu ntl ny_ oes of_ ogn ols onl oo_ or_ ory ot_
        oun ove ow_ own ppi pty put ror row run ry_ sed sho siz ski spl ss_ ted th_ tha the thi tly to_ too tpu
        try tti twe uld umb umn una unc und unk unr uns utp utt ved was wed wee whe whi wid wil wit wn_ wri xit
        xpe you yte ze_ zed
        """,
    },
    marks="",
)

PROFILES = {"fr": FRENCH, "en": ENGLISH}


class Detector:
    """Tells the given languages apart; languages without a profile are passed over."""

    def __init__(self, languages: Sequence[str]) -> None:
        self.languages = tuple(language for language in languages if language in PROFILES)
        self._profiles = tuple(PROFILES[language] for language in self.languages)
        self._words = tuple(dict.fromkeys(profile.words, WORD) for profile in self._profiles)

    def detect(self, text: str, words: Sequence[str]) -> str:
        """The language of `text`, whose folded words are `words`; '' where the lead is too small to tell."""
        if len(self._profiles) < 2:
            return self.languages[0] if self.languages else ""
        words = words[:MOST_WORDS]
        scores = [sum(map(table.get, words, repeat(0))) for table in self._words]
        if _lead(scores) < CLEAR:
            further = (self._marks(text), self._grams(words))
            scores = [sum(parts) for parts in zip(scores, *further, strict=True)]
        return self.languages[scores.index(max(scores))] if _lead(scores) >= LEAST_LEAD else ""

    def _marks(self, text: str) -> list[int]:
        """The weight of each language's own letters and beginnings."""
        lowered = text.lower()
        counts = (sum(map(lowered.count, profile.marks)) for profile in self._profiles)
        return [MARK * min(MOST_MARKS, count) for count in counts]

    def _grams(self, words: Sequence[str]) -> list[int]:
        """The weight of each language's letter groups, over the first distinct words."""
        edged = [f"_{word}_" for word in dict.fromkeys(words) if len(word) > 1]
        groups = [word[at : at + 3] for word in edged for at in range(len(word) - 2)]
        return [sum(map(profile.grams.get, groups, repeat(0))) for profile in self._profiles]


def _lead(scores: Sequence[int]) -> int:
    """By how much the best is ahead of the second."""
    first, second = sorted(scores, reverse=True)[:2]
    return first - second
