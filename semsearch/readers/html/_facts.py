"""What a page says of its article: headline, authors, dates, site, address, language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from semsearch.readers.html._dates import Stamp, Standing
from semsearch.readers.html._linked import article_of, linked_nodes, names_of, text_of

if TYPE_CHECKING:
    from lxml.etree import _Element

    from semsearch.readers.html._parse import Source

__all__ = ["Facts", "facts_of"]

_LONGEST_LINE = 500
"""Characters of what a page says in one line: a title, a description."""
_MOST_ELEMENTS = 50  # of a kind that are looked at
_MARKED_TIME = re.compile(r"publish|posted|entry-date|post-date|pubdate|created", re.IGNORECASE)
_CHANGED_TIME = re.compile(r"updated?|modif", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s+(?:[|–—·•»:/-]|::|\|\|)\s+")
_SAVED = re.compile(r"<!--\s*(?:saved from url=\(\d{4}\)|Page saved with SingleFile\s+url:\s*)(https?://[^\s>]+)")
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?(?:[.@-].*)?", re.IGNORECASE)
_NO_NAME = re.compile(r"https?:|www\.|[@<>{}]|\d{4}", re.IGNORECASE)
_BY = re.compile(r"(?:(?:written|reported|posted) )?by:? +", re.IGNORECASE)

_PUBLISHED = {
    "article:published_time": Standing.META,
    "og:article:published_time": Standing.META,
    "og:published_time": Standing.META,
    "datepublished": Standing.META,
    "article:published": Standing.META,
    "article.published": Standing.META,
    "parsely-pub-date": Standing.META,
    "sailthru.date": Standing.META,
    "cxenseparse:recs:publishtime": Standing.META,
    "dcterms.issued": Standing.META,
    "dc.date.issued": Standing.META,
    "citation_publication_date": Standing.META,
    "publish-date": Standing.META,
    "publish_date": Standing.META,
    "published-date": Standing.META,
    "publication_date": Standing.META,
    "pubdate": Standing.META,
    "pub_date": Standing.META,
    "originalpublicationdate": Standing.META,
    "article_date_original": Standing.META,
    "dc.date": Standing.PAGE,
    "dcterms.date": Standing.PAGE,
    "dcterms.created": Standing.PAGE,
    "date": Standing.PAGE,
    "article:modified_time": Standing.MODIFIED,
    "og:updated_time": Standing.MODIFIED,
    "datemodified": Standing.MODIFIED,
    "last-modified": Standing.MODIFIED,
    "dcterms.modified": Standing.MODIFIED,
    "lastmod": Standing.MODIFIED,
}
"""The names of <meta> elements that hold dates, in small letters."""
_AUTHORS = ("author", "byl", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator", "citation_author")


@dataclass(slots=True)
class Facts:
    """What is said of an article, each empty where the page does not say it.

    Attributes:
        title: The headline, without the site's name.
        authors: Their names.
        site: The name of the site, or its host.
        url: The canonical address.
        language: BCP 47.
        more: Description, section and keywords.
        stamps: All dates.
        body: The text, as JSON-LD states it.
        free: Whether anybody may read all of it.
    """

    title: str = ""
    authors: list[str] = field(default_factory=list)
    site: str = ""
    url: str = ""
    language: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    stamps: list[Stamp] = field(default_factory=list)
    body: str = ""
    free: bool = True


@dataclass(slots=True)
class _Found:
    """The elements that say something, as one pass finds them."""

    metas: dict[str, list[str]] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    times: list[_Element] = field(default_factory=list)
    canonical: str = ""

    def first(self, *names: str) -> str:
        """Return the first content of the first <meta> with one of these names."""
        return next((self.metas[name][0] for name in names if name in self.metas), "")


def facts_of(source: Source) -> Facts:
    """Return what a page says of its article, in JSON-LD, in <meta>, in marked elements and in its headings."""
    found = _find(source.root)
    headlines = [found.first("og:title", "twitter:title"), *found.headings]
    nodes = linked_nodes(found.scripts)
    article = article_of(nodes, [line for line in headlines if line]) or {}
    facts = Facts()
    facts.url = _url(found, article, source.head)
    host = (urlsplit(facts.url).hostname or "").removeprefix("www.") if facts.url else ""
    publishers = names_of(article.get("publisher"))
    facts.site = _site(found.first("og:site_name", "application-name"), *publishers) or host
    facts.title = _title(found, article, (facts.site, host, host.partition(".")[0], *publishers))
    facts.authors = _authors(found, article, source.root)
    facts.language = _language(
        source.root.get("lang") or source.root.get("xml:lang"),
        text_of(article.get("inLanguage")),
        found.first("og:locale", "content-language", "dc.language"),
    )
    facts.more = _more(found, article)
    facts.stamps = [*_linked_stamps(article, nodes), *_meta_stamps(found), *_element_stamps(found, source.root)]
    body = article.get("articleBody")
    facts.body = body if isinstance(body, str) else ""
    facts.free = str(article.get("isAccessibleForFree")).casefold() not in {"false", "http://schema.org/false"}
    return facts


def _site(*names: str) -> str:
    """Return the first name of a site; where it is an address, its host."""
    for name in names:
        host = urlsplit(_absolute(name, "")).hostname
        if name.strip("@ "):
            return host.removeprefix("www.") if host else name.strip("@ ")
    return ""


def _find(root: _Element) -> _Found:
    found = _Found()
    for element in root.iter("meta", "link", "script", "title", "h1", "time"):
        tag = element.tag
        if tag == "meta":
            name = (
                element.get("property") or element.get("name") or element.get("itemprop") or element.get("http-equiv")
            )
            content = " ".join((element.get("content") or "").split())
            if name and content:
                contents = found.metas.setdefault(name.strip().casefold()[:100], [])
                contents.extend([content[:_LONGEST_LINE]] if len(contents) < _MOST_ELEMENTS else [])
        elif tag == "script":
            if "ld+json" in (element.get("type") or "") and element.text:
                found.scripts.append(element.text)
        elif tag == "link":
            if not found.canonical and (element.get("rel") or "").casefold() == "canonical":
                found.canonical = (element.get("href") or "").strip()
        elif tag == "time":
            found.times.extend([element] if len(found.times) < _MOST_ELEMENTS else [])
        else:
            lines = found.titles if tag == "title" else found.headings
            lines.extend([_line(element)] if len(lines) < _MOST_ELEMENTS else [])
    return found


def _line(element: _Element) -> str:
    return " ".join("".join(element.itertext(with_tail=False)).split())[:_LONGEST_LINE]


def _title(found: _Found, article: Mapping[str, Any], sites: Iterable[str]) -> str:
    """Return the headline as readers see it: a heading that agrees with what else the page is called, or that."""
    stated = [text_of(article.get("headline")), found.first("og:title", "twitter:title"), *found.titles[:1]]
    called = [_without_site(line, sites) for line in stated if line]
    headings = [line for line in found.headings if line and not _is_site(line, sites)]
    for heading in headings:
        if any(_agree(heading, line) for line in called) or (not called and heading):
            return heading
    return called[0][:_LONGEST_LINE] if called else ""


def _agree(line: str, other: str) -> bool:
    words, others = map(_words, (line, other))
    return 2 * len(words & others) > min(len(words), len(others))


def _words(line: str) -> set[str]:
    """Return the words of a line that say something: the long ones, if it has any."""
    words = {word.casefold() for word in re.findall(r"\w+", line)}
    return {word for word in words if len(word) > 3} or words


def _without_site(title: str, sites: Iterable[str]) -> str:
    """Return a title without the names of sites and sections at its end: ``Talks fail - World | The Paper``."""
    for match in _SEPARATOR.finditer(title):
        rest = _SEPARATOR.split(title[match.end() :])
        if _is_site(rest[-1], sites):
            return (
                title[: match.start()]
                if len(rest) == 1
                else _without_site(title[: -len(rest[-1])].rstrip(" |–—·•»:/-"), ())
            )
    return title


def _is_site(text: str, sites: Iterable[str]) -> bool:
    return _letters(text) in {_letters(site) for site in sites if site}


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _authors(found: _Found, article: Mapping[str, Any], root: _Element) -> list[str]:
    stated = (
        names_of(article.get("author")),
        names_of(article.get("creator")),
        [name for key in _AUTHORS for name in found.metas.get(key, ())],
        found.metas.get("article:author", ()),
    )
    authors = next(filter(None, map(_names, stated)), None)
    return _names(_marked_authors(root)) if authors is None else authors


def _names(stated: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, map(_author, stated))))


def _author(name: str) -> str:
    """Return a name without the "By" before it; empty if it is an address, or no name."""
    name = _BY.sub("", name, count=1).strip(" ,;|")
    return "" if _NO_NAME.search(name) or not 1 < len(name) <= 100 else name


def _marked_authors(root: _Element) -> list[str]:
    marked: Any = root.xpath("//body//*[@itemprop='author' or @rel='author'][not(self::link)]")
    names: list[str] = []
    for element in marked[:_MOST_ELEMENTS]:
        inner: Any = element.xpath(".//*[@itemprop='name']")
        names.extend(filter(None, ((one.get("content") or _line(one)).strip() for one in inner[:1] or [element])))
    return names[:5]


def _url(found: _Found, article: Mapping[str, Any], head: str) -> str:
    """Return the canonical address, absolute; an address of the site's first page is none of an article."""
    saved = _SAVED.search(head)
    base = saved[1] if saved else found.first("og:url")
    candidates = [found.canonical, found.first("og:url"), text_of(article.get("url")), base]
    entity = article.get("mainEntityOfPage")
    candidates.append(text_of(entity.get("@id")) if isinstance(entity, dict) else text_of(entity))
    absolute = [url for url in (_absolute(candidate, base) for candidate in candidates) if url]
    return next((url for url in absolute if urlsplit(url).path.strip("/") or urlsplit(url).query), "")


