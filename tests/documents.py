"""Makes documents: PDFs by reportlab, line by line where a test says where lines stand; others by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["BOLD", "FONT", "PdfMaker", "docx_of", "epub_of", "odt_of", "pdf_of", "zip_of"]

PAGE = (595.0, 842.0)
FONT, BOLD = "Helvetica", "Helvetica-Bold"


class PdfMaker:
    """Draws text on pages. A line's ``y`` is counted from the bottom, in points."""

    def __init__(self, **properties: str) -> None:
        from reportlab.pdfgen.canvas import Canvas

        self._buffer = io.BytesIO()
        self.canvas: Any = Canvas(self._buffer, pagesize=PAGE, invariant=1, pageCompression=1)
        for name, value in properties.items():
            getattr(self.canvas, f"set{name}")(value)

    def line(self, x: float, y: float, text: str, size: float = 11, font: str = FONT) -> None:
        self.canvas.setFont(font, size)
        self.canvas.drawString(x, y, text)

    def lines(self, x: float, y: float, lines: Sequence[str], size: float = 11, font: str = FONT) -> float:
        """Draw lines below each other, and return where the next one would stand."""
        for text in lines:
            self.line(x, y, text, size, font)
            y -= 1.2 * size
        return y

    def wrapped(self, text: str, x: float = 72, y: float = 740, width: float = 450, size: float = 11) -> float:
        """Draw a paragraph in lines of a width, and return where the next line would stand."""
        from reportlab.pdfbase.pdfmetrics import stringWidth

        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if stringWidth(longer, FONT, size) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return self.lines(x, y, lines, size)

    def end_page(self) -> None:
        self.canvas.showPage()

    def done(self) -> bytes:
        self.canvas.save()
        return self._buffer.getvalue()


def pdf_of(pages: Sequence[Sequence[str]], **properties: str) -> bytes:
    """Return a PDF of pages of paragraphs, with a number on each page."""
    maker = PdfMaker(**properties)
    for number, paragraphs in enumerate(pages, start=1):
        y = 740.0
        for paragraph in paragraphs:
            y = maker.wrapped(paragraph, y=y) - 8
        maker.line(290, 40, str(number), 9)
        maker.end_page()
    return maker.done()


def zip_of(members: Mapping[str, str | bytes]) -> bytes:
    """Return a zip file of members in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2022, 1, 7, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def docx_of(paragraphs: Sequence[str | tuple[str, str]], **properties: Any) -> bytes:
    """Return a Word document of paragraphs; one with a style is a pair of it and the text."""
    import docx

    document: Any = docx.Document()
    for paragraph in paragraphs:
        style, text = ("Normal", paragraph) if isinstance(paragraph, str) else paragraph
        document.add_paragraph(text, style)
    for name, value in properties.items():
        setattr(document.core_properties, name, value)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


_ODT_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table", "style", "draw", "meta")
)


def odt_of(body: str, *, styles: str = "", meta: str = "") -> bytes:
    """Return an OpenDocument text of the XML of its body, automatic styles and properties."""
    content = (
        f"<office:document-content {_ODT_NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    names = f'{_ODT_NAMES} xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return zip_of(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f'<?xml version="1.0" encoding="UTF-8"?>{content}',
            "meta.xml": f"<office:document-meta {names}><office:meta>{meta}</office:meta></office:document-meta>",
        }
    )


def epub_of(chapters: Sequence[str], *, metadata: str = "<dc:title>The Book</dc:title>", **more: str) -> bytes:
    """Return a book of the XHTML of its chapters' bodies; ``more`` are other members, without ``META-INF/``."""
    items = "".join(
        f'<item id="c{n}" href="text/c%20{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    return zip_of(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
            **{f"META-INF/{name}.xml": content for name, content in more.items()},
            "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf">'
            f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{metadata}</metadata><manifest>'
            f'<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>{items}</manifest>'
            f'<spine><itemref idref="nav"/>{spine}</spine></package>',
            "OEBPS/nav.xhtml": "<html><body><nav><h1>Contents</h1></nav></body></html>",
            **{
                f"OEBPS/text/c {n}.xhtml": f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'
                for n, body in enumerate(chapters)
            },
        }
    )
