"""What the classes and ids of a page's elements say of what stands in them: families of names, of no site its own."""

from __future__ import annotations

import re
from enum import Flag, auto
from functools import lru_cache

__all__ = ["Family", "families_of", "line_is_furniture"]


class Family(Flag):
    """What an element is, by its names: several may hold."""

    NONE = 0
    FOREIGN = auto()
    """Text that is long and reads like an article's, and is of others: comments, consent, paid recommendations."""
    FURNITURE = auto()
    """What stands around a text: buttons, related articles, bylines, captions."""
    ARTICLE = auto()
    """The text of an article."""


def _family(names: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[\s_-])(?:{'|'.join(names.split())})(?=$|[\s_-])", re.IGNORECASE)


_FOREIGN = _family(
    r"""
    comments? commentlist comment-?(?:section|list|area|thread|wrap\w*) disqus\w* livefyre coral respond repl(?:y|ies)
    cookies?\w* consent\w* gdpr\w* privacy\w* onetrust taboola\w* outbrain\w* teads zergnet\w* revcontent nativo
    kommentare? commentaires? comentarios? commenti reacties datenschutz\w* privacidad confidentialite
    """
)
_FURNITURE = _family(
    r"""
    related\w* recirc\w* recommend\w* (?:read|see)-?(?:more|next|also) more-(?:on|from|in|stories|news|articles)
    also-read trending popular latest-?\w* breaking most-(?:read|viewed|popular|shared) up-?next around-the-web
    shar(?:e|es|ing|er)\w* social\w* follow\w* newsletters?\w* subscri\w* sign-?up promo\w* call-?out cta\w*
    sponsor\w* advert\w* ads? ad-?(?:slot|unit|container|wrapper|block|box) affiliate\w* partner\w* widgets?
    side-?bar\w* rail breadcrumbs? pagination pager paging page-?nav\w* tags? tag-?(?:list|cloud) topics keywords
    pop-?up modal overlay lightbox byline\w* authors?\w* bio(?:graphy)? timestamp datelines? dates? time credits?
    copyright captions? footer masthead navigation nav navbar navi menu\w* tool-?bar banner skip-?\w*
    print-?only screen-?reader\w* sr-only visually-?hidden hidden hide gallery slide-?show\w* carousel poll survey
    ratings? donat\w* toc meta-?data meta post-?meta entry-?meta teasers?\w* disclaimers? disclosure photos?
    pull-?quote\w* post-?info entry-?utility paywall\w* regwall piano login\w* register link-?back
    video-?(?:player|title|caption|meta|info|list)\w* jp-relatedposts end-?card onward
    relacionad[ao]s? \w+-relacionad[ao]s verwandt\w* correlat[ie] anzeigen? werbung publicidad\w* publicite\w*
    publicidade pubblicita reklam\w* compartir compartilh\w* partag\w+ teilen condividi lue-?aussi leia-?\w+
    mais-?lid[ao]s mas-?leid[ao]s meistgelesen autor(?:en|e|es)? auteurs? autore bildunterschrift legende pie-?foto
    """
)
_EMBEDDED = _family(r"tweet\w* twitter-\w+ embed\w* social-embed\w*")
_ARTICLE = _family(
    r"""
    (?:article|story|post|entry|news|page|blog)[_-]{0,2}(?:body|content|text|main|copy|detail|inner)\w*
    (?:body|main|full)[_-]{0,2}(?:article|story|post|copy|text)\w* e-content
    (?:artikel|beitrag\w{0,2}|articulo|noticia|nota|materia|articolo)[_-]{0,2}(?:text|body|inhalt|content|cuerpo|corpo)\w*
    (?:noticia|articulo|artigo|articolo)[_-]{0,2}(?:texto|contenido|conteudo|testo)\w* (?:cuerpo|corps|corpo)[_-]?\w*
    """
)
_SUBJECT = re.compile(
    r"(?<!\S)(?:(?:category|tag|topic|term)[_-](?!list|cloud|link)|(?:\S+[_-])?(?:has|with|without|no)[_-])\S+",
    re.IGNORECASE,
)
"""Names that say what an article is about, as WordPress's do, or what is beside it: ``tag-ads``, ``has-sidebar``."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@lru_cache(maxsize=8192)  # a site's pages share their names
def families_of(names: str) -> Family:
    """Return the families that an element's names (classes and id, parted by spaces) belong to."""
    names = _SUBJECT.sub(" ", names)
    if not names.islower():
        names = _CAMEL.sub("-", names)
    family = Family.NONE
    if _FOREIGN.search(names):
        family |= Family.FOREIGN
    if _FURNITURE.search(names) and not _EMBEDDED.search(names):
        family |= Family.FURNITURE
    if _ARTICLE.search(names):
        family |= Family.ARTICLE
    return family


_CALL = re.compile(
    r"""
    subscribe\ (?:to|now|today|for)|sign\ up|follow\ (?:us|the|@|\w+\ on)|share\ this|like\ this\ (?:story|article)
    |click\ (?:here|for)|tell\ us\ what|(?:read|see)\ (?:more|also|next)\b|also\ read|don['’]t\ miss|you\ may\ also
    |view\ (?:comments|gallery)|have\ a\ (?:news\ )?tip|get\ the\ latest|download\ (?:the|our)\ |what\ do\ you\ think
    |join\ the\ conversation|support\ our\ journalism|become\ a\ (?:member|subscriber)|this\ (?:web)?site\ uses
    |by\ continuing|all\ rights\ reserved|(?:©|\(c\)|ⓒ|copyright\ (?:©|\d))|(?:photo|image)\ (?:by|credits?|source)
    |(?:last\ |first\ )?(?:published|updated|modified)(?:\ (?:at|on)\b|:)
    |lesen\ sie\ (?:auch|hier|mehr)|(?:mehr|auch)\ zum\ thema|(?:à|a)?\ ?lire\ (?:aussi|également)|leggi\ anche
    |le[ae]\ también|leia\ (?:também|mais)|lees\ ook|läs\ (?:också|mer)|læs\ også|lue\ myös|czytaj\ (?:także|też|więcej)
    |(?:читайте|смотрите)\ также|читайте\ ещё|читайте\ також|baca\ juga|ayrıca\ oku|اقرأ\ أيض|関連記事|相关阅读|延伸阅读
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What asks for something, or says where to go on."""
_LABEL = re.compile(
    r"""
    more\ (?:from|great|on|stories)\b|related\b|recommended\b|most\ read|(?:next|previous)\ article|comments?\b
    |filed\ under|tags?:|categor(?:y|ies):|copyright\b|listen:|watch:|loading|buy\ now|(?:photos?|images?|video):
    |advertisement|sponsored|anzeige|publicité|publicidade?|pubblicità|реклама|foto:|фото:|quelle:|источник:
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What stands above or beside something; a sentence may begin with it, too."""
_MOST_CALL_WORDS = 16
_MOST_LABEL_WORDS = 12
_SENTENCE = re.compile(r"\w[.!?…。]$")


def line_is_furniture(text: str, words: int) -> bool:
    """Whether a short block asks for something or says where to go on, instead of being text."""
    if words > _MOST_CALL_WORDS:
        return False
    if _CALL.match(text) is not None:
        return True
    return words <= _MOST_LABEL_WORDS and _LABEL.match(text) is not None and _SENTENCE.search(text[-4:]) is None