def _absolute(url: str, base: str) -> str:
    try:
        url = urljoin(base, url) if url else ""
        parts = urlsplit(url)
        return url if parts.scheme in {"http", "https"} and parts.hostname and len(url) < 2000 else ""
    except ValueError:
        return ""


def _language(*stated: str | None) -> str:
    """Return the first of the languages that is one, as BCP 47 writes it: ``pt-BR``."""
    for language in filter(None, stated):
        match = _LANGUAGE.fullmatch(language.strip())
        if match is not None:
            parts = (match[1].lower(), (match[2] or "").title(), (match[3] or "").upper())
            return "-".join(filter(None, parts))
    return ""


def _more(found: _Found, article: Mapping[str, Any]) -> dict[str, Any]:
    keywords = article.get("keywords") or found.metas.get("article:tag") or found.first("news_keywords", "keywords")
    if isinstance(keywords, str):
        keywords = keywords.split(",")
    words = [text_of(word) for word in keywords[:_MOST_ELEMENTS]] if isinstance(keywords, list) else []
    more = {
        "description": (found.first("og:description", "description") or text_of(article.get("description"))),
        "section": text_of(article.get("articleSection")) or found.first("article:section"),
        "keywords": list(dict.fromkeys(filter(None, words))),
    }
    return {name: value[:_LONGEST_LINE] for name, value in more.items() if value}


def _linked_stamps(article: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]]) -> Iterator[Stamp]:
    for node, standing in (
        (article, Standing.ARTICLE),
        *((node, Standing.PAGE) for node in nodes if node is not article),
    ):
        if node is not article and not _is_page(node):
            continue
        for name, of_kind in (("datePublished", standing), ("dateCreated", Standing.PAGE)):
            yield from _stamp(text_of(node.get(name)), "JSON-LD", of_kind)
        yield from _stamp(text_of(node.get("dateModified")), "JSON-LD dateModified", Standing.MODIFIED)


def _is_page(node: Mapping[str, Any]) -> bool:
    return isinstance(node.get("@type"), str) and node["@type"].endswith("Page")


def _meta_stamps(found: _Found) -> Iterator[Stamp]:
    for name, standing in _PUBLISHED.items():
        yield from _stamp(found.first(name), f"meta {name}", standing)


def _element_stamps(found: _Found, root: _Element) -> Iterator[Stamp]:
    marked: Any = root.xpath("//*[@itemprop='datePublished'][not(self::meta)]")
    for element in marked[:1]:
        text = element.get("datetime") or element.get("content") or _line(element)
        yield from _stamp(text, "time element", Standing.MARKED)
    for element in found.times:
        names = f"{element.get('class') or ''} {element.get('itemprop') or ''}"
        if element.get("datetime") and not _CHANGED_TIME.search(names):
            is_marked = "pubdate" in element.attrib or _MARKED_TIME.search(names)
            standing = Standing.PAGE if is_marked else Standing.ELEMENT
            yield from _stamp(element.get("datetime") or "", "time element", standing)


def _stamp(text: str, source: str, standing: int) -> Iterator[Stamp]:
    if text.strip():
        yield Stamp(text.strip()[:100], source, standing)
